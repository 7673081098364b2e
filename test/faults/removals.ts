// What becomes of a fault when one of its cures is gone: the run must fail, and with what the cure is there to prevent.

import type { Binaries } from "../../tools/run/binaries.ts";
import { cureOf } from "./cures.ts";
import { type FaultStore, withInstallation } from "./installation.ts";
import { runFault } from "./run.ts";
import type { Fault, Removal } from "./stage.ts";

/** Of a run that is to fail, the load is no part: it need only flow. */
export const REMOVAL_APPENDS = 100;
const LIMIT_MS = 180_000;

export interface RemovalOptions {
  readonly binaries: Binaries;
  readonly store: FaultStore;
  readonly seed: number;
  readonly keep: boolean;
  readonly report: (line: string) => void;
}

export interface Removed {
  readonly fault: string;
  readonly without: readonly string[];
  readonly store: FaultStore;
  readonly seed: number;
  /** What the run said that the cure would have prevented; undefined where it is not missed. */
  readonly finding: string | undefined;
  readonly violations: readonly string[];
  readonly seconds: number;
}

/** The removals that mean something on `store`: a setting of Redis is nothing to PostgreSQL. */
export const removalsOn = ({ cures }: Fault, store: FaultStore): readonly Removal[] =>
  cures.filter(({ without }) => store === "redis" || without.every((name) => cureOf(name).redis === undefined));

/** Runs `fault` in an installation of its own, without the cures that `removal` names. */
export function runRemoval(fault: Fault, { without, fires, finds }: Removal, options: RemovalOptions): Promise<Removed> {
  const { store, seed, report } = options;
  return withInstallation({ ...options, without: without.map(cureOf) }, async (site) => {
    const run = { appends: REMOVAL_APPENDS, fires, seed, limitMs: LIMIT_MS, report };
    const { violations, seconds } = await runFault(fault, site, run);
    return { fault: fault.name, without, store, seed, finding: violations.find((one) => finds.test(one)), violations, seconds };
  });
}
