// Says which Dapr runtime the tests will use; exit code 1 where there is none.

import { findBinaries } from "../tools/run/binaries.ts";

const found = await findBinaries({ env: process.env });
console.log(found.ok ? `daprd ${found.binaries.version}: ${found.binaries.daprd}` : found.why);
process.exitCode = found.ok ? 0 : 1;
