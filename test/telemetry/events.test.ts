import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { tendings } from "../../actors/ports.ts";
import { ContextError, codes } from "../../protocol/errors.ts";
import { millis } from "../../protocol/units.ts";
import { type Log, makeEvents } from "../../services/telemetry/events.ts";
import { jsonLog } from "../../services/telemetry/log.ts";
import { filesUnder } from "../tidy/source.ts";
import { Meter } from "./meter.ts";

type Line = { readonly level: string; readonly message: string; readonly fields: Readonly<Record<string, string | number>> };
type Events = ReturnType<typeof makeEvents>;

const meter = new Meter();
meter.install();
const lines: Line[] = [];
const events = makeEvents((level, message, fields) => void lines.push({ level, message, fields }));

/** What one event told, in both places. */
function told(tell: (events: Events) => void): { counters: string[]; histograms: string[]; lines: Line[] } {
  meter.take();
  lines.length = 0;
  tell(events);
  const measured = meter.take();
  const kind = (name: string) => meter.instruments.find((one) => one.name === name)?.kind;
  const shown = measured.map(({ name, value, attributes }) => `${name} ${value} ${JSON.stringify(attributes)}`);
  return {
    counters: shown.filter((_, i) => kind(measured[i]?.name ?? "") === "counter"),
    histograms: shown.filter((_, i) => kind(measured[i]?.name ?? "") === "histogram"),
    lines: [...lines],
  };
}

const id = "main.desk-4";
const broken = new ContextError("unavailable", "the store could not be read");

/** Every event, and each of its variants: what it counts, and the one line that says the same. */
const variants: readonly (readonly [keyof Events, (events: Events) => void, string[], Line])[] = [
  [
    "turn",
    (e) => e.turn(id, "append", "ok", millis(12.3)),
    ['strata.turns 1 {"strata.method":"append","strata.outcome":"ok"}', 'strata.turn.duration 0.0123 {"strata.method":"append"}'],
    { level: "debug", message: "call answered", fields: { id, method: "append", ms: 12 } },
  ],
  [
    "turn",
    (e) => e.turn("main", "list", "denied", millis(1)),
    [
      'strata.turns 1 {"strata.method":"tenant.list","strata.outcome":"denied"}',
      'strata.turn.duration 0.001 {"strata.method":"tenant.list"}',
    ],
    { level: "info", message: "call refused", fields: { id: "main", method: "tenant.list", code: "denied", ms: 1 } },
  ],
  [
    "turn",
    (e) => e.turn(id, "append", "conflict", millis(1)),
    [
      'strata.turns 1 {"strata.method":"append","strata.outcome":"conflict"}',
      'strata.conflicts 1 {"strata.conflict":"refused"}',
      'strata.turn.duration 0.001 {"strata.method":"append"}',
    ],
    { level: "info", message: "call refused", fields: { id, method: "append", code: "conflict", ms: 1 } },
  ],
  ["queued", (e) => e.queued(id, 3), ["strata.queue.length 3 {}"], { level: "debug", message: "call queued", fields: { id, length: 3 } }],
  [
    "activated",
    (e) => e.activated(id, 7, millis(5)),
    ["strata.activations 1 {}", "strata.activation.duration 0.005 {}"],
    { level: "debug", message: "context activated", fields: { id, version: 7, ms: 5 } },
  ],
  [
    "committed",
    (e) => e.committed(id, 8),
    ["strata.commits 1 {}"],
    { level: "debug", message: "version committed", fields: { id, version: 8 } },
  ],
  [
    "group",
    (e) => e.group(3, "created", millis(2)),
    ['strata.group.size 3 {"strata.outcome":"created"}', 'strata.group.duration 0.002 {"strata.outcome":"created"}'],
    { level: "debug", message: "records sent", fields: { records: 3, outcome: "created", ms: 2 } },
  ],
  [
    "unknown",
    (e) => e.unknown(id, 8, "mine"),
    ['strata.unknowns 1 {"strata.settled":"mine"}'],
    { level: "warn", message: "a write was not confirmed", fields: { id, version: 8, settled: "mine" } },
  ],
  [
    "unknown",
    (e) => e.unknown(id, 8, "other"),
    ['strata.unknowns 1 {"strata.settled":"other"}', 'strata.conflicts 1 {"strata.conflict":"lost"}'],
    { level: "warn", message: "a write was not confirmed", fields: { id, version: 8, settled: "other" } },
  ],
  [
    "ghost",
    (e) => e.ghost(id, 8),
    ["strata.ghosts 1 {}"],
    { level: "warn", message: "a record was written too late to count", fields: { id, version: 8 } },
  ],
  ["ended", (e) => e.ended(id, 9), ["strata.ends 1 {}"], { level: "info", message: "a name ended", fields: { id, version: 9 } }],
  [
    "tended",
    (e) => e.tended(id, "clean"),
    ['strata.tends 1 {"strata.work":"clean"}'],
    { level: "debug", message: "a context was tended", fields: { id, work: "clean" } },
  ],
  [
    "failed",
    (e) => e.failed(id, "read", broken),
    ['strata.failures 1 {"error.type":"unavailable"}'],
    { level: "warn", message: "a call failed", fields: { id, doing: "read", code: "unavailable", reason: broken.message } },
  ],
  [
    "failed",
    (e) => e.failed(id, "remind/tend-0a1b2c", "thrown text"),
    ['strata.failures 1 {"error.type":"internal"}'],
    { level: "error", message: "a call failed", fields: { id, doing: "remind/tend", reason: "string" } },
  ],
  [
    "problem",
    (e) => e.problem("a message was lost", broken),
    ['strata.failures 1 {"error.type":"sidecar"}'],
    {
      level: "warn",
      message: "the embedded sidecar has a problem",
      fields: { what: "a message was lost", code: "unavailable", reason: broken.message },
    },
  ],
  [
    "unexamined",
    (e) => e.unexamined("store"),
    [],
    {
      level: "warn",
      message: "whether the Redis behind the store forgets was not looked at; set STRATA_REDIS_URL",
      fields: { component: "store" },
    },
  ],
];

test.each(variants)("%s: what is counted and what is logged say the same (%#)", (_, tell, measured, line) => {
  const { counters, histograms, lines } = told(tell);
  expect([...counters, ...histograms]).toEqual(measured);
  expect(lines).toEqual([line]);
});

test("no event is left out above", () => {
  expect([...new Set(variants.map(([name]) => name))].sort()).toEqual(Object.keys(events).sort());
});

test("a call that finds no queue says nothing about one", () => {
  expect(told((e) => e.queued(id, 0))).toMatchObject({ histograms: ["strata.queue.length 0 {}"], lines: [] });
});

test("of an error that is not ours only its kind and its place in the code are told, even where its message looks like a place", () => {
  const reason = new TypeError("secret one\n    at secret (file:///secret.ts:1:1)");
  const [line] = told((e) => e.failed(id, "append", reason)).lines;
  expect(line?.fields).toMatchObject({ reason: "TypeError", at: expect.stringMatching(/^at .*events\.test\.ts:\d+:\d+\)?$/) });
  expect(JSON.stringify(line)).not.toContain("secret");
  class Odd extends Error {
    override readonly name = "secret name";
  }
  expect(JSON.stringify(told((e) => e.failed(id, "append", new Odd("secret"))).lines)).not.toContain("secret");
});

test("whatever a caller writes for an id or a method stands in no metric, and in no log unless it has the form of an id", () => {
  const MARK = "Gq7"; // No id has capitals.
  const marked = fc.tuple(fc.string({ unit: "binary", maxLength: 40 }), fc.string({ maxLength: 40 })).map(([a, b]) => `${a}${MARK}${b}`);
  const text = fc.oneof(marked, fc.constantFrom("append", "main", "main.a", "remind/tend", "serve", "toString", "__proto__", "*"));
  const reason = fc.oneof(
    marked,
    marked.map((message) => new Error(message)),
    marked.map((name) => Object.assign(new Error("x"), { name })),
    marked.map((stack) => Object.assign(new Error("x"), { stack })),
    marked.map((message) => ({ message })),
  );
  fc.assert(
    fc.property(text, text, fc.constantFrom(...codes, "ok" as const), reason, (id, method, outcome, reason) => {
      const all = [
        told((e) => e.turn(id, method, outcome, millis(1))),
        told((e) => e.queued(id, 2)),
        told((e) => e.failed(id, method, reason)),
      ];
      expect(JSON.stringify(all)).not.toContain(MARK);
    }),
    { numRuns: 2_000 },
  );
});

test("a method that nobody has made adds no value to an attribute", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{1,20}$/), (method) => {
      const [counter = ""] = told((e) => e.turn(id, method, "invalid", millis(1))).counters;
      expect(counter).toMatch(/"strata\.method":"(\(other\)|append|read|history|diff|configure|verify|fork|hold|release|erase)"/);
    }),
  );
});

test("a log holds its level and what is above it, one JSON object a line", () => {
  const written: string[] = [];
  const levels = ["debug", "info", "warn", "error"] as const;
  for (const least of levels) {
    const log: Log = jsonLog(
      least,
      (line) => void written.push(line),
      () => "T",
    );
    for (const level of levels) log(level, `said at ${level}`, { least });
  }
  expect(written.every((line) => line.indexOf("\n") === line.length - 1)).toBe(true);
  expect(written.map((line) => JSON.parse(line) as object)).toEqual(
    levels.flatMap((least, from) => levels.slice(from).map((level) => ({ time: "T", level, message: `said at ${level}`, least }))),
  );
});

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const page = read("docs/telemetry.md");

/** The rows of a table, cell by cell, without the code marks. */
const tableUnder = (heading: string): string[][] => {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
};

test("every metric is on the page with its kind, unit and attributes, and the page has no other", () => {
  const attributes = new Map<string, Set<string>>(meter.instruments.map(({ name }) => [name, new Set<string>()]));
  for (const [, tell] of variants) {
    tell(events);
    for (const { name, attributes: used } of meter.take()) for (const key of Object.keys(used)) attributes.get(name)?.add(key);
  }
  const made = meter.instruments.map(({ name, kind, unit }) => [name, kind, unit, [...(attributes.get(name) ?? [])].join(", ")]);
  expect(tableUnder("Metrics").map((row) => row.slice(0, 4))).toEqual(made);
});

test("every value that strata.work can have is on the page, and the page has no other", () => {
  const [, said = ""] = /`strata\.work` is ([^;]*);/.exec(page) ?? [];
  expect([...said.matchAll(/`([^`]*)`/g)].map(([, value]) => value)).toEqual([...tendings]);
});

test("names and units follow OpenTelemetry's conventions", () => {
  for (const { name, kind, unit, description } of meter.instruments) {
    expect(name).toMatch(/^strata(\.[a-z]+)+$/);
    // Annotations for what is counted, in the singular; seconds for what is timed; no unit, no total, no count in a name.
    expect(unit).toMatch(name.endsWith(".duration") ? /^s$/ : /^\{[a-z]+[^s]\}$/);
    expect(name).not.toMatch(/(total|count|seconds|ms)$/);
    expect(description).toMatch(/^[A-Z].*[^.]$/);
    expect(kind).toBe(/\.(duration|length|size)$/.test(name) ? "histogram" : "counter");
  }
});

test("every line that is logged is on the page with its fields, and the page has no other", () => {
  const seen = new Map<string, Set<string>>();
  for (const [, tell] of variants)
    for (const { message, fields } of told(tell).lines) {
      const known = seen.get(message) ?? new Set();
      for (const field of Object.keys(fields)) known.add(field);
      seen.set(message, known);
    }
  const rows = new Map(
    tableUnder("Logs").map(([message = "", , fields = ""]) => [
      message,
      new Set(fields.match(/[a-z]+/g)?.filter((word) => !["and", "or"].includes(word)) ?? []),
    ]),
  );
  for (const [message, fields] of seen)
    expect(
      [...fields].filter((field) => !rows.get(message)?.has(field)),
      message,
    ).toEqual([]);
  const inSource = filesUnder(root, ".ts")
    .filter((path) => path.startsWith("services/"))
    .flatMap((path) => [...read(path).matchAll(/(?<!\.)\blog\([^,\n]+, "([^"]+)"/g)].map(([, message = ""]) => message));
  expect([...new Set(inSource)].filter((message) => !rows.has(message))).toEqual([]);
  expect([...rows.keys()].filter((message) => !inSource.includes(message))).toEqual([]);
});

test("every span that is made is on the page, and the page has no other", () => {
  const made = filesUnder(root, ".ts")
    .filter((path) => /^(actors|dapr|services|stores)\//.test(path))
    .flatMap((path) => [...read(path).matchAll(/tracing\s*\.span\(\s*([`"][^`"]+[`"])/g)].map(([, name = ""]) => name));
  const types = { type: ["Context", "Tenant"], CONTEXT: ["Context"] };
  const named = made.flatMap((name) => {
    const [, variable, rest = ""] = /^`\$\{(type|CONTEXT)\}(.*)`$/.exec(name) ?? [];
    return variable === undefined ? [name.slice(1, -1)] : types[variable as keyof typeof types].map((type) => type + rest);
  });
  expect(
    tableUnder("Spans")
      .map(([name]) => name)
      .sort(),
  ).toEqual(named.sort());
  expect(made.length).toBe(3);
});
