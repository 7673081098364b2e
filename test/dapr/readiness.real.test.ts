// Sidecar and store of a host go away and come back, on the real Dapr runtime with Redis. The host itself stays where it is, and its actors with it.

import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { z } from "zod";
import { Client } from "../../dapr/client.ts";
import { systemDie } from "../../dapr/clock.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { until } from "../../tools/run/polling.ts";
import { grantFor } from "../suites/caller.ts";
import { liveTest, temporaryCluster } from "../tools/live.ts";

const WAIT_MS = 30_000;
const Standing = z.object({ sidecar: z.string(), store: z.string() });

liveTest(
  "on daprd with Redis: /readyz tells when the sidecar or the store is away and when it is back; /healthz and the host stay",
  async () => {
    await using cluster = await temporaryCluster({ store: "redis" });
    const [host] = cluster.hosts;
    const redis = cluster.bus.process;
    if (host?.process === undefined || redis === undefined) throw new Error("no host, or no Redis of its own");
    const { pid } = host.process;
    const told = (sidecar: string, store: string, status: number) =>
      until(`sidecar ${sidecar}, store ${store}`, WAIT_MS, async (signal) => {
        const response = await fetch(`${host.url}/readyz`, { signal });
        const standing = Standing.parse(await response.json());
        const alive = await fetch(`${host.url}/healthz`, { signal });
        expect(alive.status).toBe(200);
        return response.status === status && standing.sidecar === sidecar && standing.store === store ? true : undefined;
      });

    await told("ok", "ok", 200);
    await redis.kill();
    await told("ok", "away", 503);
    await redis.start();
    await told("ok", "ok", 200);
    await host.sidecar.process.kill();
    await told("away", "away", 503);
    await host.sidecar.process.start();
    await told("ok", "ok", 200);

    expect(host.process.pid).toBe(pid);
    await cluster.ready();
    const grant = grantFor(new Keyring(parseRootKeys(cluster.secrets.rootKey), systemDie), "main");
    const client = new Client({ url: cluster.url, grant });
    await client.callTenant("main", "create", {});
    expect(await client.call("main.a", "append", { key: "k", items: [{ role: "user", content: "hello" }] })).toMatchObject({ version: 1 });
  },
);

liveTest("on daprd with Redis: a host that may not look whether it forgets says so once when it starts (C9)", async () => {
  await using cluster = await temporaryCluster({ store: "redis", app: { env: { STRATA_REDIS_URL: "" } } });
  const log = readFileSync(cluster.hosts[0]?.process?.logFile ?? "", "utf8");
  expect(log.match(/whether the Redis behind the store forgets was not looked at/g)).toHaveLength(1);
});
