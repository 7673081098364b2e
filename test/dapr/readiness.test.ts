// What /readyz says while the sidecar and the store go away and come back, and that /healthz does not care.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Clock } from "../../actors/ports.ts";
import { type Host, startHost } from "../../dapr/host.ts";
import { Readiness } from "../../dapr/readiness.ts";
import { Sidecar } from "../../dapr/sidecar.ts";
import { millis } from "../../protocol/units.ts";

const FRESH_MS = 1_000;
const Body = z.looseObject({ status: z.string(), sidecar: z.string().optional(), store: z.string().optional() });

/** A sidecar of which only the answers to a probe are there: its own health, and that of a read. */
class StandIn {
  readonly asked: string[] = [];
  store: number | "silent" = 204;
  #server: Server | undefined;
  #port = 0;

  async open(): Promise<string> {
    this.#server = createServer((request, response) => {
      const { url = "" } = request;
      this.asked.push(url);
      const answer = url.startsWith("/v1.0/state/store/") ? this.store : 204;
      if (answer !== "silent") response.writeHead(answer).end();
    });
    await new Promise<void>((ready) => this.#server?.listen(this.#port, "127.0.0.1", ready));
    this.#port = (this.#server.address() as AddressInfo).port;
    return `http://127.0.0.1:${this.#port}`;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((closed) => this.#server?.close(closed));
  }
}

let standIn: StandIn;
let host: Host;
let sidecar: Sidecar;
let now: number;
/** Patience ends when the test says so. */
let patience: PromiseWithResolvers<void>;

beforeEach(async () => {
  standIn = new StandIn();
  now = 0;
  patience = Promise.withResolvers();
  sidecar = new Sidecar({ url: await standIn.open(), token: undefined, timeoutMs: 60_000 });
  host = await startHost({
    types: ["Context"],
    host: "127.0.0.1",
    port: 0,
    appToken: "asked of the sidecar, and not of a probe",
    actorIdleTimeout: "1h",
    drainOngoingCallTimeout: "1s",
    events: { failed: () => {} },
  });
});
afterEach(async () => {
  await host.close(1);
  await standIn.close();
});

function beReady(): void {
  const clock: Pick<Clock, "elapsed" | "sleep"> = { elapsed: () => millis(now), sleep: () => patience.promise };
  const readiness = new Readiness(sidecar, "store", clock);
  host.ready([], { standing: () => readiness.ask(), reached: () => true });
}

async function probe(path: string): Promise<readonly [number, z.infer<typeof Body>]> {
  const response = await fetch(`http://127.0.0.1:${host.port}${path}`);
  return [response.status, Body.parse(await response.json())];
}

const whole = [200, { status: "ready", running: 0, sidecar: "ok", store: "ok" }];
const waiting = (sidecar: string, store: string) => [503, { status: "waiting", running: 0, sidecar, store }];
const alive = [200, { status: "ready", running: 0 }];

test("before a host serves it is not ready, and nobody is asked for it", async () => {
  expect(await probe("/readyz")).toEqual([503, { status: "starting", running: 0 }]);
  expect(standIn.asked).toEqual([]);
});

test("the sidecar goes away and comes back: /readyz tells it, /healthz stays as it was", async () => {
  beReady();
  expect(await probe("/readyz")).toEqual(whole);
  await standIn.close();
  now += FRESH_MS;
  expect(await probe("/readyz")).toEqual(waiting("away", "away"));
  expect(await probe("/healthz")).toEqual(alive);
  await standIn.open();
  now += FRESH_MS;
  expect(await probe("/readyz")).toEqual(whole);
});

test("the store goes away and comes back behind a sidecar that is there", async () => {
  beReady();
  standIn.store = 500;
  expect(await probe("/readyz")).toEqual(waiting("ok", "away"));
  expect(await probe("/healthz")).toEqual(alive);
  standIn.store = 200;
  now += FRESH_MS;
  expect(await probe("/readyz")).toEqual(whole);
});

test("a store that says nothing is away when patience is over, and is not asked again while it says nothing", async () => {
  beReady();
  standIn.store = "silent";
  const asked = probe("/readyz");
  await expect.poll(() => standIn.asked.length).toBe(2);
  patience.resolve();
  const found = await asked;
  expect(found[0]).toBe(503);
  expect(found[1].store).toBe("away");
  now += 10 * FRESH_MS;
  await expect.poll(() => probe("/readyz")).toEqual(waiting("ok", "away"));
  expect(standIn.asked.length).toBe(2);
});

test("a hundred probes within a second are one look at sidecar and store", async () => {
  beReady();
  const answers = await Promise.all(Array.from({ length: 100 }, () => probe("/readyz")));
  for (const answer of answers) expect(answer).toEqual(whole);
  now += FRESH_MS - 1;
  expect(await probe("/readyz")).toEqual(whole);
  expect(standIn.asked.toSorted()).toEqual(["/v1.0/healthz/outbound", "/v1.0/state/store/strata-probe%2Freadiness"]);
});

test("other verbs are refused, as at /healthz", async () => {
  beReady();
  for (const path of ["/readyz", "/healthz"]) {
    const { status } = await fetch(`http://127.0.0.1:${host.port}${path}`, { method: "POST" });
    expect(status).toBe(405);
  }
});
