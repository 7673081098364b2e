// More calls of one context than anyone serves soon, at the callers' port of the real runtime. daprd lets one call of an actor through at a time and
// keeps the others itself, in the order in which they came: the host's own queue stays empty, and nobody is told to come back.

import { readFileSync } from "node:fs";
import { Pool } from "undici";
import { expect } from "vitest";
import { z } from "zod";
import { Client } from "../../dapr/client.ts";
import { systemDie } from "../../dapr/clock.ts";
import { limits } from "../../protocol/limits.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import type { Process } from "../../tools/run/processes.ts";
import { appends, flood } from "../suites/bad-input/floods.ts";
import { grantFor } from "../suites/caller.ts";
import { liveTest, temporaryCluster } from "../tools/live.ts";

/** STRATA_QUEUED=10000 is what docs/operations.md tells of; everyday runs have fewer, since they are served one by one. */
const QUEUED = Number(process.env.STRATA_QUEUED ?? 2_000);
/** What one waiting call may cost a callers' sidecar: some three times what was measured. */
const KIB_PER_CALL = 160;
const LOOK_MS = 100;
const LONG_MS = 280_000;
const Health = z.object({ running: z.int() });

liveTest(
  `on daprd: of ${QUEUED} appends to one context at once every one is acknowledged and there once; they wait in the sidecar, at a bounded price`,
  async () => {
    await using cluster = await temporaryCluster({ store: "redis" });
    const [host] = cluster.hosts;
    if (host?.process === undefined) throw new Error("the cluster has no host of its own");
    const grant = grantFor(new Keyring(parseRootKeys(cluster.secrets.rootKey), systemDie), "main");
    const client = new Client({ url: cluster.url, grant });
    await client.callTenant("main", "create", {});
    await client.call("main.beside", "append", { key: "first", items: [{ role: "user", content: "before" }] });
    const before = [cluster.callers.process, host.process].map(peakKib);

    const ended = new AbortController();
    const watching = watch(host.url, ended.signal);
    const door = { url: `${cluster.url}/v1.0/actors`, headers: {} };
    let beside: Promise<unknown> | undefined;
    const answers = await flood(door, appends("main.full", grant, QUEUED), QUEUED, () => {
      // While the others wait, another context is served.
      beside ??= client.call("main.beside", "append", { key: "second", items: [{ role: "user", content: "during" }] });
    });
    ended.abort();

    expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    expect(await beside).toMatchObject({ version: 2 });
    expect(await client.call("main.full", "verify", {})).toMatchObject({ version: QUEUED });
    const contents: unknown[] = [];
    for (let from: number | undefined = 0; from !== undefined; ) {
      const page: Awaited<ReturnType<typeof client.call<"read">>> = await client.call("main.full", "read", { from });
      contents.push(...page.items.map(({ content }) => content));
      from = page.next;
    }
    expect(new Set(contents).size).toBe(QUEUED);
    expect(contents.length).toBe(QUEUED);

    // The host never held as many as its own queue has room for: one turn at a time reaches it, and some reminders.
    const most = await watching;
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(limits.queue_per_context);
    const [callersKib = 0, hostKib = 0] = [cluster.callers.process, host.process].map((one, i) => peakKib(one) - (before[i] ?? 0));
    expect(callersKib).toBeLessThan(64 * 1024 + QUEUED * KIB_PER_CALL);
    expect(hostKib).toBeLessThan(192 * 1024);
  },
  LONG_MS,
);

/** How many calls and reminders the host had at once, at most, as its health tells. */
async function watch(url: string, until: AbortSignal): Promise<number> {
  const pool = new Pool(url, { connections: 1 });
  let most = 0;
  while (!until.aborted) {
    const { body } = await pool.request({ method: "GET", path: "/healthz" });
    most = Math.max(most, Health.parse(await body.json()).running);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
  await pool.close();
  return most;
}

/** The most memory that it ever had; 0 where the system does not tell. */
function peakKib({ pid }: Process): number {
  if (process.platform !== "linux") return 0;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}
