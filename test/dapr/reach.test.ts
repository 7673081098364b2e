// When a host says of itself that calls do not get to its actors: only when its sidecar keeps them waiting and is well otherwise.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { ActorType } from "../../actors/actor.ts";
import { type Host, startHost } from "../../dapr/host.ts";
import { Reach } from "../../dapr/reach.ts";
import type { Standing } from "../../dapr/readiness.ts";
import type { SidecarAnswer } from "../../dapr/sidecar.ts";
import { limits } from "../../protocol/limits.ts";
import { millis } from "../../protocol/units.ts";

const whole: Standing = { sidecar: "ok", store: "ok" };
const metadata = "/v1.0/metadata";
const path = (i: number): string => `/v1.0/actors/Context/strata-probe-${i}/method/reach`;
/** Not all of them are on one other host. */
const PROBES = 16;

const token = "asked of the sidecar, and not of a probe";
const context: ActorType = {
  name: "Context",
  invoke: async (id, method) => JSON.stringify({ called: `${id}/${method}` }),
  remind: async () => {},
  deactivate: async () => {},
  drain: async () => {},
};

let host: Host;
let now: number;
let standing: Standing;
let types: readonly string[];
let hostReady: boolean;
let told: string[];
let asked: { readonly path: string; answer(status: number): void }[];

beforeEach(async () => {
  now = 0;
  standing = whole;
  types = ["Context"];
  hostReady = true;
  told = [];
  asked = [];
  host = await startHost({
    types: ["Context"],
    host: "127.0.0.1",
    port: 0,
    appToken: token,
    actorIdleTimeout: "1h",
    drainOngoingCallTimeout: "1s",
    events: { failed: () => {} },
  });
  const call = (_: string, to: string): Promise<SidecarAnswer> =>
    new Promise((resolve) => {
      const hosted = JSON.stringify({ actorRuntime: { hostReady, activeActors: types.map((type) => ({ type, count: 1 })) } });
      if (to === metadata) return resolve({ status: 200, body: Buffer.from(hosted), etag: undefined });
      asked.push({ path: to, answer: (status) => resolve({ status, body: Buffer.alloc(0), etag: undefined }) });
    });
  const reach = new Reach({ call }, "Context", async () => standing, {
    clock: { elapsed: () => millis(now) },
    events: { failed: (id, doing, reason) => told.push(`${id}: ${doing}: ${String(reason)}`) },
  });
  host.ready([], { standing: async () => whole, reached: () => reach.ask() });
});
afterEach(() => host.close(1));

async function probe(from = "/healthz"): Promise<readonly [number, unknown]> {
  const response = await fetch(`http://127.0.0.1:${host.port}${from}`);
  return [response.status, await response.json()];
}

/** One look, a second after the one before: calls get through to nobody, to one of all, or at once, with that status. */
async function look(status: number, whom: "first" | "one of all" = "first"): Promise<void> {
  now += limits.readiness_fresh_ms;
  const before = asked.length;
  await probe();
  const first = status !== 0 && whom === "first";
  expect(asked.slice(before).map((one) => one.path)).toEqual([path(0)]);
  asked[before]?.answer(first ? status : 0);
  if (first) return;
  await expect.poll(() => asked.length).toBe(before + 1 + PROBES);
  const all = asked.slice(before + 1);
  expect(all.map((one) => one.path)).toEqual(Array.from({ length: PROBES }, (_, i) => path(i)));
  all.forEach((one, i) => {
    one.answer(i === 11 ? status : 0);
  });
}

const alive = [200, { status: "ready", running: 0 }];
const unreached = [503, { status: "unreached", running: 0 }];

test("a sidecar that is well and keeps calls waiting, look after look: the host is unwell, says so once, and is well again when they get through", async () => {
  for (let i = 1; i < limits.reach_looks; i++) {
    await look(0);
    expect(await probe()).toEqual(alive);
  }
  expect(told).toEqual([]);
  await look(0);
  expect(await probe()).toEqual(unreached);
  expect(await probe("/readyz")).toEqual(unreached);
  await look(0);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/^host: reach: .*keeps every call for an actor waiting/);
  await look(500);
  expect(await probe()).toEqual(alive);
});

test("whatever is answered got through, and by whomever: another host that hangs is none of this host's illnesses", async () => {
  for (const whom of ["first", "one of all"] as const) {
    for (const status of [500, 404, 204, 200]) {
      for (let i = 1; i < limits.reach_looks; i++) await look(0);
      await look(status, whom);
      expect(await probe()).toEqual(alive);
    }
  }
  expect(told).toEqual([]);
});

test.each<Standing>([
  { sidecar: "away", store: "away" },
  { sidecar: "ok", store: "away" },
])("what is away otherwise says nothing of the actors: %o", async (away) => {
  standing = away;
  for (let i = 0; i < 2 * limits.reach_looks; i++) await look(0);
  expect(await probe()).toEqual(alive);
  standing = whole;
  for (let i = 1; i < limits.reach_looks; i++) await look(0);
  expect(await probe()).toEqual(alive);
  await look(0);
  expect(await probe()).toEqual(unreached);
});

test("a sidecar that took the types away does not let calls through either: then the host is well, so that they come back", async () => {
  for (let i = 0; i < limits.reach_looks; i++) await look(0);
  expect(await probe()).toEqual(unreached);
  types = ["Other"];
  await look(0);
  expect(await probe()).toEqual(alive);
});

test("a sidecar that knows that placement is away is not helped by being told that the host is unwell", async () => {
  hostReady = false;
  for (let i = 0; i < 2 * limits.reach_looks; i++) await look(0);
  expect(await probe()).toEqual(alive);
});

test("the host answers for the actors that are asked for, and nobody is activated", async () => {
  const ask = (id: string, method: string) =>
    fetch(`http://127.0.0.1:${host.port}/actors/Context/${id}/method/${method}`, { method: "PUT", headers: { "dapr-api-token": token } });
  host.ready([context], { standing: async () => whole, reached: () => true });
  const answered = async (id: string, method: string): Promise<unknown> => (await ask(id, method)).json();
  expect(await answered("strata-probe-3", "reach")).toEqual({});
  expect(await answered("main.a", "reach")).toEqual({ called: "main.a/reach" });
  expect(await answered("strata-probe-3", "append")).toEqual({ called: "strata-probe-3/append" });
  const stranger = await fetch(`http://127.0.0.1:${host.port}/actors/Context/strata-probe-3/method/reach`, { method: "PUT" });
  expect(stranger.status).toBe(401);
});

test("a hundred probes are one look, and nobody waits for it", async () => {
  now += limits.readiness_fresh_ms;
  const answers = await Promise.all(Array.from({ length: 100 }, () => probe()));
  for (const answer of answers) expect(answer).toEqual(alive);
  now += 10 * limits.readiness_fresh_ms;
  expect(await probe()).toEqual(alive);
  expect(asked).toHaveLength(1);
});
