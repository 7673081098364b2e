// Every fault on a real daprd with Redis and with PostgreSQL: a tenth of what `npm run faults` does.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { binaries, isLive, liveTest } from "../tools/live.ts";
import { faults } from "./all.ts";
import { type Installation, openInstallation } from "./installation.ts";
import { runFault } from "./run.ts";

const APPENDS = 1_000;
const FIRES = 5;
const START_MS = 120_000;
const RUN_MS = 240_000;

describe.each(["redis", "postgres"] as const)("on a real daprd with %s", (store) => {
  let dataDir: string;
  let site: Installation;

  beforeAll(async () => {
    if (!isLive) return;
    dataDir = await mkdtemp(join(tmpdir(), "strata-faults-"));
    site = await openInstallation({ binaries: binaries(), store, dataDir, without: [], report: () => {} });
  }, START_MS);

  afterAll(async () => {
    if (!isLive) return;
    await site?.[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }, START_MS);

  liveTest.each(faults)(
    "nothing acknowledged is lost or doubled when $about",
    async (fault) => {
      const seed = Number(process.env.STRATA_SEED ?? 1);
      const outcome = await runFault(fault, site, { appends: APPENDS, fires: FIRES, seed, limitMs: RUN_MS - 30_000, report: () => {} });
      console.log(
        `${fault.name} on ${store}: ${outcome.acknowledged} acknowledged, ${outcome.fired} faults fired with a turn in flight, ${outcome.seconds} s`,
      );
      expect(outcome.violations).toEqual([]);
      expect(outcome.acknowledged).toBeGreaterThanOrEqual(APPENDS);
      expect(outcome.fired).toBeGreaterThanOrEqual(FIRES);
    },
    RUN_MS,
  );
});
