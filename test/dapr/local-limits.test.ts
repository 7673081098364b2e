import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { type LocalSidecar, type LocalSidecarOptions, startLocalSidecar } from "../../dapr/local.ts";
import { instant, millis } from "../../protocol/units.ts";
import { freePorts } from "../../tools/run/ports.ts";
import { SidecarApp, type Subscribed } from "../suites/sidecar/app.ts";
import { send } from "../suites/sidecar/client.ts";
import { startScripted } from "./scripted.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "strata-limits-"));
  closing.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

const start = (options: Partial<LocalSidecarOptions> = {}, subscriptions?: readonly Subscribed[]) =>
  startScripted(closing, options, subscriptions);

const headers = { "dapr-api-token": "host" };
const publish = (sidecar: LocalSidecar, topic: string, body: string) =>
  send(sidecar.host.url, `/v1.0/publish/bus/${topic}`, { headers, body });
const call = (sidecar: LocalSidecar, id: string) => send(sidecar.url, `/v1.0/actors/Actor/${id}/method/m`, { body: "" });

test("start: a port that is taken is said, and nothing is left open", async () => {
  const dataFile = join(await folder(), "sidecar.db");
  const { sidecar, options } = await start();
  const [port = 0] = await freePorts(1);
  const taken = [{ port: sidecar.port }, { port, hostPort: sidecar.host.port }];
  for (const ports of taken)
    await expect(startLocalSidecar({ ...options, dataFile, ...ports })).rejects.toMatchObject({ code: "EADDRINUSE" });
  const other = await startLocalSidecar({ ...options, dataFile, port });
  await other.close(0);
});

test("start: a file that another sidecar has open is refused", async () => {
  const dataFile = join(await folder(), "sidecar.db");
  const { options } = await start({ dataFile });
  await expect(startLocalSidecar({ ...options, port: 0 })).rejects.toThrow("is another process using it?");
});

test("start: it listens on loopback, and keeps its file in WAL", async () => {
  const dataFile = join(await folder(), "sidecar.db");
  const { sidecar } = await start({ dataFile });
  expect(new URL(sidecar.url).hostname).toBe("127.0.0.1");
  await sidecar.close(0);
  const file = new DatabaseSync(dataFile);
  expect(file.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  file.close();
});

test("tokens: each door knows its own, and who lacks it is answered 401 before anything else, but for health", async () => {
  const { sidecar, app } = await start({ apiToken: "callers" });
  const ask = (door: string, path: string, token?: string) =>
    send(door, path, { body: "", headers: token === undefined ? {} : { "dapr-api-token": token } });
  const doors = [
    { url: sidecar.url, wrong: [undefined, "", "other", "callersx", "host"] },
    { url: sidecar.host.url, wrong: [undefined, "", "other", "hos", "callers"] },
  ];
  for (const { url, wrong } of doors)
    for (const token of wrong)
      for (const path of ["/v1.0/actors/Actor/a/method/m", "/v1.0/state/store", "/nothing"]) {
        const answer = await ask(url, path, token);
        expect([answer.status, answer.body]).toEqual([401, "invalid api token\n"]);
      }
  expect(app.at("/actors/")).toEqual([]);
  for (const { url } of doors) expect((await send(url, "/v1.0/healthz")).status).toBe(204);
  const asked = [sidecar.url, sidecar.host.url].map(async (url, i) => {
    const token = ["callers", "host"][i];
    return [(await ask(url, "/v1.0/actors/Actor/a/method/m", token)).status, (await ask(url, "/v1.0/state/store", token)).status];
  });
  // The host's state is there, and an empty body is no request to it.
  expect(await Promise.all(asked)).toEqual([
    [200, 404],
    [200, 400],
  ]);
});

test("tokens: an empty one for the host is refused, since its door opens everything", async () => {
  const { options } = await start();
  await expect(startLocalSidecar({ ...options, hostToken: "" })).rejects.toThrow("hostToken: it is empty");
});

test("tokens: the host's opens nothing at a callers' door that asks for none", async () => {
  const { sidecar } = await start();
  expect((await send(sidecar.url, "/v1.0/state/store/k", { headers })).status).toBe(404);
  expect((await send(sidecar.host.url, "/v1.0/state/store/k", { headers })).status).toBe(204);
});

test("start: the host's door is on loopback, wherever the callers' is", async () => {
  const { sidecar } = await start({ host: "0.0.0.0" });
  expect([new URL(sidecar.url).hostname, new URL(sidecar.host.url).hostname]).toEqual(["0.0.0.0", "127.0.0.1"]);
});

test("health: it is not ready before the app was, and calls wait for the app", async () => {
  const app = new SidecarApp();
  app.config = { entities: ["Actor"] };
  app.healthy = false;
  closing.push(() => app.close());
  const sidecar = await startLocalSidecar({
    appId: "host",
    appPort: await app.listen(),
    port: 0,
    dataFile: ":memory:",
    hostToken: "host",
    components: { stateStores: [], pubsubs: [] },
  });
  closing.push(() => sidecar.close(0));
  await expect(sidecar.ready(50)).rejects.toThrow("was not healthy within 50 ms");
  const health = await send(sidecar.url, "/v1.0/healthz");
  expect([health.status, health.code]).toEqual([500, "ERR_HEALTH_NOT_READY"]);
  const waiting = call(sidecar, "early");
  app.healthy = true;
  expect((await waiting).status).toBe(200);
  expect((await send(sidecar.url, "/v1.0/healthz")).status).toBe(204);
});

test("health: an app that goes away gets its messages and reminders when it is back", async () => {
  const { app, sidecar } = await start({ appHealthEveryMs: 20 });
  app.healthy = false;
  await expect
    .poll(async () => JSON.parse((await send(sidecar.host.url, "/v1.0/metadata", { headers })).body).actorRuntime.hostReady)
    .toBe(false);
  expect((await publish(sidecar, "t", "while away")).status).toBe(204);
  app.healthy = true;
  await app.until(() => app.at("/in").length === 1, "the message");
  expect((await call(sidecar, "a")).status).toBe(200);
});

test("limits: a topic that is read refuses what it cannot hold, after a restart too, and loses nothing of what it took", async () => {
  const dataFile = join(await folder(), "sidecar.db");
  const { app, sidecar, options } = await start({ dataFile, limits: { sidecar_messages_waiting: 20 } }, [
    { pubsubname: "bus", topic: "t", route: "/in" },
  ]);
  app.hold("/in");
  const answers: number[] = [];
  for (let sent = 0; sent < 30; sent++) answers.push((await publish(sidecar, "t", `m${sent}`)).status);
  expect(answers).toEqual([...Array(20).fill(204), ...Array(10).fill(500)]);
  await sidecar.close(0);
  // The app is away: nothing is delivered, and the topic is still one that is read.
  app.healthy = false;
  const again = await startLocalSidecar(options);
  closing.push(() => again.close(0));
  expect((await publish(again, "t", "one more")).status).toBe(500);
  const heard = new Set<string>();
  app.on("/in", ({ body }) => {
    heard.add(JSON.parse(body).data);
    return {};
  });
  app.healthy = true;
  await app.until(() => heard.size === 20, "all that was taken");
  await expect.poll(async () => (await publish(again, "t", "again")).status).toBe(204);
});

test("limits: of a topic that nobody reads the newest messages are kept", async () => {
  const dataFile = join(await folder(), "sidecar.db");
  const { app, sidecar, options } = await start({ dataFile, limits: { sidecar_messages_unread: 8 } });
  for (let sent = 0; sent < 30; sent++) await publish(sidecar, "later", `m${sent}`);
  await sidecar.close(0);
  app.subscriptions = [{ pubsubname: "bus", topic: "later", route: "/in" }];
  const again = await startLocalSidecar(options);
  closing.push(() => again.close(0));
  await again.ready();
  await app.until(() => app.at("/in").some(({ body }) => body.includes('"m29"')), "the newest");
  const kept = app.at("/in").map(({ body }) => Number(String(JSON.parse(body).data).slice(1)));
  expect(kept.length).toBeGreaterThanOrEqual(8);
  expect(kept.length).toBeLessThanOrEqual(10);
  expect(kept.toSorted((a, b) => a - b)).toEqual(Array.from({ length: kept.length }, (_, index) => 30 - kept.length + index));
});

test("limits: the bytes of all messages are bounded, whoever reads them, and come back when they are delivered", async () => {
  const limits = { sidecar_bytes_of_messages: 10_000, sidecar_bytes_of_kept: 10_000 };
  const { app, sidecar } = await start({ limits });
  const gate = app.hold("/in");
  const big = "x".repeat(4_000);
  expect([(await publish(sidecar, "t", big)).status, (await publish(sidecar, "elsewhere", big)).status]).toEqual([204, 204]);
  const refused = await publish(sidecar, "t", big);
  expect([refused.status, refused.body]).toEqual([500, expect.stringContaining("10000 is as many as they may")]);
  (await gate.next()).reply();
  await expect.poll(async () => (await publish(sidecar, "t", big)).status).toBe(204);
});

test("limits: the topics that hold messages are counted", async () => {
  const { sidecar } = await start({ limits: { sidecar_topics: 3 } });
  const answers = [];
  for (const topic of ["a", "b", "c", "d", "a"]) answers.push((await publish(sidecar, topic, "x")).status);
  expect(answers).toEqual([204, 204, 204, 500, 204]);
});

test("limits: of dead letters the newest are kept, read or not, and it is told when the oldest go", async () => {
  const dataFile = join(await folder(), "sidecar.db");
  const subscriptions = [{ pubsubname: "bus", topic: "t", route: "/in", deadLetterTopic: "dead" }];
  const { app, sidecar, options, problems } = await start({ dataFile, limits: { sidecar_dead_letters: 8 } }, subscriptions);
  app.on("/in", () => ({ body: '{"status":"RETRY"}' }));
  const isGone = (what: string): boolean => what.includes("oldest dead letters of dead");
  for (let sent = 0; sent < 30; sent++) {
    await publish(sidecar, "t", `m${sent}`);
    // One after the other, so that it is known which are the newest.
    await expect.poll(() => problems.filter((what) => what.includes("goes to dead")).length, { interval: 5 }).toBe(sent + 1);
  }
  await expect.poll(() => problems.filter(isGone).length).toBeGreaterThan(0);
  await sidecar.close(1_000);
  app.subscriptions = [...subscriptions, { pubsubname: "bus", topic: "dead", route: "/dead" }];
  const again = await startLocalSidecar({ ...options, limits: { sidecar_dead_letters: 8 } });
  closing.push(() => again.close(0));
  await again.ready();
  await app.until(() => app.at("/dead").some(({ body }) => body.includes('"m29"')), "the newest");
  const kept = app.at("/dead").map(({ body }) => Number(String(JSON.parse(body).data).slice(1)));
  expect(kept.length).toBeGreaterThanOrEqual(8);
  expect(kept.length).toBeLessThanOrEqual(10);
  expect(kept.toSorted((a, b) => a - b)).toEqual(Array.from({ length: kept.length }, (_, index) => 30 - kept.length + index));
  // Subscribed to, and behind: the same.
  const before = problems.filter(isGone).length;
  app.hold("/dead");
  for (let sent = 0; sent < 30; sent++) await publish(again, "t", `n${sent}`);
  await expect.poll(() => problems.filter(isGone).length).toBeGreaterThan(before);
});

test("limits: of a topic that nobody reads the newest are kept by their bytes too, and the newest whatever its size", async () => {
  const { app, sidecar } = await start({ appHealthEveryMs: 20, limits: { sidecar_bytes_of_kept: 3_000 } });
  for (const n of [1, 2, 3, 4, 5]) await publish(sidecar, "later", `m${n}`.padEnd(1_000, "x"));
  await publish(sidecar, "later", "m6".padEnd(9_000, "x"));
  app.subscriptions = [{ pubsubname: "bus", topic: "later", route: "/in" }];
  app.healthy = false;
  await expect
    .poll(async () => JSON.parse((await send(sidecar.host.url, "/v1.0/metadata", { headers })).body).actorRuntime.hostReady)
    .toBe(false);
  app.healthy = true;
  await app.until(() => app.at("/in").length > 0, "what was kept");
  await publish(sidecar, "later", "m7");
  await app.until(() => app.at("/in").some(({ body }) => body.includes('"m7"')), "the last");
  expect(app.at("/in").map(({ body }) => String(JSON.parse(body).data).slice(0, 2))).toEqual(["m6", "m7"]);
});

test("limits: JSON of too many values is refused, not published as text", async () => {
  const { app, sidecar } = await start();
  const json = { ...headers, "content-type": "application/json" };
  const answer = await send(sidecar.host.url, "/v1.0/publish/bus/t", { headers: json, body: `[${"1,".repeat(200_000)}1]` });
  expect([answer.status, answer.code]).toEqual([500, "ERR_PUBSUB_CLOUD_EVENTS_SER"]);
  expect((await send(sidecar.host.url, "/v1.0/publish/bus/t", { headers: json, body: `[${"1,".repeat(20_000)}1]` })).status).toBe(204);
  await app.until(() => app.at("/in").length === 1, "the other");
});

test("limits: a message may live longer than any calendar reaches", async () => {
  const { app, sidecar, problems } = await start();
  for (const ttl of ["9".repeat(15), "9".repeat(400), `${"9".repeat(30)}h`])
    expect((await send(sidecar.url, `/v1.0/publish/bus/t?metadata.ttlInSeconds=${ttl}`, { body: "x" })).status).toBe(204);
  await app.until(() => app.at("/in").length === 3, "all of them");
  expect(problems).toEqual([]);
});

test("limits: past the bound on active actors the longest unused is let go", async () => {
  const { app, sidecar } = await start({ limits: { sidecar_activations: 3 } });
  for (const id of ["a", "b", "c", "a", "d"]) await call(sidecar, id);
  await app.until(() => app.heard.some(({ verb }) => verb === "DELETE"), "one let go");
  expect(app.heard.filter(({ verb }) => verb === "DELETE").map(({ path }) => path)).toEqual(["/actors/Actor/b"]);
  expect((await call(sidecar, "b")).status).toBe(200);
});

test("limits: timers past the bound are refused, replacing one is not", async () => {
  const { sidecar } = await start({ limits: { sidecar_timers: 2 } });
  const time = (name: string) => send(sidecar.host.url, `/v1.0/actors/Actor/a/timers/${name}`, { headers, body: '{"dueTime":"1h"}' });
  expect([(await time("1")).status, (await time("2")).status, (await time("3")).status, (await time("2")).status]).toEqual([
    204, 204, 500, 204,
  ]);
});

for (const [announced, ...answered] of [
  [1_001, "500 Internal Server Error", "ERR_ACTOR_INVOKE_METHOD"],
  [1_002, "400 Bad Request", "ERR_BAD_REQUEST"],
] as const)
  test(`limits: of 1,000 bytes, a body that is announced as ${announced} is refused before it is sent`, async () => {
    const { sidecar } = await start({ maxBodyBytes: 1_000 });
    const socket = connect(sidecar.port, "127.0.0.1");
    closing.push(async () => socket.destroy());
    socket.write(`POST /v1.0/actors/Actor/a/method/m HTTP/1.1\r\nHost: x\r\nContent-Length: ${announced}\r\n\r\n`);
    const [answer] = await once(socket, "data");
    for (const words of answered) expect(String(answer)).toContain(words);
  });

test("limits: connections past the bound are not taken", async () => {
  const { sidecar } = await start({ limits: { sidecar_connections: 2 } });
  const sockets = Array.from({ length: 4 }, () => connect(sidecar.port, "127.0.0.1"));
  const ended = sockets.map((socket) =>
    once(
      socket.on("error", () => {}),
      "close",
    ).then(() => "cut"),
  );
  await expect(Promise.race([ended[2], ended[3]])).resolves.toBe("cut");
  for (const socket of sockets) socket.destroy();
});

test("state: a value past its time to live is gone, may be created again, and is deleted from the file", async () => {
  const dataFile = join(await folder(), "sidecar.db");
  let now = Date.parse("2030-01-01T00:00:00Z");
  const clock = { now: () => instant(now), elapsed: () => millis(performance.now()) };
  const { sidecar } = await start({ dataFile, clock });
  const save = (more: object) =>
    send(sidecar.host.url, "/v1.0/state/store", { headers, body: JSON.stringify([{ key: "k", value: 1, ...more }]) });
  const read = () => send(sidecar.host.url, "/v1.0/state/store/k", { headers });
  await save({ metadata: { ttlInSeconds: "10" } });
  now += 9_000;
  expect((await read()).headers["metadata.ttlexpiretime"]).toBe("2030-01-01T00:00:10Z");
  now += 1_000;
  expect((await read()).status).toBe(204);
  expect((await save({ options: { concurrency: "first-write" } })).status).toBe(204);
  expect((await read()).headers["metadata.ttlexpiretime"]).toBeUndefined();
});

test("reminders: a wall clock that jumps forward makes them due", async () => {
  let ahead = 0;
  const clock = { now: () => instant(Date.now() + ahead), elapsed: () => millis(performance.now()) };
  const { app, sidecar } = await start({ clock });
  await send(sidecar.host.url, "/v1.0/actors/Actor/a/reminders/r", { headers, body: '{"dueTime":"24h"}' });
  ahead = 25 * 60 * 60 * 1000;
  await app.until(() => app.at("/actors/Actor/a/method/remind/r").length === 1, "the fire");
});

test("crash: what was acknowledged before a kill -9 is there, and nothing that was refused", async () => {
  const dataFile = join(await folder(), "sidecar.db");
  const acknowledged: string[] = [];
  for (let life = 0; life < 3; life++) {
    const child = spawn(process.execPath, [fileURLToPath(new URL("./crash.ts", import.meta.url)), dataFile, String(life)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let seen = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line);
      if (++seen === 200) child.kill("SIGKILL");
    }
    expect(seen).toBeGreaterThanOrEqual(200);
  }
  const file = new DatabaseSync(dataFile);
  const held = new Set(
    file
      .prepare("SELECT key FROM state")
      .all()
      .map(({ key }) => String(key)),
  );
  file.close();
  expect(acknowledged.filter((key) => !held.has(`store||host||${key}`))).toEqual([]);
});
