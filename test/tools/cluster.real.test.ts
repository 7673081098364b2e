// The plumbing alone, on a real Dapr runtime: what reaches what, what is closed, and what comes back after it was killed.
import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished } from "vitest";
import { z } from "zod";
import type { StoreKind } from "../../tools/run/cluster.ts";
import { until } from "../../tools/run/polling.ts";
import { weaknessesOf } from "../../tools/run/redis.ts";
import { asHost, call, grpcStatus, put, servedBy, Told, turn } from "./calls.ts";
import { temporaryFolder } from "./folders.ts";
import { startForeign, writeConfigs } from "./foreign.ts";
import { binaries, isLive, liveTest, type TemporaryCluster, temporaryCluster } from "./live.ts";

const app = { command: ["node", fileURLToPath(new URL("stand-in-app.ts", import.meta.url))] } as const;
const AGAIN_MS = 30_000;
const turnPath = "/v1.0/actors/Context/main.a/method/append";
const invokePath = "/v1.0/invoke/strata-host/method/actors/Context/main.a/method/append";

type Get = () => TemporaryCluster;

/** One cluster for the tests of a suite. When it is stopped nothing of it may be left. */
function clusterFor(store: StoreKind): Get {
  let cluster: TemporaryCluster | undefined;
  beforeAll(async () => {
    if (isLive) cluster = await temporaryCluster({ store, app });
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    expect(cluster?.processes.filter((one) => one.running).map((one) => one.name) ?? []).toEqual([]);
  });
  return () => {
    if (cluster === undefined) throw new Error("the cluster did not start");
    return cluster;
  };
}

function reaching(cluster: Get): void {
  liveTest("a call goes through the callers' sidecar and the host's to the application, and comes back", async () => {
    const { status, text } = await turn(cluster().url);
    expect(status).toBe(200);
    const { method, url, headers, told } = Told.parse(JSON.parse(text));
    expect({ method, url, told }).toEqual({ method: "PUT", url: "/actors/Context/main.a/method/append", told: { text: "hello" } });
    // The mark of a call that is neither a reminder nor a timer, and the proof that it comes from its own sidecar.
    expect(headers["dapr-api-call"]).toBe("true");
    expect(headers["dapr-api-token"]).toBe(cluster().secrets.appApiToken);
  });

  liveTest("a caller's trace goes on to the application, though the sidecars record none", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const { text } = await call(cluster().url, turnPath, { method: "PUT", body: "{}", headers: { traceparent } });
    expect(Told.parse(JSON.parse(text)).headers.traceparent).toContain("0af7651916cd43dd8448eb211c80319c");
  });

  liveTest("the host reads its root key as a secret, and no other", async () => {
    const ask = asHost(cluster());
    const { text } = await ask("GET", "/v1.0/secrets/secrets/STRATA_ROOT_KEY");
    expect(JSON.parse(text)).toEqual({ STRATA_ROOT_KEY: cluster().secrets.rootKey });
    expect((await ask("GET", "/v1.0/secrets/secrets/STRATA_REDIS_PASSWORD")).status).toBe(403);
  });
}

function refusing(cluster: Get): void {
  liveTest.each([
    ["state", "POST", "/v1.0/state/store"],
    ["state, read", "GET", "/v1.0/state/store/k"],
    ["secrets", "GET", "/v1.0/secrets/secrets/STRATA_ROOT_KEY"],
    ["all secrets", "GET", "/v1.0/secrets/secrets/bulk"],
    ["reminders, set", "POST", "/v1.0/actors/Context/main.a/reminders/tend"],
    ["reminders, deleted", "DELETE", "/v1.0/actors/Context/main.a/reminders/tend"],
    ["timers", "POST", "/v1.0/actors/Context/main.a/timers/tend"],
    ["actor state", "POST", "/v1.0/actors/Context/main.a/state"],
    ["invocation", "PUT", invokePath],
    ["shutdown", "POST", "/v1.0/shutdown"],
  ])("callers are refused %s", async (_, method, path) => {
    const { status } = await call(cluster().url, path, { method, ...(method === "GET" ? {} : { body: "[]" }) });
    expect(status).toBe(404);
  });

  liveTest("gRPC is as closed as HTTP, at the callers' sidecar and at the host's", async () => {
    const { callers, hosts, secrets } = cluster();
    const [theirs, ours] = [callers.app.daprGRPCPort, hosts[0]?.sidecar.app.daprGRPCPort];
    const token = { "dapr-api-token": secrets.daprApiToken };
    const closed = ["GetState", "SaveState", "GetSecret", "InvokeService", "InvokeActor", "UnregisterActorReminder", "Shutdown"];
    for (const method of closed) {
      expect(await grpcStatus(theirs, method), `callers: ${method}`).toBe("12");
      expect(await grpcStatus(ours, method, token), `host: ${method}`).toBe("12");
    }
    expect(await grpcStatus(theirs, "GetMetadata")).toBe("0");
    expect(await grpcStatus(ours, "GetMetadata", token)).toBe("0");
    // 16 is "unauthenticated".
    expect(await grpcStatus(ours, "GetMetadata")).toBe("16");
  });

  liveTest("callers may publish to `untrusted` and to no other topic", async () => {
    const publish = async (topic: string) =>
      (await call(cluster().url, `/v1.0/publish/bus/${topic}`, { method: "POST", body: "{}" })).status;
    expect(await publish("untrusted")).toBe(204);
    for (const topic of ["admitted", "events", "dead-letter", "anything"]) expect(await publish(topic), topic).toBe(403);
  });

  liveTest("the host's sidecar answers nobody without its token, and the application nobody but its sidecar", async () => {
    const [host] = cluster().hosts;
    expect((await call(host?.sidecar.url ?? "", "/v1.0/state/store/k")).status).toBe(401);
    expect((await turn(host?.sidecar.url ?? "")).status).toBe(401);
    expect((await put(host?.url ?? "", "/actors/Context/main.a/method/append")).status).toBe(401);
  });

  liveTest("invocation does not reach the application through its own sidecar", async () => {
    expect((await asHost(cluster())("PUT", invokePath, {})).status).toBe(404);
  });
}

function keeping(cluster: Get): void {
  const createOnly = (key: string, value: string) => [{ key, value, options: { concurrency: "first-write" } }];

  liveTest("a create-only write succeeds once, and is there after the store, the sidecar and the host were killed", async () => {
    const ask = asHost(cluster());
    expect((await ask("POST", "/v1.0/state/store", createOnly("fence", "first"))).status).toBe(204);
    expect((await ask("POST", "/v1.0/state/store", createOnly("fence", "second"))).status).not.toBe(204);
    const [host] = cluster().hosts;
    const server = cluster().store?.process;
    await Promise.all([server, host?.sidecar.process, host?.process].map((one) => one?.kill()));
    await server?.start();
    await Promise.all([host?.sidecar.process.start(), host?.process?.start()]);
    await cluster().ready();
    const { status, text } = await ask("GET", "/v1.0/state/store/fence");
    expect({ status, text }).toEqual({ status: 200, text: '"first"' });
    expect(await servedBy(cluster().url)).toBe(host?.process?.pid);
  });
}

describe.each(["sqlite", "redis", "postgres"] as const)("a cluster on %s", (store) => {
  const cluster = clusterFor(store);
  reaching(cluster);
  refusing(cluster);
  keeping(cluster);
});

describe("a cluster's processes", () => {
  const cluster = clusterFor("sqlite");

  liveTest("a host that joins takes a share of the actors, and gives it back when it goes", async () => {
    const { url, hosts, addHost, ready } = cluster();
    const contexts = Array.from({ length: 32 }, (_, i) => `main.c${i}`);
    const serving = async () => new Set(await Promise.all(contexts.map((context) => servedBy(url, context))));
    const [first] = hosts;
    const second = await addHost();
    expect(second.sidecar.app.appID).toBe(first?.sidecar.app.appID);
    const both = [first?.process?.pid, second.process?.pid];
    await until("both hosts serve", AGAIN_MS, async () => {
      const now = await serving();
      return both.every((pid) => pid !== undefined && now.has(pid)) ? true : undefined;
    });
    await second[Symbol.asyncDispose]();
    expect([second.process?.running, second.sidecar.process.running]).toEqual([false, false]);
    expect(hosts).toEqual([first]);
    await ready();
    expect(await serving()).toEqual(new Set([first?.process?.pid]));
  });

  liveTest("a frozen host answers nothing, and goes on where it was when it is thawed", async () => {
    const [host] = cluster().hosts;
    const before = await servedBy(cluster().url);
    host?.process?.freeze();
    const waits = call(cluster().url, turnPath, { method: "PUT", body: "{}", signal: AbortSignal.timeout(500) });
    await expect(waits).rejects.toThrow(/timeout/i);
    host?.process?.thaw();
    expect(await servedBy(cluster().url)).toBe(before);
  });

  liveTest.each(["placement", "scheduler", "bus"] as const)("turns go on after kill -9 of %s", async (name) => {
    const { [name]: service, hosts, ready, url } = cluster();
    await service.process?.kill();
    await service.process?.start();
    await ready();
    expect(await servedBy(url)).toBe(hosts[0]?.process?.pid);
  });

  liveTest("one that cannot start says what failed, with the end of its log, and leaves nothing behind", async () => {
    const broken = { command: ["node", "--eval", "console.error('no such luck'); process.exitCode = 3"] } as const;
    const why = /strata-host is ready: it ended before \(exit code 3\)(.|\n)*no such luck/;
    await expect(temporaryCluster({ store: "sqlite", app: broken })).rejects.toThrow(why);
  });

  liveTest("the application may be in this process: it is told what a command is told", async () => {
    const servers: Server[] = [];
    const seen: Readonly<Record<string, string>>[] = [];
    const start = async (env: Readonly<Record<string, string>>): Promise<void> => {
      seen.push(env);
      const server = createServer((request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(
          request.url === "/dapr/config" ? '{"entities":["Context"]}' : request.url === "/dapr/subscribe" ? "[]" : '"from here"',
        );
      });
      servers.push(server.listen(Number(env.STRATA_PORT), "127.0.0.1"));
    };
    onTestFinished(() => servers.forEach((one) => void one.close().closeAllConnections()));
    await using mine = await temporaryCluster({ store: "sqlite", app: { start, env: { STRATA_EVENTS: "off" } } });
    expect(await turn(mine.url)).toEqual({ status: 200, text: '"from here"' });
    expect(mine.hosts[0]?.process).toBeUndefined();
    expect(seen[0]).toMatchObject({ STRATA_EVENTS: "off", STRATA_PORT: seen[0]?.APP_PORT, STRATA_STATE_STORE: "store" });
    expect(Object.keys(seen[0] ?? {})).toEqual(expect.arrayContaining(["DAPR_HTTP_PORT", "DAPR_API_TOKEN", "APP_API_TOKEN"]));
  });
});

describe("another application's sidecar", () => {
  liveTest("invocation does not reach the application through it", async () => {
    const configs = writeConfigs(temporaryFolder());
    await using mine = await temporaryCluster({ store: "sqlite", app, settings: { "strata-host": { configFilePath: configs.host } } });
    const foreign = await startForeign(mine, configs, binaries().daprd);
    onTestFinished(() => foreign.process.kill());
    const { status, text } = await until("the foreign sidecar finds the host", AGAIN_MS, async () => {
      const answer = await put(foreign.url, invokePath);
      return /failed to resolve|couldn't find/i.test(answer.text) ? undefined : answer;
    });
    expect(text).toMatch(/access control policy has denied access/);
    expect(status).toBe(403);
  });
});

describe("the Redis of a cluster", () => {
  const cluster = clusterFor("redis");

  liveTest("loses nothing that it acknowledged, and one that would is found out", async () => {
    const { url } = cluster().bus;
    expect(await weaknessesOf(url)).toEqual([]);
    const redis = new Redis(url);
    onTestFinished(() => redis.disconnect());
    await redis.config("SET", "appendfsync", "everysec");
    expect(await weaknessesOf(url)).toEqual([expect.stringMatching(/appendfsync is everysec/)]);
    await redis.config("SET", "appendonly", "no");
    await redis.config("SET", "maxmemory", "1gb");
    await redis.config("SET", "maxmemory-policy", "allkeys-lru");
    expect(await weaknessesOf(url)).toEqual([expect.stringMatching(/appendonly is no/), expect.stringMatching(/allkeys-lru/)]);
  });
});

describe("the bus", () => {
  const Delivered = z.array(z.object({ url: z.string(), told: z.object({ data: z.unknown(), topic: z.string() }) }));

  const subscribed = (subscriptions: readonly object[], subscriptionScopes: string): Promise<TemporaryCluster> =>
    temporaryCluster({
      store: "sqlite",
      app: { ...app, env: { STAND_IN_SUBSCRIPTIONS: JSON.stringify(subscriptions) } },
      metadata: { bus: { subscriptionScopes } },
    });

  const deliveredWhen = (cluster: TemporaryCluster, last: string) =>
    until(`${last} is delivered`, AGAIN_MS, async () => {
      const all = Delivered.parse(JSON.parse((await call(cluster.hosts[0]?.url ?? "", "/delivered")).text));
      return all.some(({ url }) => url === last) ? all : undefined;
    });

  liveTest("a delivery that fails is tried four times, and then it is in the dead-letter topic", async () => {
    const failing = { pubsubname: "bus", topic: "untrusted", route: "/deliver/fail", deadLetterTopic: "dead-letter" };
    const dead = { pubsubname: "bus", topic: "dead-letter", route: "/deliver/dead" };
    await using cluster = await subscribed([failing, dead], "strata-host=untrusted,dead-letter");
    const published = await call(cluster.url, "/v1.0/publish/bus/untrusted", { method: "POST", body: '{"n":1}' });
    expect(published.status).toBe(204);
    const delivered = await deliveredWhen(cluster, "/deliver/dead");
    const tries = ["/deliver/fail", "/deliver/fail", "/deliver/fail", "/deliver/fail"];
    expect(delivered.map(({ url }) => url)).toEqual([...tries, "/deliver/dead"]);
    expect(delivered.at(-1)?.told.data).toEqual({ n: 1 });
  });

  liveTest("a subscription to a topic that is not the app's is not made, while its others are", async () => {
    const wanted = ["untrusted", "events"].map((topic) => ({ pubsubname: "bus", topic, route: `/deliver/${topic}` }));
    await using cluster = await subscribed(wanted, "strata-host=events");
    expect((await call(cluster.url, "/v1.0/publish/bus/untrusted", { method: "POST", body: "{}" })).status).toBe(204);
    expect((await asHost(cluster)("POST", "/v1.0/publish/bus/events", { n: 2 })).status).toBe(204);
    expect((await deliveredWhen(cluster, "/deliver/events")).map(({ url }) => url)).toEqual(["/deliver/events"]);
    // A subscription is a group of readers in Redis.
    const redis = new Redis(cluster.bus.url);
    onTestFinished(() => redis.disconnect());
    expect(await redis.xinfo("GROUPS", "events")).toHaveLength(1);
    expect(await redis.xinfo("GROUPS", "untrusted")).toEqual([]);
  });
});
