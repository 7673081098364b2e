import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonError, RawJson, readAmbiguousJson, readJson, writeJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { isPlain, jsonText } from "./values.ts";

const rawAt = { keys: new Set(["value"]), under: new Set(["set"]) };
const RUNS = { numRuns: 2_000 };

test("what JSON.parse reads without loss is read the same; everything else is refused", () => {
  fc.assert(
    fc.property(jsonText, (text) => {
      if (isPlain(text)) expect(readJson(text)).toEqual(JSON.parse(text));
      else expect(() => readJson(text)).toThrow(JsonError);
    }),
    RUNS,
  );
});

test("a text with one character more, less or other is read only if JSON.parse reads it", () => {
  const character = fc.oneof(fc.constantFrom(...'{}[]",:\\0-+.eE \n\u0000\u2028\ufefftfn'), fc.string({ minLength: 1, maxLength: 1 }));
  fc.assert(
    fc.property(jsonText, fc.nat(), fc.nat({ max: 1 }), fc.option(character), (text, place, removed, inserted) => {
      const at = place % (text.length + 1);
      const changed = `${text.slice(0, at)}${inserted ?? ""}${text.slice(at + removed)}`;
      const parses = isJson(changed);
      expect(isRaw(changed)).toBe(parses);
      if (!parses) expect(() => readJson(changed)).toThrow(JsonError);
      else if (isPlain(changed)) expect(readJson(changed)).toEqual(JSON.parse(changed));
    }),
    RUNS,
  );
});

test("a caller's own value keeps the text it came in, without the white space around it", () => {
  fc.assert(
    fc.property(jsonText, (text) => {
      expect(RawJson.of(` \n${text}\t`).text).toBe(text);
      expect(readJson(`{"value": ${text} }`, rawAt)).toEqual({ value: RawJson.trusted(text) });
      expect(readJson(`{"set":{"a": ${text},"b":1}}`, rawAt)).toEqual({ set: { a: RawJson.trusted(text), b: RawJson.trusted("1") } });
      expect(writeJson(readJson(`{"x":[{"value":${text}}]}`, rawAt))).toBe(`{"x":[{"value":${text}}]}`);
    }),
    RUNS,
  );
});

test("what is written is read again", () => {
  fc.assert(
    fc.property(jsonText.filter(isPlain), (text) => {
      expect(readJson(writeJson(readJson(text)))).toEqual(readJson(text));
    }),
    RUNS,
  );
});

/** Each with a word of what is wrong with it. */
const refused: readonly (readonly [text: string, why: string])[] = [
  ['{"__proto__":1}', "__proto__"],
  ['{"\\u005f_proto__":1}', "__proto__"],
  ['{"a":1,"a":2}', "twice"],
  ['{"a":1,"\\u0061":2}', "twice"],
  ["-0", "-0"],
  ["[-0.0e5]", "-0"],
  ["1e999", "finite"],
  ["-1e999", "finite"],
  ['"\\ud800"', "surrogate"],
  ['"\ud800"', "surrogate"],
  ['{"\\udfff":1}', "surrogate"],
  ['"a\\u0000b"', "NUL"],
  ['"a\u0000b"', "control"],
  ['"a\nb"', "control"],
  ["\ufeff1", "no JSON value"],
  ["1 2", "after the end"],
  ["{} {}", "after the end"],
  ["", "the end"],
  [" ", "the end"],
  ["[1,]", "no JSON value"],
  ["[1", "comma"],
  ['{"a":1,}', "quoted name"],
  ["{a:1}", "quoted name"],
  ['{"a" 1}', "colon"],
  ['"abc', "without an end"],
  ['"\\x"', "bad escape"],
  ["'a'", "no JSON value"],
  ["NaN", "no JSON value"],
  ["Infinity", "no JSON value"],
  ["01", "after the end"],
  ["+1", "no JSON value"],
  [".5", "no JSON value"],
  ["1.", "after the end"],
  ["0x10", "after the end"],
  ["truely", "after the end"],
  ["/* */ 1", "no JSON value"],
  ["undefined", "no JSON value"],
];

for (const [text, why] of refused) {
  test(`${JSON.stringify(text)} is refused: ${why}`, () => {
    expect(() => readJson(text)).toThrow(JsonError);
    expect(() => readJson(text)).toThrow(new RegExp(why));
  });
}

test("what could be read in two ways is answered beside a value without it, and what is no JSON at all is thrown", () => {
  const read = (text: string) => readAmbiguousJson(text, rawAt, bounds);
  for (const [text, value, why] of [
    ['{"a":1,"__proto__":{"b":2},"c":3}', { a: 1, c: 3 }, "__proto__"],
    ['{"a":1,"a":2}', { a: 1 }, "twice"],
    ['{"a":-0}', { a: -0 }, "-0"],
    ['["\\ud800",1e999]', ["\ud800", Number.POSITIVE_INFINITY], "surrogate"],
  ] as const) {
    expect(read(text).value).toEqual(value);
    expect(read(text).ambiguity?.message).toMatch(new RegExp(why));
    expect(() => read(`${text}x`)).toThrow(/after the end/);
  }
  expect(Object.getPrototypeOf(read('{"__proto__":{"b":2}}').value)).toBe(Object.prototype);
  expect(read('{"a":[1]}').ambiguity).toBeUndefined();
});

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

test("nesting is taken up to the limit, and refused beyond it by an answer, not by a full stack", () => {
  expect(() => readJson(nested(limits.json_nesting))).not.toThrow();
  for (const depth of [limits.json_nesting + 1, 10_000, 1_000_000]) {
    expect(() => readJson(nested(depth))).toThrow(JsonError);
    expect(() => RawJson.of(nested(depth))).toThrow(JsonError);
    expect(() => readJson('{"a":'.repeat(depth))).toThrow(JsonError);
    expect(() => readJson(`{"value":${nested(depth)}}`, rawAt)).toThrow(JsonError);
  }
});

test("a value within a value counts from the outside", () => {
  const inside = nested(limits.json_nesting - 1);
  expect(() => readJson(`{"value":${inside}}`, rawAt)).not.toThrow();
  expect(() => readJson(`{"value":[${inside}]}`, rawAt)).toThrow(JsonError);
});

const bounds = { values: 40, members: 4 };
/** How far `text` was looked at before it was refused as too large; undefined: it was taken. */
function lookedAt(text: string): number | undefined {
  try {
    readAmbiguousJson(text, rawAt, bounds);
    return undefined;
  } catch (error) {
    if (!(error instanceof JsonError) || !error.tooLarge) throw error;
    return Number(/ by character (\d+)$/.exec(error.message)?.[1]);
  }
}

test("values are counted wherever they stand, and what is behind the last that may be is not looked at", () => {
  for (const [open, value, close] of [
    ['{"value":[', "0", "]}"],
    ['{"value":[', '[[{"a":1}]]', "]}"],
    ['{"set":{"a":[', "[]", "]}}"],
    ['{"value":{"a":1,"b":[', '{"c":"d"}', "]}}"],
    ["[[[[", "[0,0,0]", "]]]]"],
  ] as const) {
    const several = (count: number): string => open + Array(count).fill(value).join() + close;
    const most = Array.from({ length: 60 }, (_, n) => n + 1).filter((count) => lookedAt(several(count)) === undefined);
    expect(most.length, several(1)).toBeGreaterThan(0);
    expect(Math.max(...most), several(1)).toBe(most.length);
    expect(lookedAt(`${several(100_000)} and no JSON`), several(1)).toBeLessThan(700);
  }
  expect(lookedAt(`{"value":[${Array(39).fill("0").join()}]}`)).toBeUndefined();
  expect(lookedAt(`{"value":[${Array(40).fill("0").join()}]}`)).toBe(88);
});

test("an object or array of the contract's own has a bounded number of members; a caller's own value has not", () => {
  const members = (count: number): string => Array.from({ length: count }, (_, n) => `"m${n}":0`).join();
  for (const [most, more] of [
    ["[0,0,0,0]", "[0,0,0,0,0]"],
    [`{${members(4)}}`, `{${members(5)}}`],
    [`{"a":[{${members(4)}}]}`, `{"a":[{${members(5)}}]}`],
    [`{"set":{${members(4)}}}`, `{"set":{${members(5)}}}`],
  ] as const) {
    expect([lookedAt(most), lookedAt(more) === undefined], more).toEqual([undefined, false]);
    expect(() => readJson(more, rawAt)).not.toThrow();
  }
  expect(lookedAt(`{"value":{${members(30)}}}`)).toBeUndefined();
  expect(lookedAt(`{"value":[${Array(30).fill("0").join()}]}`)).toBeUndefined();
});

test("an error names a place and quotes nothing of the text", () => {
  fc.assert(
    fc.property(jsonText, fc.nat(), (text, place) => {
      const at = place % (text.length + 1);
      const broken = `["SECRET-MARK", ${text.slice(0, at)}SECRET-MARK${text.slice(at)}`;
      const message = messageOf(broken);
      expect(message).toMatch(/^not JSON that can be taken: .+ at character \d+$/);
      expect(message).not.toContain("SECRET");
    }),
    RUNS,
  );
});

test("members that are undefined are left out, as JSON.stringify does", () => {
  const value = { a: undefined, b: [1, "two", null], c: { d: undefined, e: true } };
  expect(writeJson(value)).toBe(JSON.stringify(value));
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isRaw(text: string): boolean {
  try {
    RawJson.of(text);
    return true;
  } catch (reason) {
    expect(reason).toBeInstanceOf(JsonError);
    return false;
  }
}

function messageOf(text: string): string {
  try {
    readJson(text);
  } catch (reason) {
    if (reason instanceof JsonError) return reason.message;
  }
  throw new Error(`this was taken: ${text}`);
}

test("a caller's value that is kept does not keep the text that it came in", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const MiB = 1024 * 1024;
  const read = (i: number) =>
    readJson(`{"value":"of thirteen characters and more: ${i}"${" ".repeat(MiB)}}`, { keys: new Set(["value"]), under: new Set() });
  collect();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: 64 }, (_, i) => read(i));
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * MiB);
  expect(kept).toHaveLength(64);
});
