import { afterEach, expect, test } from "vitest";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { examineStore } from "../../dapr/examine.ts";
import { drawn } from "../../dapr/local/faults.ts";
import type { Faults, LocalSidecar } from "../../dapr/local.ts";
import { Sidecar } from "../../dapr/sidecar.ts";
import { send } from "../suites/sidecar/client.ts";
import { startScripted } from "./scripted.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const start = (faults: Partial<Faults>) => startScripted(closing, { faults });

const headers = { "dapr-api-token": "host" };
const save = (sidecar: LocalSidecar, key: string) =>
  send(sidecar.host.url, "/v1.0/state/store", {
    headers,
    body: JSON.stringify([{ key, value: 1, options: { concurrency: "first-write" } }]),
  });
const read = (sidecar: LocalSidecar, key: string) => send(sidecar.host.url, `/v1.0/state/store/${key}`, { headers });

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

const firstWrite = { concurrency: "first-write" };
const keys = Array.from({ length: 64 }, (_, n) => `k${n}`);
const state = (sidecar: LocalSidecar, path: string, body: unknown) =>
  send(sidecar.host.url, `/v1.0/state/store${path}`, { headers, body: JSON.stringify(body) });
const transact = (sidecar: LocalSidecar, requests: readonly object[]) =>
  state(sidecar, "/transaction", { operations: requests.map((request) => ({ operation: "upsert", request })) });
async function valuesOf(sidecar: LocalSidecar): Promise<unknown[]> {
  const rows = JSON.parse((await state(sidecar, "/bulk", { keys })).body) as { data?: unknown }[];
  return rows.map(({ data }) => data);
}

/** One value after another is written to all keys together while they are read; how many values a read has seen at once. */
async function mostSeenAtOnce(sidecar: LocalSidecar): Promise<number> {
  const write = (value: number) =>
    transact(
      sidecar,
      keys.map((key) => ({ key, value })),
    );
  await write(0);
  let most = 1;
  for (let round = 1; round <= 20 && most === 1; round++) {
    const [seen] = await Promise.all([valuesOf(sidecar), write(round)]);
    most = new Set(seen).size;
  }
  return most;
}

test("faults: a bulk read that is torn, which without it is one moment of the store", async () => {
  const { sidecar } = await start({ tornBulk: 1, tornBulkMs: 50 });
  expect(await mostSeenAtOnce(sidecar)).toBe(2);
  sidecar.setFaults({ tornBulk: 0 });
  expect(await mostSeenAtOnce(sidecar)).toBe(1);
});

test("faults: a write of several keys of which a part is applied, answered 500; a transaction has no parts", async () => {
  const { sidecar } = await start({ writePart: 1 });
  const save = (stem: string) =>
    state(
      sidecar,
      "",
      keys.map((key) => ({ key: stem + key, value: 1, options: firstWrite })),
    );
  const written = async (stem: string): Promise<number> =>
    (await Promise.all(keys.map((key) => read(sidecar, stem + key)))).filter(({ status }) => status === 200).length;
  expect((await save("a")).status).toBe(500);
  const part = await written("a");
  expect(part > 0 && part < keys.length, `${part} of ${keys.length}`).toBe(true);
  expect(
    (
      await transact(sidecar, [
        { key: "x", value: 1 },
        { key: "y", value: 1 },
      ])
    ).status,
  ).toBe(204);
  sidecar.setFaults({ writePart: 0 });
  expect([(await save("b")).status, await written("b")]).toEqual([204, keys.length]);
});

test("faults: transactions that overwrite despite first-write and stay half done, as on Redis; the host finds them out", async () => {
  const { sidecar } = await start({ transactionsAsOnRedis: true });
  const race = async (key: string): Promise<number> => {
    const writers = Array.from({ length: 20 }, (_, value) => transact(sidecar, [{ key, value, options: firstWrite }]));
    return (await Promise.all(writers)).filter(({ status }) => status === 204).length;
  };
  const half = async (key: string) => {
    await state(sidecar, "", [{ key, value: 1 }]);
    const answer = await transact(sidecar, [
      { key: `${key}-beside`, value: 1 },
      { key, value: 2, etag: "stale" },
    ]);
    return [answer.status, (await read(sidecar, key)).body, (await read(sidecar, `${key}-beside`)).status];
  };
  const host = new Sidecar({ url: sidecar.host.url, token: "host", timeoutMs: 5_000 });
  closing.push(() => host.close());
  const creating = async () => (await examineStore(host, "store", { die: systemDie, clock: systemClock })).creating.several;
  expect([await race("a"), await half("half-a"), await creating()]).toEqual([20, [500, "1", 200], "post"]);
  sidecar.setFaults({ transactionsAsOnRedis: false });
  expect([await race("b"), await half("half-b"), await creating()]).toEqual([1, [500, "1", 204], "transaction"]);
});

test("faults: service invocation past the lock, by which turns, fires and deliveries can be forged", async () => {
  const { app, sidecar } = await start({ invokePastLock: true });
  const gate = app.hold("/actors/Actor/a/method/m");
  const running = send(sidecar.url, "/v1.0/actors/Actor/a/method/m", { verb: "PUT", body: "turn" });
  const turn = await gate.next();
  const forge = (path: string) => send(sidecar.url, `/v1.0/invoke/host/method/${path}`, { verb: "PUT", body: "forged" });
  const forging = forge("actors/Actor/a/method/m");
  const beside = await gate.next();
  expect([turn.heard.headers["dapr-api-call"], beside.heard.headers["dapr-api-call"], beside.heard.body]).toEqual([
    "true",
    undefined,
    "forged",
  ]);
  beside.reply({ body: "done" });
  expect((await forging).body).toBe("done");
  expect([(await forge("actors/Actor/a/method/remind/tend")).status, (await forge("in")).status]).toEqual([200, 200]);
  expect(app.at("/actors/Actor/a/method/remind/tend")[0]?.headers["dapr-api-call"]).toBeUndefined();
  sidecar.setFaults({ invokePastLock: false });
  const heard = app.heard.length;
  const refused = await forge("actors/Actor/a/method/m");
  expect([refused.status, refused.body, app.heard.length]).toEqual([404, "404 page not found\n", heard]);
  turn.reply();
  expect((await running).status).toBe(200);
});

test("faults: a message that is delivered twice, in parallel", async () => {
  const { app, sidecar } = await start({ deliverTwice: 1 });
  const gate = app.hold("/in");
  await send(sidecar.url, "/v1.0/publish/bus/t", { body: "x" });
  const both = [await gate.next(), await gate.next()];
  const [one, two] = both.map(({ heard }) => JSON.parse(heard.body).id);
  expect(one).toBe(two);
  for (const held of both) held.reply();
});

test("faults: a reminder that fires twice, and late", async () => {
  const { app, sidecar } = await start({ remindTwice: 1, remindLate: 1, remindLateMs: 60 });
  const registered = performance.now();
  await send(sidecar.host.url, "/v1.0/actors/Actor/a/reminders/r", { headers, body: '{"dueTime":"0s"}' });
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
