// Real trajectories through the real Dapr runtime. The host is killed with kill -9 in the middle; whoever imports only waits.

import { expect } from "vitest";
import { systemDie } from "../../dapr/clock.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { grantFor } from "../suites/caller.ts";
import { liveTest, temporaryCluster } from "../tools/live.ts";
import { compareAll, openTenant, type Place, present, runImport, sources } from "./journey.ts";

const SEED = 20_260_201;
const LONG_MS = 480_000;

const journey = present ? liveTest : liveTest.skip;

journey(
  "daprd on SQLite: an import outlives a kill -9 of the host, a second one writes nothing, and every context is its line",
  async () => {
    await using cluster = await temporaryCluster({ store: "sqlite" });
    const grant = grantFor(new Keyring(parseRootKeys(cluster.secrets.rootKey), systemDie), "main");
    const place: Place = { url: cluster.url, grant };
    await openTenant(place);
    const all = sources();
    const messages = all.reduce((sum, { trajectory }) => sum + trajectory.messages.length, 0);

    const host = cluster.hosts[0]?.process;
    let back: Promise<void> | undefined;
    const again = async (): Promise<void> => {
      await host?.kill();
      await host?.start();
      await cluster.ready();
    };
    const run = await runImport(place, (written) => {
      if (written === Math.floor(messages / 3)) back = again();
    });
    await back;
    expect(back).toBeDefined();
    expect(run).toMatchObject({ contexts: all.length, failed: 0, problems: [] });
    expect(await runImport(place)).toEqual({ ...run, written: 0 });
    await compareAll(place, all, SEED);
  },
  LONG_MS,
);
