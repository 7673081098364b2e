import fc from "fast-check";
import { expect, test } from "vitest";
import { Disk } from "../../dapr/local/disk.ts";
import { goDuration, isoDuration, timeFrom, writeGoDuration } from "../../dapr/local/durations.ts";
import { parseGoJson, parsePrecisely, TooMuchJson, writeGoJson } from "../../dapr/local/go-json.ts";
import { CallerGone, Leaver, LockClosed, stays, TurnLock } from "../../dapr/local/lock.ts";
import { MatchError, readRule } from "../../dapr/local/match.ts";
import { appPath, cleanMethod, cleanPath } from "../../dapr/local/paths.ts";
import { begin, failed, type Progress, type Schedule, succeeded } from "../../dapr/local/schedule.ts";
import { limits } from "../../protocol/limits.ts";

// JSON as Go writes it. The expected texts are what daprd answered for the same input.
const goJson = [
  [
    '{"b":1,"a":[1,2.50,null,true,"x<y>&\\u2028é\\u0001\\u007f\\b\\f"]}',
    '{"a":[1,2.5,null,true,"x\\u003cy\\u003e\\u0026\\u2028é\\u0001\u007f\\b\\f"],"b":1}',
  ],
  ["[1e21,1e-7,-0,0.1,123456789012345678901234567890,1E5,5e-324,1.0]", "[1e+21,1e-7,-0,0.1,1.2345678901234568e+29,100000,5e-324,1]"],
  ['{"a":1,"a":2,"Z":0,"é":1,"\\ud800":"\\ud800"}', '{"Z":0,"a":2,"é":1,"\ufffd":"\ufffd"}'],
  ['{"10":1,"9":2,"__proto__":{"x":1}}', '{"10":1,"9":2,"__proto__":{"x":1}}'],
  ['{"\u{1f600}":1,"\uffee":2}', '{"\uffee":2,"\u{1f600}":1}'],
  ["[1] and more", "[1]"],
] as const;
for (const [given, kept] of goJson)
  test(`json: ${given.slice(0, 60)} is kept as Go keeps it`, () => {
    expect(writeGoJson(parseGoJson(given))).toBe(kept);
  });

test("json: what was written is read back as the same value, and written again as the same text", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = writeGoJson(value);
      expect(parseGoJson(text)).toEqual(value);
      expect(writeGoJson(parseGoJson(text))).toBe(text);
    }),
  );
});

test("json: numbers keep their digits where what is published is read", () => {
  const text = '{"a":12345678901234567890,"b":1.50,"c":1e999}';
  expect(writeGoJson(parsePrecisely(text))).toBe(text);
});

test("json: 10,000 levels are kept, one more is refused", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  expect(writeGoJson(parseGoJson(nested(10_000)))).toBe(nested(10_000));
  expect(() => writeGoJson(parseGoJson(nested(10_001)))).toThrow("max depth");
});

const durations = [
  ["1h5m", 3_900_000],
  ["1.5s", 1_500],
  ["100us", 0.1],
  ["1m0.5s", 60_500],
  ["-5s", -5_000],
  [".5h", 1_800_000],
  ["0", 0],
  ["5", undefined],
  ["", undefined],
  ["-", undefined],
  ["1d", undefined],
  ["1h x", undefined],
  ["h", undefined],
] as const;
for (const [text, ms] of durations)
  test(`durations: "${text}" is ${ms} ms of Go`, () => {
    expect(goDuration(text)).toBe(ms);
  });

test("durations: what is written is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 12), max: 10 ** 12 }), (ms) => {
      expect(goDuration(writeGoDuration(ms))).toBe(ms);
    }),
  );
  expect([writeGoDuration(5_400_000), writeGoDuration(10_000), writeGoDuration(0.1), writeGoDuration(0)]).toEqual([
    "1h30m0s",
    "10s",
    "100µs",
    "0s",
  ]);
});

test("durations: ISO 8601 with repetitions, weeks and both meanings of M", () => {
  expect(isoDuration("R5/P1Y2M1W3DT4H5M6S")).toEqual({ years: 1, months: 2, days: 10, ms: 14_706_000, repeats: 5 });
  expect(isoDuration("R5")).toEqual({ years: 0, months: 0, days: 0, ms: 0, repeats: 5 });
  for (const bad of ["", "P", "R/PT1S", "RX/PT1S", "1h", "PT1X", "pt1s", "PT1.5S"]) expect(isoDuration(bad)?.ms ?? 0).toBe(0);
  const leap = Date.parse("2024-01-31T12:00:00Z");
  expect(timeFrom("P1Y", leap)?.at).toBe(Date.parse("2025-01-31T12:00:00Z"));
  expect(timeFrom("2030-01-01T00:00:00+01:00", leap)?.at).toBe(Date.parse("2029-12-31T23:00:00Z"));
  expect(timeFrom("2030-01-01", leap)).toBeUndefined();
});

const schedule = fc.record<Schedule>({
  beginAt: fc.integer({ min: 0, max: 10_000 }),
  firesAtBegin: fc.boolean(),
  everyMs: fc.option(fc.integer({ min: 1, max: 5_000 }), { nil: undefined }),
  repeats: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  expiresAt: fc.option(fc.integer({ min: 0, max: 30_000 }), { nil: undefined }),
});

test("schedule: ticks come at their times whatever fails, as often as they repeat, and not past their end", () => {
  fc.assert(
    fc.property(schedule, fc.array(fc.boolean(), { maxLength: 40 }), (given, outcomes) => {
      const ticks: number[] = [];
      let attempts = 0;
      let progress: Progress | undefined = begin(given);
      for (const took of outcomes) {
        if (progress === undefined) break;
        expect(progress.nextAt).toBe(attempts === 0 ? progress.nextAt - 0 : (ticks.at(-1) ?? 0) + attempts * 1_000);
        if (attempts === 0) ticks.push(progress.nextAt);
        attempts = took || attempts === 3 ? 0 : attempts + 1;
        progress = (took ? succeeded : failed)(given, progress);
      }
      const first = given.beginAt + (given.firesAtBegin || given.everyMs === undefined ? 0 : given.everyMs);
      expect(ticks).toEqual(ticks.map((_, index) => first + index * (given.everyMs ?? 0)));
      expect(ticks.length).toBeLessThanOrEqual(given.everyMs === undefined ? 1 : (given.repeats ?? Number.POSITIVE_INFINITY));
      if (given.expiresAt !== undefined) expect(Math.max(0, ...ticks)).toBeLessThanOrEqual(Math.max(0, given.expiresAt));
    }),
  );
});

const event = { type: "order.v2", source: "shop", data: { n: 7, tags: ["a"], nested: { x: null } } };
const rules = [
  ['event.type == "order.v2"', true],
  ["event.type == 'order.v1'", false],
  ["event.data.n >= 7 && event.data.n < 8", true],
  ["!(event.data.n == 7) || event.source != 'shop'", false],
  ["has(event.data.nothing)", false],
  ["has(event.data.nested.x) && event.data.nested.x == null", true],
  ['event.type in ["a", "order.v2"]', true],
  ['event.type.startsWith("order.") && event.source.contains("ho")', true],
  ["event.data.tags[0] == 'a'", true],
  ["event['type'] == \"order.v2\"", true],
  ["event.data.n == -7", false],
  ["true && (false || true)", true],
] as const;
for (const [rule, matches] of rules)
  test(`rules: ${rule} is ${matches}`, () => {
    expect(readRule(rule)(event)).toBe(matches);
  });

for (const rule of [
  "",
  "event.",
  "event.type ==",
  "event.type = 'x'",
  "other.type == 1",
  "event.type.matches('x')",
  "(event",
  "constructor",
  "event.constructor.constructor('x')",
  "1 2",
  "a'",
])
  test(`rules: ${JSON.stringify(rule)} is no rule`, () => {
    expect(() => readRule(rule)).toThrow(MatchError);
  });

for (const rule of [
  "event.missing == 1",
  "event.__proto__ == null",
  "event.toString == 1",
  "event.data.n",
  "event.type < 1",
  "event.type && true",
  "'a' in event.type",
])
  test(`rules: ${rule} cannot be applied, which is no match`, () => {
    expect(() => readRule(rule)(event)).toThrow(MatchError);
  });

test("paths: no method leaves its actor's path, whatever its escapes and dots", () => {
  const part = fc.constantFrom("..", ".", "", "a", "/", "..%2f", "%2e%2e", "b.c", "//", "…");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const path = appPath(`/actors/T/id/method/${cleanMethod(parts.join("/"))}`);
      if (path !== undefined)
        expect(new URL(path.replaceAll("%2e", "."), "http://app").pathname.startsWith("/actors/T/id/method/") || /%2e/i.test(path)).toBe(
          true,
        );
    }),
  );
  expect([cleanMethod("../../x"), cleanMethod("a/../../b"), cleanMethod(".."), cleanMethod("a//b/")]).toEqual(["x", "b", "", "a/b"]);
  expect([cleanPath("/a//b/./c/../d/"), cleanPath("/"), cleanPath("/a/%2e%2e/b")]).toEqual(["/a/b/d", "/", "/a/%2e%2e/b"]);
});

/** Enters, leaves and hangs up in any order, and tells who ran when. */
async function play(steps: readonly ("enter" | "end" | "hang up")[], which: readonly number[]) {
  const lock = new TurnLock();
  const calls: { caller: Leaver; leave?: () => void; state: "waits" | "runs" | "ended" | "gone" }[] = [];
  const order: number[] = [];
  let most = 0;
  for (const [index, step] of steps.entries()) {
    const among = (state: "waits" | "runs") => calls.filter((call) => call.state === state);
    const pick = (list: typeof calls) => list[(which[index] ?? 0) % Math.max(1, list.length)];
    if (step === "enter") {
      const call: (typeof calls)[number] = { caller: new Leaver(), state: "waits" };
      const number = calls.push(call) - 1;
      lock.enter(call.caller, false).then(
        (leave) => {
          Object.assign(call, { leave, state: "runs" });
          order.push(number);
        },
        () => Object.assign(call, { state: "gone" }),
      );
    } else if (step === "end") {
      const call = pick(among("runs"));
      call?.leave?.();
      if (call !== undefined) call.state = "ended";
    } else pick(among("waits"))?.caller.leave();
    await Promise.resolve();
    await Promise.resolve();
    most = Math.max(most, among("runs").length);
  }
  return { order, most, calls, lock };
}

test("lock: never two turns at once, first come first served, nobody forgotten, whoever hangs up", async () => {
  const step = fc.constantFrom("enter", "end", "hang up");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.array(fc.nat(10), { minLength: 60, maxLength: 60 }), async (steps, which) => {
      const { order, most, calls, lock } = await play([...steps, ...Array(60).fill("end")], which);
      expect(most).toBeLessThanOrEqual(1);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      expect(calls.every(({ state }) => state === "ended" || state === "gone")).toBe(true);
      expect(lock.length).toBe(0);
    }),
  );
});

test("lock: one that is closed fails who waits and who comes, and not who runs", async () => {
  const lock = new TurnLock();
  const end = await lock.enter(stays, false);
  const waiting = lock.enter(stays, false);
  lock.close();
  await expect(waiting).rejects.toBeInstanceOf(LockClosed);
  await expect(lock.enter(stays, false)).rejects.toBeInstanceOf(LockClosed);
  const gone = new Leaver();
  gone.leave();
  await expect(new TurnLock().enter(gone, false)).rejects.toBeInstanceOf(CallerGone);
  end();
});

test("disk: every commit is synced, and the file is nobody else's", () => {
  const disk = new Disk(":memory:");
  expect(disk.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
  expect(disk.prepare("PRAGMA locking_mode").get()).toEqual({ locking_mode: "exclusive" });
  disk.close();
});

test("disk: every request of a group keeps its own outcome", async () => {
  const disk = new Disk(":memory:");
  disk.define("CREATE TABLE t (k INTEGER PRIMARY KEY) STRICT");
  const insert = disk.prepare("INSERT INTO t VALUES (?)");
  const two = (first: number, second: number) => () => {
    insert.run(first);
    insert.run(second);
  };
  const outcomes = await Promise.allSettled([
    disk.write(() => insert.run(1)),
    disk.write(() => insert.run(1)),
    disk.write(two(2, 1), true),
    disk.write(two(3, 4), true),
    disk.write(() => {
      throw new Error("own");
    }),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled", "rejected"]);
  expect(
    disk
      .prepare("SELECT k FROM t ORDER BY k")
      .all()
      .map(({ k }) => k),
  ).toEqual([1, 3, 4]);
  disk.close();
});

test("disk: a group whose transaction ends fails whole, and the next one goes on", async () => {
  const disk = new Disk(":memory:");
  disk.define("CREATE TABLE t (k INTEGER PRIMARY KEY) STRICT");
  const insert = disk.prepare("INSERT INTO t VALUES (?)");
  const rollback = disk.prepare("ROLLBACK");
  const outcomes = await Promise.allSettled([
    disk.write(() => insert.run(1)),
    disk.write(() => {
      rollback.run();
      throw new Error("as a full disk does");
    }),
    disk.write(() => insert.run(2)),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  await disk.write(() => insert.run(3));
  expect(
    disk
      .prepare("SELECT k FROM t")
      .all()
      .map(({ k }) => k),
  ).toEqual([3]);
  disk.close();
});

test("disk: what comes after its end is refused, and ends nothing else", async () => {
  const disk = new Disk(":memory:");
  disk.define("CREATE TABLE t (k INTEGER PRIMARY KEY) STRICT");
  const insert = disk.prepare("INSERT INTO t VALUES (?)");
  const before = disk.write(() => insert.run(1).changes);
  disk.close();
  expect(await before).toBe(1);
  await expect(disk.write(() => insert.run(2))).rejects.toThrow("the file is closed");
  // A group that was due after the end finds nothing to do.
  await new Promise((resolve) => setImmediate(resolve));
});

test("json: what is too deep or has too many values is refused before it is parsed, whatever its strings hold", () => {
  const { sidecar_json_values: most, sidecar_json_nesting: deepest } = limits;
  const many = (count: number) => `[${"1,".repeat(count - 2)}1]`;
  for (const parse of [parseGoJson, parsePrecisely]) {
    expect(parse(many(most))).toHaveLength(most - 1);
    expect(() => parse(many(most + 2))).toThrow(new TooMuchJson(`more than ${most} values`));
    expect(() => parse("[".repeat(deepest + 1))).toThrow(new TooMuchJson("exceeded max depth"));
    expect(parse(JSON.stringify(`"[{\\${",[".repeat(most)}`))).toHaveLength(2 * most + 4);
    // What stands behind the first value is not looked at.
    expect(parse(`[1] ${"[".repeat(2 * deepest)}`)).toHaveLength(1);
  }
});

test("durations: what neither Go's nor a calendar's numbers hold is none", () => {
  expect(goDuration("2562047h47m16s")).toBe(9_223_372_036_000);
  for (const text of ["2562048h", `${"9".repeat(400)}h`, `-${"9".repeat(400)}s`]) expect(goDuration(text)).toBeUndefined();
  for (const text of ["P10001Y", `P${"9".repeat(400)}M`, `PT${"9".repeat(20)}S`, "P999999999D"]) expect(timeFrom(text, 0)).toBeUndefined();
  expect(timeFrom("P10000Y", 0)?.at).toBe(Date.UTC(11_970, 0, 1));
});
