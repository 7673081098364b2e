// The plumbing alone, on a real Dapr runtime: what reaches what, what is closed, and what comes back after it was killed.
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { z } from "zod";
import { withFreePorts } from "../../tools/run/plan.ts";
import { until } from "../../tools/run/polling.ts";
import { sidecarOf } from "../../tools/run/sidecar.ts";
import { binaries, isLive, liveTest, type TemporaryCluster, temporaryCluster } from "./live.ts";

const app = { command: ["node", fileURLToPath(new URL("stand-in-app.ts", import.meta.url))] } as const;
const START_MS = 120_000;
const AGAIN_MS = 30_000;

const Told = z.object({ pid: z.int(), method: z.string(), url: z.string(), headers: z.record(z.string(), z.string()), told: z.unknown() });

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function call(url: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { "content-type": "application/json", ...init.headers };
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(20_000), ...init, headers });
  return { status: response.status, text: await response.text() };
}

const put = (url: string, path: string, body: unknown = {}) => call(url, path, { method: "PUT", body: JSON.stringify(body) });
const turn = (url: string, context = "main.a") => put(url, `/v1.0/actors/Context/${context}/method/append`, { text: "hello" });

/** Calls until a call passes; returns the process that answered. */
function servedBy(url: string, context?: string): Promise<number> {
  return until("a turn passes", AGAIN_MS, async () => {
    const { status, text } = await turn(url, context);
    return status === 200 ? Told.parse(JSON.parse(text)).pid : undefined;
  });
}

/** As the host calls its own sidecar. */
function asHost(cluster: TemporaryCluster) {
  const url = cluster.hosts[0]?.sidecar.url ?? "";
  const headers = { "dapr-api-token": cluster.secrets.daprApiToken };
  return (method: string, path: string, body?: unknown) =>
    call(url, path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

const createOnly = (key: string, value: string) => [{ key, value, options: { concurrency: "first-write" } }];

describe.each(["sqlite", "redis", "postgres"] as const)("a cluster on %s", (store) => {
  let cluster: TemporaryCluster;

  beforeAll(async () => {
    if (isLive) cluster = await temporaryCluster({ store, app });
  }, START_MS);

  afterAll(async () => {
    if (!isLive) return;
    await cluster[Symbol.asyncDispose]();
    expect(
      cluster.processes.filter((one) => one.running).map((one) => one.name),
      "nothing is left behind",
    ).toEqual([]);
  }, START_MS);

  liveTest("a call goes through the callers' sidecar and the host's to the application, and comes back", async () => {
    const { status, text } = await turn(cluster.url);
    expect(status).toBe(200);
    const { method, url, headers, told } = Told.parse(JSON.parse(text));
    expect({ method, url, told }).toEqual({ method: "PUT", url: "/actors/Context/main.a/method/append", told: { text: "hello" } });
    // The mark of a call that is neither a reminder nor a timer, and the proof that it comes from its own sidecar.
    expect(headers["dapr-api-call"]).toBe("true");
    expect(headers["dapr-api-token"]).toBe(cluster.secrets.appApiToken);
  });

  liveTest("a caller's trace goes on to the application, though the sidecars record none", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const { text } = await call(cluster.url, "/v1.0/actors/Context/main.a/method/append", {
      method: "PUT",
      body: "{}",
      headers: { traceparent },
    });
    expect(Told.parse(JSON.parse(text)).headers.traceparent).toContain("0af7651916cd43dd8448eb211c80319c");
  });

  liveTest.each([
    ["state", "POST", "/v1.0/state/store"],
    ["state, read", "GET", "/v1.0/state/store/k"],
    ["secrets", "GET", "/v1.0/secrets/secrets/STRATA_ROOT_KEY"],
    ["all secrets", "GET", "/v1.0/secrets/secrets/bulk"],
    ["reminders, set", "POST", "/v1.0/actors/Context/main.a/reminders/tend"],
    ["reminders, deleted", "DELETE", "/v1.0/actors/Context/main.a/reminders/tend"],
    ["timers", "POST", "/v1.0/actors/Context/main.a/timers/tend"],
    ["actor state", "POST", "/v1.0/actors/Context/main.a/state"],
    ["invocation", "PUT", "/v1.0/invoke/strata-host/method/actors/Context/main.a/method/append"],
    ["shutdown", "POST", "/v1.0/shutdown"],
  ])("callers are refused %s", async (_, method, path) => {
    const { status } = await call(cluster.url, path, { method, ...(method === "GET" ? {} : { body: "[]" }) });
    expect(status).toBe(404);
  });

  liveTest("callers may publish to `untrusted` and to no other topic", async () => {
    const publish = async (topic: string) => (await call(cluster.url, `/v1.0/publish/bus/${topic}`, { method: "POST", body: "{}" })).status;
    expect(await publish("untrusted")).toBe(204);
    for (const topic of ["admitted", "events", "dead-letter", "anything"]) expect(await publish(topic), topic).toBe(403);
  });

  liveTest("the host's sidecar answers nobody without its token, and the application nobody but its sidecar", async () => {
    const [host] = cluster.hosts;
    expect((await call(host?.sidecar.url ?? "", "/v1.0/state/store/k")).status).toBe(401);
    expect((await turn(host?.sidecar.url ?? "")).status).toBe(401);
    expect((await put(host?.url ?? "", "/actors/Context/main.a/method/append")).status).toBe(401);
  });

  liveTest("the host reads its root key as a secret, and no other", async () => {
    const ask = asHost(cluster);
    const { text } = await ask("GET", "/v1.0/secrets/secrets/STRATA_ROOT_KEY");
    expect(JSON.parse(text)).toEqual({ STRATA_ROOT_KEY: cluster.secrets.rootKey });
    expect((await ask("GET", "/v1.0/secrets/secrets/STRATA_REDIS_PASSWORD")).status).toBe(403);
  });

  liveTest("invocation reaches the application neither through its own sidecar nor through another app's", async () => {
    const path = "/v1.0/invoke/strata-host/method/actors/Context/main.a/method/append";
    expect((await asHost(cluster)("PUT", path, {})).status).toBe(404);
    // A sidecar with everything open, as anyone on this machine could start one.
    const { app: callers, process } = cluster.callers;
    const { configFilePath, resourcesPaths, ...open } = await withFreePorts({ ...callers, appID: "foreign" });
    const logFile = process.logFile.replace("strata-callers", "foreign");
    const foreign = sidecarOf({ daprd: binaries().daprd, app: open, env: { PATH: "/usr/bin:/bin" }, name: "foreign", logFile });
    await using running = foreign.process;
    await running.start();
    const { status, text } = await until("the foreign sidecar finds the host", AGAIN_MS, async () => {
      const answer = await put(foreign.url, path);
      return /failed to resolve|couldn't find/i.test(answer.text) ? undefined : answer;
    });
    expect(text).toMatch(/access control policy has denied access/);
    expect(status).toBe(403);
  });

  liveTest(
    "a create-only write succeeds once, and is there after the store, the sidecar and the host were killed",
    async () => {
      const ask = asHost(cluster);
      expect((await ask("POST", "/v1.0/state/store", createOnly("fence", "first"))).status).toBe(204);
      expect((await ask("POST", "/v1.0/state/store", createOnly("fence", "second"))).status).not.toBe(204);
      const [host] = cluster.hosts;
      const killed = [cluster.store?.process, host?.sidecar.process, host?.process].filter((one) => one !== undefined);
      await Promise.all(killed.map((one) => one.kill()));
      await cluster.store?.process?.start();
      await Promise.all([host?.sidecar.process.start(), host?.process?.start()]);
      await cluster.ready();
      const { status, text } = await ask("GET", "/v1.0/state/store/fence");
      expect({ status, text }).toEqual({ status: 200, text: '"first"' });
      expect(await servedBy(cluster.url)).toBe(host?.process?.pid);
    },
    AGAIN_MS * 2,
  );
});

describe("a cluster's processes", () => {
  let cluster: TemporaryCluster;

  beforeAll(async () => {
    if (isLive) cluster = await temporaryCluster({ store: "sqlite", app });
  }, START_MS);

  afterAll(async () => {
    if (isLive) await cluster[Symbol.asyncDispose]();
  }, START_MS);

  liveTest(
    "a host that joins takes a share of the actors, and gives it back when it goes",
    async () => {
      const contexts = Array.from({ length: 32 }, (_, i) => `main.c${i}`);
      const [first] = cluster.hosts;
      const second = await cluster.addHost();
      expect(second.sidecar.app.appID).toBe(first?.sidecar.app.appID);
      const both = new Set([first?.process?.pid, second.process?.pid]);
      await until("both hosts serve", AGAIN_MS, async () => {
        const serving = new Set(await Promise.all(contexts.map((context) => servedBy(cluster.url, context))));
        return serving.size === 2 && [...serving].every((pid) => both.has(pid)) ? true : undefined;
      });
      await second[Symbol.asyncDispose]();
      expect(cluster.hosts).toEqual([first]);
      await cluster.ready();
      expect(new Set(await Promise.all(contexts.map((context) => servedBy(cluster.url, context))))).toEqual(new Set([first?.process?.pid]));
    },
    START_MS,
  );

  liveTest(
    "a frozen host answers nothing, and goes on where it was when it is thawed",
    async () => {
      const [host] = cluster.hosts;
      const before = await servedBy(cluster.url);
      host?.process?.freeze();
      const waits = call(cluster.url, "/v1.0/actors/Context/main.a/method/append", {
        method: "PUT",
        body: "{}",
        signal: AbortSignal.timeout(500),
      });
      await expect(waits).rejects.toThrow(/timeout/i);
      host?.process?.thaw();
      expect(await servedBy(cluster.url)).toBe(before);
    },
    START_MS,
  );

  liveTest.each(["placement", "scheduler", "bus"] as const)(
    "turns go on after kill -9 of %s",
    async (name) => {
      await cluster[name].process?.kill();
      await cluster[name].process?.start();
      await cluster.ready();
      expect(await servedBy(cluster.url)).toBe(cluster.hosts[0]?.process?.pid);
    },
    START_MS,
  );
});

describe("a cluster that cannot start", () => {
  liveTest(
    "says what failed, with the end of its log, and leaves nothing behind",
    async () => {
      const broken = { command: ["node", "--eval", "console.error('no such luck'); process.exit(3)"] } as const;
      await expect(temporaryCluster({ store: "sqlite", app: broken })).rejects.toThrow(
        /strata-host is ready: it ended before \(exit code 3\)(.|\n)*no such luck/,
      );
    },
    START_MS,
  );
});

describe("the bus", () => {
  const subscriptions = [
    { pubsubname: "bus", topic: "untrusted", route: "/deliver/fail", deadLetterTopic: "dead-letter" },
    { pubsubname: "bus", topic: "dead-letter", route: "/deliver/dead" },
  ];
  const Delivered = z.array(z.object({ url: z.string(), told: z.object({ data: z.unknown(), topic: z.string() }) }));

  liveTest(
    "a delivery that fails is tried four times, and then it is in the dead-letter topic",
    async () => {
      await using cluster = await temporaryCluster({
        store: "sqlite",
        app: { ...app, env: { STAND_IN_SUBSCRIPTIONS: JSON.stringify(subscriptions) } },
        metadata: { bus: { subscriptionScopes: "strata-host=untrusted,dead-letter" } },
      });
      const published = await call(cluster.url, "/v1.0/publish/bus/untrusted", { method: "POST", body: '{"n":1}' });
      expect(published.status).toBe(204);
      const delivered = await until("the dead letter arrives", AGAIN_MS, async () => {
        const all = Delivered.parse(JSON.parse((await call(cluster.hosts[0]?.url ?? "", "/delivered")).text));
        return all.some(({ url }) => url === "/deliver/dead") ? all : undefined;
      });
      expect(delivered.map(({ url }) => url)).toEqual([
        "/deliver/fail",
        "/deliver/fail",
        "/deliver/fail",
        "/deliver/fail",
        "/deliver/dead",
      ]);
      expect(delivered.at(-1)?.told.data).toEqual({ n: 1 });
    },
    START_MS,
  );

  liveTest(
    "a subscription to a topic that is not the app's is not made, while its others are",
    async () => {
      const wanted = ["untrusted", "events"].map((topic) => ({ pubsubname: "bus", topic, route: `/deliver/${topic}` }));
      await using cluster = await temporaryCluster({
        store: "sqlite",
        app: { ...app, env: { STAND_IN_SUBSCRIPTIONS: JSON.stringify(wanted) } },
        metadata: { bus: { subscriptionScopes: "strata-host=events" } },
      });
      expect((await call(cluster.url, "/v1.0/publish/bus/untrusted", { method: "POST", body: "{}" })).status).toBe(204);
      expect((await asHost(cluster)("POST", "/v1.0/publish/bus/events", { n: 2 })).status).toBe(204);
      const delivered = await until("the event arrives", AGAIN_MS, async () => {
        const all = Delivered.parse(JSON.parse((await call(cluster.hosts[0]?.url ?? "", "/delivered")).text));
        return all.length > 0 ? all : undefined;
      });
      expect(delivered.map(({ url }) => url)).toEqual(["/deliver/events"]);
      // A subscription is a group of readers in Redis.
      const redis = new Redis(cluster.bus.url);
      try {
        expect(await redis.xinfo("GROUPS", "events")).toHaveLength(1);
        expect(await redis.xinfo("GROUPS", "untrusted")).toEqual([]);
      } finally {
        redis.disconnect();
      }
    },
    START_MS,
  );
});
