import { contractOnDaprd } from "./on-daprd.ts";

contractOnDaprd("sqlite");
