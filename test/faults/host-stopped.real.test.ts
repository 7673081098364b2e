import { hostStopped } from "./host-stopped.ts";
import { faultTests } from "./suite.ts";

faultTests([hostStopped]);
