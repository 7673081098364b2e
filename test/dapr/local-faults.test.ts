import { afterEach, expect, test } from "vitest";
import { drawn } from "../../dapr/local/faults.ts";
import { type Faults, type LocalSidecar, startLocalSidecar } from "../../dapr/local.ts";
import { SidecarApp } from "../suites/sidecar/app.ts";
import { send } from "../suites/sidecar/client.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function start(faults: Partial<Faults>): Promise<{ app: SidecarApp; sidecar: LocalSidecar; problems: string[] }> {
  const app = new SidecarApp();
  app.config = { entities: ["Actor"] };
  app.subscriptions = [{ pubsubname: "bus", topic: "t", route: "/in" }];
  const appPort = await app.listen();
  const problems: string[] = [];
  const sidecar = await startLocalSidecar({
    appId: "host",
    appPort,
    port: 0,
    dataFile: ":memory:",
    hostToken: "host",
    components: { stateStores: ["store"], pubsubs: [{ name: "bus" }] },
    faults,
    onProblem: (what) => problems.push(what),
  });
  open.push(async () => {
    await sidecar.close(0);
    await app.close();
  });
  await sidecar.ready();
  return { app, sidecar, problems };
}

const headers = { "dapr-api-token": "host" };
const save = (sidecar: LocalSidecar, key: string) =>
  send(sidecar.url, "/v1.0/state/store", { headers, body: JSON.stringify([{ key, value: 1, options: { concurrency: "first-write" } }]) });
const read = (sidecar: LocalSidecar, key: string) => send(sidecar.url, `/v1.0/state/store/${key}`, { headers });

test("faults: a turn that runs twice is cut off at the app, and its second answer is the caller's", async () => {
  const { app, sidecar } = await start({ turnTwice: 1, turnTwiceAfterMs: 30 });
  const gate = app.hold("/actors/Actor/a/method/m");
  const call = send(sidecar.url, "/v1.0/actors/Actor/a/method/m", { body: "once" });
  const first = await gate.next();
  const second = await gate.next();
  expect([first.heard.body, second.heard.body]).toEqual(["once", "once"]);
  await app.until(() => first.heard.abandoned, "the first run cut off");
  first.reply({ body: "first" });
  second.reply({ body: "second" });
  expect((await call).body).toBe("second");
});

test("faults: a write that is applied and answered 500", async () => {
  const { sidecar } = await start({ writeAppliedYet500: 1 });
  const answer = await save(sidecar, "k");
  expect([answer.status, answer.code, (await read(sidecar, "k")).body]).toEqual([500, "ERR_STATE_SAVE", "1"]);
});

test("faults: a write that is lost and answered 500", async () => {
  const { sidecar } = await start({ writeLost: 1 });
  expect([(await save(sidecar, "k")).status, (await read(sidecar, "k")).status]).toEqual([500, 204]);
  sidecar.setFaults({ writeLost: 0 });
  expect((await save(sidecar, "k")).status).toBe(204);
});

test("faults: a write that is answered 500 and lands later, under first-write if it still may", async () => {
  const { sidecar } = await start({ writeLate: 1, writeLateMs: 50 });
  expect([(await save(sidecar, "late")).status, (await read(sidecar, "late")).status]).toEqual([500, 204]);
  await expect.poll(async () => (await read(sidecar, "late")).status).toBe(200);
});

test("faults: a message that is delivered twice", async () => {
  const { app, sidecar } = await start({ deliverTwice: 1 });
  await send(sidecar.url, "/v1.0/publish/bus/t", { body: "x" });
  await app.until(() => app.at("/in").length === 2, "two deliveries");
  const [one, two] = app.at("/in").map(({ body }) => JSON.parse(body).id);
  expect(one).toBe(two);
});

test("faults: a reminder that fires twice, and late", async () => {
  const { app, sidecar } = await start({ remindTwice: 1, remindLate: 1, remindLateMs: 60 });
  const registered = performance.now();
  await send(sidecar.url, "/v1.0/actors/Actor/a/reminders/r", { headers, body: '{"dueTime":"0s"}' });
  await app.until(() => app.at("/actors/Actor/a/method/remind/r").length === 2, "two fires");
  expect((app.heard[0]?.at ?? 0) - registered).toBeGreaterThan(55);
});

test("faults: without any, nothing of this happens to a thousand turns, writes and messages", async () => {
  const { app, sidecar, problems } = await start({});
  const rounds = Array.from({ length: 250 }, async (_, index) => {
    const turn = await send(sidecar.url, `/v1.0/actors/Actor/${index % 7}/method/m`, { body: "" });
    return [turn.status, (await save(sidecar, `k${index}`)).status, (await send(sidecar.url, "/v1.0/publish/bus/t", { body: "x" })).status];
  });
  expect(new Set((await Promise.all(rounds)).flat())).toEqual(new Set([200, 204]));
  await app.until(() => app.at("/in").length === 250, "every message");
  expect([app.at("/actors/").length, app.at("/in").length, problems]).toEqual([250, 250, []]);
});

test("faults: shares are drawn from the die", () => {
  const die = (value: number) => ({ bytes: (count: number) => new Uint8Array(count).fill(value) });
  expect([drawn(0, die(0)), drawn(1, die(255)), drawn(0.5, die(0)), drawn(0.5, die(255))]).toEqual([false, true, true, false]);
});
