import { faults } from "./all.ts";
import { faultTests, waits } from "./suite.ts";

faultTests(faults.filter(waits));
