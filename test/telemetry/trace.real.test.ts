// Telemetry of a whole installation on the real Dapr runtime: what its sidecars and its hosts send is one trace, and says nothing of what was said.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { systemDie } from "../../dapr/clock.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { until } from "../../tools/run/polling.ts";
import { grantFor } from "../suites/caller.ts";
import { isLive, liveTest, type TemporaryCluster, temporaryCluster } from "../tools/live.ts";
import { Collector, type ReadMetric, type ReadSpan } from "./otlp.ts";

const START_MS = 180_000;
const ARRIVE_MS = 60_000;
const MARK = "Zq7markZq7";
const AT_ONCE = 16;
const CALLER = "c".repeat(16);

let collector: Collector;
let log = "";
const secrets: string[] = [];

const traceOf = (number: number): string => number.toString(16).padStart(32, "0");
const within = (number: number): ReadSpan[] => collector.spans.filter(({ traceId }) => traceId === traceOf(number));
const items = [{ role: "user", content: MARK, subjects: [MARK] }];
let said = 0;

type Reply = { readonly ok: boolean; readonly version?: number; readonly code?: string };
type Call = (url: string, path: string, args: object, more?: { readonly trace?: number; readonly token?: string }) => Promise<Reply>;

function callWith(grant: string): Call {
  return async (url, path, args, { trace, token } = {}) => {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (trace !== undefined) headers.traceparent = `00-${traceOf(trace)}-${CALLER}-01`;
    if (token !== undefined) headers["dapr-api-token"] = token;
    const response = await fetch(`${url}${path}`, { method: "PUT", headers, body: JSON.stringify({ grant, ...args }) });
    return (await response.json()) as Reply;
  };
}

const turn = (): object => ({ key: `${MARK}-${++said}`, items, set: { goal: MARK } });

/** Calls of one context, several at once of several, and two hosts that both believe that a context is theirs. */
async function tell(cluster: TemporaryCluster): Promise<void> {
  const grant = grantFor(new Keyring(parseRootKeys(cluster.secrets.rootKey), systemDie), "main");
  const { rootKey, daprApiToken, appApiToken, redisPassword } = cluster.secrets;
  secrets.push(MARK, grant, rootKey, daprApiToken, appApiToken, redisPassword);
  const call = callWith(grant);
  const ask = (path: string, args: object, trace?: number) =>
    call(cluster.url, `/v1.0/actors/${path}`, args, trace === undefined ? {} : { trace });

  expect(await ask("Tenant/main/method/create", {})).toMatchObject({ ok: true });
  expect(await ask("Context/main.secret-name/method/append", turn(), 1)).toMatchObject({ version: 1 });
  expect(await ask("Context/main.secret-name/method/append", turn(), 2)).toMatchObject({ version: 2 });
  expect(await ask("Context/main.secret-name/method/append", { ...turn(), expect: 1 }, 3)).toMatchObject({ code: "conflict" });
  for (let round = 0; round < 3; round++)
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, i) => {
        expect(await ask(`Context/main.many-${i}/method/append`, turn(), 100 * (round + 1) + i)).toMatchObject({ ok: true });
      }),
    );

  const [first, second] = [cluster.hosts[0], await cluster.addHost()];
  const direct = async (host: typeof second | undefined, trace: number) =>
    (await call(host?.url ?? "", "/actors/Context/main.torn/method/append", turn(), { trace, token: appApiToken })).version;
  expect([await direct(first, 11), await direct(second, 12), await direct(first, 13)]).toEqual([1, 2, 3]);
}

beforeAll(async () => {
  if (!isLive) return;
  collector = await Collector.start();
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    // So that what is waited for comes soon: each by the runtimes of both languages.
    OTEL_BSP_SCHEDULE_DELAY: "200",
    STRATA_LOG: "debug",
  };
  const cluster = await temporaryCluster({ store: "sqlite", env });
  try {
    await tell(cluster);
    await until("the sidecars' spans arrive", ARRIVE_MS, async () =>
      [1, 2, 3, 100, 315].every((trace) => within(trace).some(({ service }) => service === "strata-callers")) &&
      within(2).some(({ name }) => name.startsWith("/v1.0/state/"))
        ? true
        : undefined,
    );
    log = await readFile(join(cluster.dataDir, "logs", "strata-host.log"), "utf8");
  } finally {
    // The hosts send what they still hold, metrics among it.
    await cluster[Symbol.asyncDispose]();
  }
}, START_MS);

afterAll(() => collector?.[Symbol.asyncDispose]());

liveTest("one trace leads from the caller through both sidecars, the turn and its commit to the store", () => {
  const spans = within(2);
  const child = (parentId: string): ReadSpan => {
    const [span, ...more] = spans.filter((one) => one.parentId === parentId);
    if (span === undefined || more.length > 0) throw new Error(`${more.length} spans under ${parentId} in ${JSON.stringify(spans)}`);
    return span;
  };
  const callersSidecar = child(CALLER);
  const hostsSidecar = child(callersSidecar.spanId);
  const turn = child(hostsSidecar.spanId);
  const commit = child(turn.spanId);
  const store = child(commit.spanId);
  expect([callersSidecar, hostsSidecar, turn, commit, store].map(({ service, name }) => `${service}: ${name}`)).toEqual([
    "strata-callers: CallActor/Context/append",
    "strata-host: CallActor/Context/append",
    "strata: Context turn",
    "strata: group commit",
    "strata-host: /v1.0/state/store",
  ]);
  expect(spans.length).toBe(5);
});

liveTest("the turn that makes a context has all that it asks of its sidecar in its trace", () => {
  const [turn] = within(1).filter(({ name }) => name === "Context turn");
  const under = within(1).filter(({ parentId }) => parentId === turn?.spanId);
  const names = under.map(({ service, name }) => `${service}: ${name.replace(/-[0-9a-f]+$/, "")}`);
  expect(names).toEqual(expect.arrayContaining(["strata-host: CallActor/Tenant/register", "strata: group commit"]));
  expect(names.filter((name) => name.includes("/reminders/tend")).length).toBe(1);
  const [tenant] = within(1).filter(({ name }) => name === "Tenant turn");
  expect(within(1).find(({ spanId }) => spanId === tenant?.parentId)?.name).toBe("CallActor/Tenant/register");
});

liveTest("a group commit links the turns that it was made for, and they link to it", () => {
  const groups = collector.spans.filter(({ name, attributes }) => name === "group commit" && Number(attributes["strata.group.size"]) > 1);
  expect(groups.length).toBeGreaterThan(0);
  for (const group of groups) {
    expect(group.links.length).toBe(Number(group.attributes["strata.group.size"]) - 1);
    for (const link of group.links) {
      const turn = collector.spans.find(({ spanId }) => spanId === link.spanId);
      expect(turn).toMatchObject({ name: "Context turn", traceId: link.traceId });
      expect(turn?.links).toContainEqual({ traceId: group.traceId, spanId: group.spanId });
    }
    const written = collector.spans.find(({ parentId }) => parentId === group.spanId);
    expect(written?.name).toBe("/v1.0/state/store/transaction");
  }
});

liveTest("a host that was overtaken shows both of its attempts in one trace", () => {
  const outcomes = within(13).filter(({ name }) => name === "group commit");
  expect(outcomes.map(({ attributes }) => attributes["strata.outcome"])).toEqual(["unknown", "created"]);
});

/** Of all hosts together; each sends its latest sum. */
function total(name: string, where: (attributes: ReadMetric["points"][number]["attributes"]) => boolean = () => true): number {
  const sent = collector.metrics.filter((metric) => metric.name === name && metric.service === "strata");
  const latest = new Map(sent.map((metric) => [metric.instance, metric.points]));
  return [...latest.values()]
    .flat()
    .filter(({ attributes }) => where(attributes))
    .reduce((sum, { value }) => sum + value, 0);
}

liveTest("metrics arrive: turns, commits, group sizes, queue, unknowns, conflicts, activations", () => {
  const commits = 2 + 3 * AT_ONCE + 3;
  expect(total("strata.commits")).toBe(commits);
  expect(total("strata.turns", (a) => a["strata.method"] === "append" && a["strata.outcome"] === "ok")).toBe(commits);
  expect(total("strata.conflicts", (a) => a["strata.conflict"] === "refused")).toBe(1);
  expect(total("strata.conflicts", (a) => a["strata.conflict"] === "lost")).toBe(1);
  expect(total("strata.unknowns", (a) => a["strata.settled"] === "other")).toBe(1);
  // Beside its records each context has a table of keys.
  const contexts = 1 + AT_ONCE + 1;
  expect(total("strata.group.size", (a) => a["strata.outcome"] === "created")).toBe(commits + contexts);
  expect(total("strata.activations")).toBeGreaterThanOrEqual(AT_ONCE + 3);
  expect(collector.metrics.some(({ name }) => name === "strata.queue.length")).toBe(true);
});

liveTest("not a byte of what was said, of a key or of a token is in what hosts and sidecars sent, nor in the host's log", () => {
  const sent = collector.bodies.map((body) => body.toString("latin1")).join("\n");
  for (const secret of secrets) expect(sent, secret).not.toContain(secret);
  for (const secret of secrets) expect(log, secret).not.toContain(secret);
  expect(log).toContain(`"trace_id":"${traceOf(2)}"`);
  // The names of contexts are in it, by the sidecars' spans alone: docs/telemetry.md says so.
  const named = collector.spans.filter((span) => JSON.stringify(span).includes("secret-name"));
  expect(named.length).toBeGreaterThan(0);
  expect([...new Set(named.map(({ service }) => service))].sort()).toEqual(["strata-callers", "strata-host"]);
});
