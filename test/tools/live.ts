// Whether tests may run against a real Dapr runtime. Where there is none they are skipped, and the reason is printed; where STRATA_REQUIRE_DAPR is
// set they fail instead.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { type Binaries, findBinaries } from "../../tools/run/binaries.ts";
import { type Cluster, type ClusterOptions, startCluster } from "../../tools/run/cluster.ts";

const found = await findBinaries({ env: process.env });
const required = !["", "0", "false", undefined].includes(process.env.STRATA_REQUIRE_DAPR);

if (!found.ok && required) throw new Error(`STRATA_REQUIRE_DAPR is set, and there is no Dapr runtime: ${found.why}`);
if (!found.ok) console.warn(`SKIPPED what needs a real Dapr runtime: ${found.why}`);

/** A test that needs the real thing. */
export const liveTest: typeof test.skip = test.skipIf(!found.ok);

/** Where a suite is skipped, its hooks must do nothing. */
export const isLive: boolean = found.ok;

export function binaries(): Binaries {
  if (!found.ok) throw new Error(found.why);
  return found.binaries;
}

export interface TemporaryCluster extends Cluster {
  /** What it said while it started. */
  readonly said: readonly string[];
}

/** A cluster in a temporary folder, which goes when it is disposed of. */
export async function temporaryCluster(options: Omit<ClusterOptions, "binaries" | "dataDir">): Promise<TemporaryCluster> {
  const dataDir = await mkdtemp(join(tmpdir(), "strata-cluster-"));
  const said: string[] = [];
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  try {
    const cluster = await startCluster({ ...options, binaries: binaries(), dataDir, report: (line) => said.push(line) });
    const dispose = async (): Promise<void> => {
      await cluster[Symbol.asyncDispose]();
      await remove();
    };
    return { ...cluster, said, [Symbol.asyncDispose]: dispose };
  } catch (reason) {
    await remove();
    throw reason;
  }
}
