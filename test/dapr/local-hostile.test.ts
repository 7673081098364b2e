// What callers and apps can do to the embedded sidecar with little, and must not have much effect.

import { afterEach, expect, test } from "vitest";
import { Disk } from "../../dapr/local/disk.ts";
import { parsePrecisely, TooMuchJson } from "../../dapr/local/go-json.ts";
import { Rows } from "../../dapr/local/rows.ts";
import { type LocalSidecar, type LocalSidecarOptions, startLocalSidecar } from "../../dapr/local.ts";
import { limits } from "../../protocol/limits.ts";
import { instant, millis } from "../../protocol/units.ts";
import { SidecarApp } from "../suites/sidecar/app.ts";
import { send } from "../suites/sidecar/client.ts";
import { startScripted } from "./scripted.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const start = (options: Partial<LocalSidecarOptions> = {}) => startScripted(closing, options);
const publish = (sidecar: LocalSidecar, body: string) => send(sidecar.url, "/v1.0/publish/bus/t", { body });

test("names in the address of a bulk of messages are counted for each of these", async () => {
  const { app, sidecar } = await start();
  const names = Array.from({ length: 100 }, (_, i) => `metadata.n${i}=v`).join("&");
  const bulk = (messages: number) =>
    send(sidecar.url, `/v1.0/publish/bulk/bus/t?${names}`, {
      body: JSON.stringify(Array.from({ length: messages }, (_, i) => ({ entryId: `${i}`, contentType: "text/plain", event: "" }))),
    });
  const most = limits.sidecar_json_values / 100;
  const refused = await bulk(most + 1);
  expect([refused.status, refused.code]).toEqual([400, "ERR_PUBSUB_EVENTS_SER"]);
  expect(refused.body).toContain(`more than ${limits.sidecar_json_values} values`);
  expect((await bulk(2)).status).toBe(204);
  await app.until(() => app.at("/in").length === 2, "both");
});

test("of several values of one name in an address the first one counts", async () => {
  const { app, sidecar } = await start();
  await send(sidecar.url, "/v1.0/publish/bus/t?metadata.cloudevent.type=first&metadata.cloudevent.type=second", { body: "x" });
  await app.until(() => app.at("/in").length === 1, "the message");
  expect(JSON.parse(app.at("/in")[0]?.body ?? "")).toMatchObject({ type: "first" });
});

test("calls that wait take room without a body too, which is there again when they are answered", async () => {
  const { app, sidecar } = await start({ limits: { sidecar_bytes_held: 20_000 }, maxBodyBytes: 10_000 });
  const gate = app.hold("/actors/Actor/a/method/m");
  const call = () => send(sidecar.url, "/v1.0/actors/Actor/a/method/m", { body: "" });
  const calls = Array.from({ length: 20 }, call);
  const [first, ...rest] = await Promise.all([Promise.race(calls), gate.next()]);
  expect(first.status).toBe(503);
  for (const held of rest) held.reply();
  app.on("/actors/Actor/a/method/m", () => ({}));
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  expect((await call()).status).toBe(200);
});

test("a subscriber who does not answer in time has failed, and holds up nobody", async () => {
  const { app, sidecar, problems } = await start({
    components: { stateStores: [], pubsubs: [{ name: "bus", retries: 1, retryEveryMs: 1, timeoutMs: 50, concurrency: 1 }] },
  });
  app.on("/in", ({ body }) => (body.includes("hangs") ? new Promise(() => {}) : {}));
  await publish(sidecar, "hangs");
  await publish(sidecar, "behind it");
  await app.until(() => app.at("/in").some(({ body }) => body.includes("behind it")), "the next message");
  expect(app.at("/in").filter(({ body }) => body.includes("hangs"))).toHaveLength(2);
  expect(problems.join()).toContain("was refused as often as it may be delivered");
});

test("an app that fails to say what it subscribes to is asked again, and gets what waited for it", async () => {
  const app = new SidecarApp();
  app.config = { entities: ["Actor"] };
  app.subscriptions = [{ pubsubname: "bus", topic: "t", route: "/in" }];
  let asked = 0;
  app.on("/dapr/subscribe", () => (asked++ === 0 ? { status: 503 } : { body: JSON.stringify(app.subscriptions) }));
  const appPort = await app.listen();
  closing.push(() => app.close());
  const sidecar = await startLocalSidecar({
    appId: "host",
    appPort,
    port: 0,
    dataFile: ":memory:",
    hostToken: "host",
    components: { stateStores: [], pubsubs: [{ name: "bus" }] },
  });
  closing.push(() => sidecar.close(0));
  await sidecar.ready();
  await publish(sidecar, "x");
  await app.until(() => app.at("/in").length === 1, "the message");
  expect(asked).toBe(2);
});

test("JSON that is too deep to be kept digit by digit is told from what is no JSON", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  expect(() => parsePrecisely(nested(10_000))).toThrow(TooMuchJson);
  expect(parsePrecisely(nested(500))).toEqual(JSON.parse(nested(500)));
});

test("a sweep of expired values ends with its file, and is no failure then", async () => {
  const disk = new Disk(":memory:");
  const clock = { now: () => instant(0), elapsed: () => millis(0), sleep: async () => {} };
  const rows = new Rows(disk, { clock, die: { bytes: (count) => new Uint8Array(count) }, onProblem: () => {} });
  const swept = rows.sweep();
  rows.close();
  await swept;
  await rows.sweep();
  disk.close();
  await expect(rows.sweep()).resolves.toBeUndefined();
});
