import { faults } from "./all.ts";
import { hostJoins } from "./host-joins.ts";
import { hostStopped } from "./host-stopped.ts";
import { faultTests } from "./suite.ts";

// Those two have files of their own: most of their time goes by until a lease or D is over, so that others may run beside them.
faultTests(faults.filter((fault) => fault !== hostJoins && fault !== hostStopped));
