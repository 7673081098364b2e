import { hostJoins } from "./host-joins.ts";
import { faultTests } from "./suite.ts";

faultTests([hostJoins]);
