// The SDK as it runs in a host, a collector in place of the operator's, and all that may be told, told: what arrives there, byte by byte.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turnOver } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { ContextActor } from "../../actors/context.ts";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { readConfig } from "../../services/host/config.ts";
import { startStack } from "../../services/start/stack.ts";
import { makeEvents } from "../../services/telemetry/events.ts";
import { jsonLog } from "../../services/telemetry/log.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { grantFor } from "../suites/caller.ts";
import { makeMemoryWorld, startActors } from "../support/memory-ports.ts";
import { Collector, type ReadSpan } from "./otlp.ts";

const collector = await Collector.start();
process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
const { isTraced, stopTelemetry } = await import("../../services/telemetry/start.ts");
const { makeTracing } = await import("../../services/telemetry/tracing.ts");
const tracing = makeTracing();

/** Stands in everything that a caller says, and nowhere that it may be found. */
const MARK = "Zq7markZq7";
const rootKey = Buffer.from(systemDie.bytes(32)).toString("base64");
const lines: string[] = [];
const events = makeEvents(
  jsonLog(
    "debug",
    (line) => void lines.push(line),
    () => "T",
  ),
);

let named = 0;
const traceOf = (number: number): string => number.toString(16).padStart(32, "0");
/** A caller's trace: its number, and whether it is recorded. */
const callers = (number: number, sampled = true): string => `00-${traceOf(number)}-${"c".repeat(16)}-${sampled ? "01" : "00"}`;
const within = (number: number): ReadSpan[] => collector.spans.filter(({ traceId }) => traceId === traceOf(number));
const only = (number: number, name: string): ReadSpan => {
  const [span, ...more] = within(number).filter((one) => one.name === name);
  if (span === undefined || more.length > 0) throw new Error(`trace ${number} has ${more.length} spans ${name}`);
  return span;
};

const secrets: string[] = [rootKey];

async function tellThroughStack(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "strata-export-"));
  const config = readConfig({ STRATA_ROOT_KEY: rootKey });
  const around = { clock: systemClock, die: systemDie, events, tracing };
  const stack = await startStack({ port: 0, dataDir, config, onProblem: () => {} }, around);
  const grant = grantFor(new Keyring(parseRootKeys(rootKey), systemDie), "main", { subject: "desk" });
  secrets.push(grant, grant.split(".")[3] ?? "");
  const call = async (path: string, args: object, traceparent?: string): Promise<{ ok: boolean; code?: string }> => {
    const headers: Record<string, string> = traceparent === undefined ? {} : { traceparent };
    const body = JSON.stringify({ grant, ...args });
    return (await fetch(`${stack.url}/v1.0/actors/${path}`, { method: "PUT", headers, body })).json() as Promise<{ ok: boolean }>;
  };
  const items = [
    { role: "user", content: MARK, subjects: [MARK], meta: { [MARK]: MARK } },
    { role: "assistant", content: [{ type: "tool_call", id: MARK, name: MARK, arguments: { [MARK]: MARK } }] },
  ];
  const at = "Context/main.secret-name/method";
  try {
    expect(await call("Tenant/main/method/create", {})).toMatchObject({ ok: true });
    expect(await call(`${at}/append`, { key: `${MARK}1`, items, set: { goal: MARK } }, callers(1))).toMatchObject({ ok: true });
    expect(await call(`${at}/append`, { key: `${MARK}2`, items }, callers(2, false))).toMatchObject({ ok: true });
    expect(await call(`${at}/read`, {}, callers(3))).toMatchObject({ ok: true });
    expect(await call(`${at}/append`, { key: `${MARK}3`, items, expect: 1 }, callers(4))).toMatchObject({ code: "conflict" });
    expect(await call(`${at}/append`, { key: `${MARK}4`, items, [MARK]: 1 }, callers(5))).toMatchObject({ code: "invalid" });
    expect(await call(`${at}/${MARK}`, {}, callers(6))).toMatchObject({ code: "invalid" });
    expect(await call(`${at}/append`, { grant: MARK, key: MARK, items })).toMatchObject({ code: "denied" });
    expect(await call(`Context/${MARK}/method/append`, { key: MARK, items })).toMatchObject({ ok: false });
    for (const odd of ["00-xyz", `00-${"0".repeat(32)}-${"c".repeat(16)}-01`, `${MARK}`])
      expect(await call(`${at}/read`, {}, odd)).toMatchObject({ ok: true });
  } finally {
    await stack.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Turns of several contexts, two of whose records are held back until they can go in one call; and a host that another has overtaken. */
async function tellThroughGroup(): Promise<void> {
  const world = makeMemoryWorld();
  const grant = grantFor(world.keyring, "main");
  const { ports, tenants } = startActors(world, { events });
  const other = startActors(world);
  const contexts = new ContextActor({ ...ports, tracing });
  const append = async (actor: ContextActor, name: string, traceparent?: string): Promise<unknown> => {
    const body = Buffer.from(JSON.stringify({ grant, key: `turn-${++named}`, items: [{ role: "user", content: MARK }] }));
    return JSON.parse(await actor.invoke(`main.${name}`, "append", body, traceparent === undefined ? {} : { traceparent }));
  };
  await tenants.invoke("main", "create", Buffer.from(JSON.stringify({ grant })), {});
  for (const name of ["a", "b", "c", "d"]) expect(await append(contexts, name)).toMatchObject({ ok: true, version: 1 });

  const held: (() => void)[] = [];
  world.store.gate = () => new Promise((open) => held.push(open));
  const first = append(contexts, "a", callers(11));
  // Until it is in flight the others might go along.
  while (held.length === 0) await turnOver();
  const others = [append(contexts, "b", callers(12, false)), append(contexts, "c", callers(13)), append(contexts, "d", callers(14))];
  await turnOver();
  world.store.gate = async () => {};
  for (const open of held) open();
  for (const reply of await Promise.all([first, ...others])) expect(reply).toMatchObject({ ok: true, version: 2 });

  expect(await append(other.contexts, "a")).toMatchObject({ version: 3 });
  expect(await append(contexts, "a", callers(21))).toMatchObject({ version: 4 });
  const down = new Error(MARK);
  world.store.gate = () => Promise.reject(down);
  expect(await append(contexts, "new", callers(23))).toMatchObject({ ok: false, code: "internal" });
  world.store.gate = async () => {};
  await contexts.remind("main.c", "tend-1", { traceparent: callers(22) });
}

beforeAll(async () => {
  await tellThroughStack();
  await tellThroughGroup();
  await stopTelemetry();
  await collector[Symbol.asyncDispose]();
});

test("with an endpoint the host traces", () => {
  expect(isTraced).toBe(true);
  expect(collector.requests).toBeGreaterThan(1);
});

test("a caller's trace goes on through the embedded sidecar into the turn and its commit", () => {
  const turn = only(1, "Context turn");
  expect(turn).toMatchObject({ service: "strata", parentId: "c".repeat(16), kind: 2, status: 0 });
  expect(turn.attributes).toEqual({ "strata.method": "append", "strata.outcome": "ok" });
  // The first turn of a context writes its keys, and then its record.
  const commits = within(1).filter(({ name }) => name === "group commit");
  expect(commits.length).toBe(2);
  for (const commit of commits) {
    expect(commit).toMatchObject({ parentId: turn.spanId, kind: 3, links: [] });
    expect(commit.attributes).toEqual({ "strata.group.size": 1, "strata.outcome": "created" });
  }
  // The directory is told by a call of its own, which comes back through the sidecar.
  expect(only(1, "Tenant turn")).toMatchObject({ parentId: turn.spanId, attributes: { "strata.method": "tenant.register" } });
});

test("a trace that its caller does not record is not recorded here", () => {
  expect(within(2)).toEqual([]);
});

test("a refusal is an outcome, not an error, and a method that does not exist is not named", () => {
  expect(only(4, "Context turn")).toMatchObject({ status: 0, attributes: { "strata.method": "append", "strata.outcome": "conflict" } });
  expect(only(5, "Context turn")).toMatchObject({ status: 0, attributes: { "strata.outcome": "invalid" } });
  expect(only(6, "Context turn").attributes).toEqual({ "strata.method": "(other)", "strata.outcome": "invalid" });
});

test("a traceparent that is none begins a trace of its own", () => {
  const roots = collector.spans.filter(
    ({ name, parentId, attributes }) => name === "Context turn" && parentId === "" && attributes["strata.method"] === "read",
  );
  expect(roots.length).toBe(3);
  expect(new Set(roots.map(({ traceId }) => traceId)).size).toBe(3);
});

test("a group commit has its place in a recorded trace, links to the turns of the others, and they link back", () => {
  const alone = only(11, "group commit");
  expect(alone).toMatchObject({ parentId: only(11, "Context turn").spanId, attributes: { "strata.group.size": 1 }, links: [] });
  // Of three that went together the first is not recorded.
  expect(within(12)).toEqual([]);
  const [turn, linked] = [only(13, "Context turn"), only(14, "Context turn")];
  const together = only(13, "group commit");
  expect(together).toMatchObject({ parentId: turn.spanId, attributes: { "strata.group.size": 3 } });
  expect(together.links).toEqual([{ traceId: linked.traceId, spanId: linked.spanId }]);
  expect(within(14).map(({ name }) => name)).toEqual(["Context turn"]);
  expect(linked.links).toEqual([{ traceId: together.traceId, spanId: together.spanId }]);
  expect(turn.links).toEqual([]);
});

test("a turn that lost its version to another host shows both of its commits", () => {
  const commits = within(21).filter(({ name }) => name === "group commit");
  expect(commits.map(({ attributes }) => attributes["strata.outcome"])).toEqual(["unknown", "created"]);
});

test("a turn that fails is an error, and says no more", () => {
  expect(only(23, "Context turn")).toMatchObject({ status: 2, attributes: { "strata.method": "append", "strata.outcome": "internal" } });
});

test("a reminder that fires is a span", () => {
  expect(only(22, "Context reminder")).toMatchObject({ parentId: "c".repeat(16), attributes: { "strata.reminder": "tend" } });
});

test("metrics arrive, by name and unit", () => {
  const latest = new Map(collector.metrics.map((metric) => [metric.name, metric]));
  const units = Object.fromEntries([...latest].map(([name, { unit }]) => [name, unit]));
  expect(units).toMatchObject({
    "strata.turns": "{turn}",
    "strata.turn.duration": "s",
    "strata.queue.length": "{turn}",
    "strata.activations": "{activation}",
    "strata.commits": "{record}",
    "strata.group.size": "{record}",
    "strata.unknowns": "{write}",
    "strata.conflicts": "{conflict}",
    "strata.failures": "{failure}",
  });
  const sum = (name: string, key: string, value: string) =>
    latest
      .get(name)
      ?.points.filter(({ attributes }) => attributes[key] === value)
      .reduce((all, point) => all + point.value, 0);
  expect(sum("strata.conflicts", "strata.conflict", "refused")).toBe(1);
  expect(sum("strata.conflicts", "strata.conflict", "lost")).toBe(1);
  expect(sum("strata.unknowns", "strata.settled", "other")).toBe(1);
  // Two in the stack, four at the beginning, four in groups, one by the host that lost first.
  expect(latest.get("strata.commits")?.points.map(({ value }) => value)).toEqual([11]);
  expect(latest.get("strata.group.size")?.points.reduce((all, { count }) => all + count, 0)).toBeGreaterThan(5);
  // Durations in seconds: all of them together took less than this test may.
  const took = latest.get("strata.turn.duration")?.points.reduce((all, { value }) => all + value, 0) ?? Number.NaN;
  expect(took).toBeGreaterThan(0);
  expect(took).toBeLessThan(60);
});

test("no byte that left says anything of what callers said, of names, of keys or of tokens", () => {
  const sent = collector.bodies.map((body) => body.toString("latin1")).join("\n");
  expect(sent).toContain("Context turn");
  for (const secret of [MARK, "secret-name", "turn-1", "desk", ...secrets]) expect(sent, secret).not.toContain(secret);
  expect(sent).not.toMatch(/process\.command|process\.owner/);
});

test("logs name contexts and traces, and nothing else of what callers said", () => {
  const all = lines.join("");
  for (const secret of [MARK, ...secrets]) expect(all, secret).not.toContain(secret);
  const committed = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ message }) => message === "version committed");
  expect(committed[0]).toMatchObject({ id: "main.secret-name", version: 1, trace_id: traceOf(1), span_id: only(1, "Context turn").spanId });
  const answered = lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ message }) => message === "call refused");
  expect(answered.map(({ code, trace_id }) => [code, trace_id]).slice(0, 3)).toEqual([
    ["conflict", traceOf(4)],
    ["invalid", traceOf(5)],
    ["invalid", traceOf(6)],
  ]);
});
