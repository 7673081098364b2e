import { contractOnDaprd } from "./on-daprd.ts";

contractOnDaprd("postgres");
