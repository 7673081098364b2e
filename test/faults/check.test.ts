import { describe, expect, test } from "vitest";
import { check } from "./check.ts";
import type { Answer, Appended, Entry, Final, Read, Told } from "./history.ts";

const HOT_MS = 2_000;
const digestOf = (version: number): string => `digest-${version}`;
const at = (version: number): string => new Date(1_790_000_000_000 + version).toISOString();
const ok = (version: number, digest = digestOf(version)) => ({ kind: "ok", version, digest, at: at(version) }) as const;

/** An append of `key`, under way for 10 ms from `began` on. */
const append = (key: string, began: number, answer: Answer, more: Partial<Appended> = {}): Appended => ({
  op: "append",
  context: "c",
  key,
  began,
  ended: began + 10,
  answer,
  ...more,
});

const told = (version: number, digest = digestOf(version)): Told => ({ version, digest });

/** What stands: one key a version, each told of once. */
const final = (keys: readonly string[], more: Partial<Final> = {}): Final => ({
  op: "final",
  context: "c",
  versions: keys.map((key, i) => ({ number: i + 1, digest: digestOf(i + 1), at: at(i + 1), texts: [key] })),
  verified: { version: keys.length, digest: digestOf(keys.length) },
  told: keys.map((_, i) => told(i + 1)),
  ...more,
});

const read = (began: number, version: number, texts: readonly string[], more: Partial<Read> = {}): Read => ({
  op: "read",
  context: "c",
  began,
  ended: began + 5,
  fresh: true,
  version,
  digest: version === 0 ? "" : digestOf(version),
  from: 0,
  texts,
  more: false,
  ...more,
});

/** Three turns one after another, as they should be. */
const turns = [append("a", 0, ok(1)), append("b", 100, ok(2)), append("c", 200, ok(3))];
const violations = (...history: readonly Entry[]): readonly string[] => check(history, { hotMs: HOT_MS }).violations;

describe("a history that keeps every promise", () => {
  test("has no violations, and is counted", () => {
    const history: Entry[] = [
      ...turns,
      append("b", 300, { ...ok(2), duplicate: true }),
      append("d", 20, { kind: "lost", why: "reset" }),
      append("d", 40, { kind: "refused", code: "unavailable" }),
      read(50, 1, ["a"]),
      read(400, 3, ["b", "c"], { from: 1 }),
      read(400, 2, ["a"], { at: 2, more: true }),
      final(["a", "b", "c"]),
    ];
    expect(check(history, { hotMs: HOT_MS })).toEqual({
      violations: [],
      acknowledged: 3,
      reads: 3,
      contexts: 1,
      lost: 1,
      refused: { unavailable: 1 },
    });
  });

  test("may hold a turn that nobody was told of, and may lack one", () => {
    const lost = append("x", 250, { kind: "lost", why: "timeout" });
    expect(violations(...turns, lost, final(["a", "b", "c"]))).toEqual([]);
    expect(violations(...turns, lost, final(["a", "b", "c", "x"]))).toEqual([]);
  });

  test("may order turns that overlap in either way", () => {
    expect(violations(append("a", 0, ok(2)), append("b", 5, ok(1)), final(["b", "a"]))).toEqual([]);
  });

  test("may refuse what met another head than it expected, and what came after the end of a name", () => {
    const refused = append("x", 50, { kind: "refused", code: "conflict" }, { expect: 4 });
    const late = append("y", 50, { kind: "refused", code: "expired" }, { context: "e" });
    expect(violations(...turns, refused, late, final(["a", "b", "c"]), { op: "ended", context: "e" })).toEqual([]);
  });

  test("may tell of a version again, and in any order", () => {
    const again = [2, 1, 2, 3, 1].map((version) => told(version));
    expect(violations(...turns, final(["a", "b", "c"], { told: again }))).toEqual([]);
  });

  test("may show a hot reader what stood up to S ago", () => {
    expect(violations(...turns, read(205 + HOT_MS, 2, ["a", "b"], { fresh: false }), final(["a", "b", "c"]))).toEqual([]);
  });
});

const planted: readonly [string, RegExp, readonly Entry[]][] = [
  ["an acknowledged turn stands nowhere", /c was acknowledged as version 3 and stands nowhere/, [...turns, final(["a", "b"])]],
  ["an acknowledged turn stands elsewhere", /stands at 2/, [...turns, final(["a", "c", "b"])]],
  ["a turn stands twice", /b stands at 2 and 4/, [...turns, final(["a", "b", "c", "b"])]],
  ["a version stands that nobody asked for", /x stands, and nobody asked for it/, [...turns, final(["a", "b", "c", "x"])]],
  [
    "one key is told two versions",
    /b was answered with version 2, and again with 4/,
    [...turns, append("b", 300, ok(4)), final(["a", "b", "c"])],
  ],
  ["one key is told two digests", /again with 2/, [...turns, append("b", 300, ok(2, "other")), final(["a", "b", "c"])]],
  ["two keys are told one version", /version 3 was acknowledged to/, [...turns, append("d", 300, ok(3)), final(["a", "b", "c"])]],
  [
    "a digest is another than stands",
    /another digest than version 3/,
    [...turns.slice(0, 2), append("c", 200, ok(3, "x")), final(["a", "b", "c"])],
  ],
  [
    "a later turn has the smaller version",
    /b was acknowledged as version 2 before a began, which is version 1/,
    [append("b", 0, ok(2)), append("a", 100, ok(1)), final(["a", "b"])],
  ],
  [
    "versions have a gap",
    /version 3 stands where 2 belongs/,
    [...turns, final(["a", "b"], { versions: [1, 3].map((number) => ({ number, digest: digestOf(number), at: at(number), texts: [] })) })],
  ],
  [
    "time goes back",
    /the one before of/,
    [final(["a"], { versions: [2, 1].map((n, i) => ({ number: i + 1, digest: digestOf(i + 1), at: at(n), texts: [] })) })],
  ],
  [
    "a chain is broken",
    /the chain does not verify: broken at 2/,
    [...turns, final(["a", "b", "c"], { verified: { failed: "broken at 2" } })],
  ],
  [
    "a chain ends early",
    /verifies up to version 2, and the head is 3/,
    [...turns, final(["a", "b", "c"], { verified: { version: 2, digest: digestOf(2) } })],
  ],
  ["a reader sees another item", /saw another item 1/, [...turns, read(400, 3, ["a", "x", "c"]), final(["a", "b", "c"])]],
  ["a reader sees less than a version holds", /saw 2 items, and it has 3/, [...turns, read(400, 3, ["a", "b"]), final(["a", "b", "c"])]],
  [
    "a reader sees more than a version holds",
    /saw 3 items, and it has 2/,
    [...turns, read(400, 2, ["a", "b", "c"], { at: 2 }), final(["a", "b", "c"])],
  ],
  ["a reader sees a version that does not stand", /version 4, which does not stand/, [...turns, read(400, 4, []), final(["a", "b", "c"])]],
  [
    "a reader sees another version under the same number",
    /another version 3 than the one that stands/,
    [...turns, read(400, 3, [], { digest: "other" }), final(["a", "b", "c"])],
  ],
  [
    "a reader is given another version than it asked for",
    /version 2 was asked for and 3 answered/,
    [...turns, read(400, 3, [], { at: 2 }), final(["a", "b", "c"])],
  ],
  [
    "a fresh reader misses what was acknowledged",
    /saw version 2; 3 had been acknowledged before/,
    [...turns, read(220, 2, []), final(["a", "b", "c"])],
  ],
  ["a fresh reader finds nothing", /saw version 0; 1 had been acknowledged/, [...turns, read(50, 0, []), final(["a", "b", "c"])]],
  [
    "a hot reader is staler than S",
    /more than 2000 ms before/,
    [...turns, read(220 + HOT_MS, 2, [], { fresh: false }), final(["a", "b", "c"])],
  ],
  ["a good turn is refused", /x was refused with conflict/, [append("x", 0, { kind: "refused", code: "conflict" })]],
  ["something fails inside", /x was refused with internal/, [append("x", 0, { kind: "refused", code: "internal" })]],
  [
    "what was forged stands",
    /f stands, and must not: it was forged/,
    [append("f", 0, ok(1)), { op: "forbidden", context: "c", key: "f", why: "it was forged" }, final(["f"])],
  ],
  [
    "a version was never told of",
    /no event tells of 1 of 3 versions, of which 2 is the first/,
    [...turns, final(["a", "b", "c"], { told: [told(1), told(3)] })],
  ],
  [
    "what was told of does not stand",
    /tells of version 4 with a digest that/,
    [...turns, final(["a", "b", "c"], { told: [1, 2, 3, 4].map((n) => told(n)) })],
  ],
  [
    "a version was told of with another digest",
    /tells of version 2 with a digest that does not stand/,
    [...turns, final(["a", "b", "c"], { told: [told(1), told(2, "other"), told(2), told(3)] })],
  ],
  ["a context was not read in the end", /was written to and not read in the end/, [...turns]],
  ["a claim of the fault does not hold", /it was so/, [{ op: "claim", holds: false, claim: "it was so" }]],
];

describe("a history that breaks a promise is found out", () => {
  test.each(planted)("%s", (_, finding, history) => {
    expect(violations(...history).join("\n")).toMatch(finding);
  });

  test("two turns told one version are found even where nobody can read the context any more", () => {
    const zombie = append("z", 300, ok(3));
    expect(violations(...turns, zombie, { op: "ended", context: "c" })).toEqual(["c: version 3 was acknowledged to c and to z (V6)"]);
  });

  test("many findings of one kind are told in few lines", () => {
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    const told = violations(...keys.map((key, i) => append(key, i * 100, ok(i + 1))), final([]));
    expect(told.filter((line) => line.includes("stands nowhere"))).toHaveLength(5);
    expect(told.at(-1)).toBe("… and 35 more like the last");
  });
});
