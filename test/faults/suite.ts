// Faults on a real daprd, with Redis and PostgreSQL side by side: a tenth of what `npm run faults` does.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { binaries, isLive, liveTest } from "../tools/live.ts";
import { type Installation, openInstallation } from "./installation.ts";
import { runFault } from "./run.ts";
import type { Fault } from "./stage.ts";

const APPENDS = 1_000;
const FIRES = 5;
const START_MS = 120_000;
/** When a run has failed that is not done; the last look at everything takes up to a minute more, and then it can say what was wrong. */
const LIMIT_MS = 200_000;
const RUN_MS = 300_000;
const seed = Number(process.env.STRATA_SEED ?? 1);

export function faultTests(faults: readonly Fault[]): void {
  const stack = new AsyncDisposableStack();
  let sites: Installation[] = [];
  let failed = false;

  beforeAll(async () => {
    if (!isLive) return;
    sites = await Promise.all(
      (["redis", "postgres"] as const).map(async (store) => {
        const dataDir = await mkdtemp(join(tmpdir(), "strata-faults-"));
        stack.defer(async () => {
          if (failed) console.log(`kept, with its history and logs: ${dataDir}`);
          else await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
        });
        const site = await openInstallation({ binaries: binaries(), store, dataDir, without: [], report: () => {} });
        return stack.use(site);
      }),
    );
  }, START_MS);

  afterAll(() => stack.disposeAsync(), START_MS);

  liveTest.each(faults)(
    "$name: nothing acknowledged is lost or doubled when $about",
    async (fault) => {
      const options = { appends: APPENDS, fires: FIRES, seed, limitMs: LIMIT_MS, report: () => {} };
      const outcomes = await Promise.all(sites.map((site) => runFault(fault, site, options)));
      for (const { store, acknowledged, fired, seconds } of outcomes)
        console.log(`${fault.name} on ${store}: ${acknowledged} acknowledged, ${fired} faults fired with a turn in flight, ${seconds} s`);
      failed ||= outcomes.some(({ violations }) => violations.length > 0);
      expect(outcomes.map(({ store, violations }) => ({ store, violations }))).toEqual(
        sites.map(({ store }) => ({ store, violations: [] })),
      );
      for (const { acknowledged, fired } of outcomes) {
        expect(acknowledged).toBeGreaterThanOrEqual(APPENDS);
        expect(fired).toBeGreaterThanOrEqual(FIRES);
      }
    },
    RUN_MS,
  );
}
