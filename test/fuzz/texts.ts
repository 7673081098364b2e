// Texts that have broken programs before, and JSON texts made of them.

import fc from "fast-check";

/** Stands wherever a caller's text can stand, and may come back in no message. Not like a name, since names of fields are shown. */
export const MARK = "¤leaked¤";

const oddWords = [
  "",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "length",
  "\0",
  "\ud800",
  "\udfff\ud800",
  "\u2028",
  "\ufeff",
  "\u202e",
  "../../etc/passwd",
  "%2e%2e%2f",
  "a".repeat(300),
  "a".repeat(10_000),
  MARK,
  `${MARK}${"\\".repeat(50)}`,
  "2026-01-31T12:00:00Z",
  "2026-01-31T12:00:00.123456789+23:59",
  "0000-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999Z",
  "2026-02-29T00:00:00Z",
  "2024-02-29T24:00:00Z",
  "2016-12-31T23:59:60Z",
  "2026-01-31T12:00Z",
  "-000001-01-01T00:00:00Z",
  "YQ==",
  "YQ",
];

export const oddText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...oddWords) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()) },
);

const numbers = [
  "0",
  "-0",
  "1",
  "-1",
  "1.5",
  "1e999",
  "-1e999",
  "1e-999",
  "9007199254740991",
  "9007199254740993",
  "1e21",
  "123456789012345678901234567890",
  "0.1",
  "00",
  "1.",
  ".5",
  "+1",
  "NaN",
  "Infinity",
  "0x10",
];
const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);

/** A JSON string literal, mostly; JSON.stringify escapes lone surrogates, so that they arrive. */
const literal: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: oddText.map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: oddText.map((text) => `"${text}"`) },
  { weight: 1, arbitrary: fc.constantFrom('"\\u0000"', '"\\ud83e"', '"\\x41"', '"', '"\\"', '"\\u12"', '"\n"', "'a'") },
);

const { json } = fc.letrec<{ json: string; array: string; object: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 3, arbitrary: fc.constantFrom("null", "true", "false", "{}", "[]", '""') },
    { weight: 3, arbitrary: fc.constantFrom(...numbers) },
    { weight: 4, arbitrary: literal },
    {
      weight: 1,
      arbitrary: fc.constantFrom(deep("[", "]", 300), deep('{"a":', "}", 300), deep("[", "]", 20), "[".repeat(2_000), deep("[", "]", 255)),
    },
    { weight: 2, arbitrary: tie("array") },
    { weight: 2, arbitrary: tie("object") },
  ),
  array: fc.array(tie("json"), { maxLength: 5 }).map((items) => `[${items.join()}]`),
  object: fc
    .array(fc.tuple(literal, tie("json")), { maxLength: 5 })
    .map((all) => `{${all.map(([key, value]) => `${key}:${value}`).join()}}`),
}));

/** JSON, or nearly. */
export const oddJson: fc.Arbitrary<string> = json;

export const bytesAsBase64 = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString("base64"));
