// Arbitrary JSON texts, the awkward ones included, and what of them the contract's own fields take.

import fc from "fast-check";

/** Text of any kind, lone surrogates and NUL among it. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
);

/** A member's name; those that JavaScript treats in a way of its own come often. */
export const anyName: fc.Arbitrary<string> = fc.oneof(
  anyText,
  fc.constantFrom("__proto__", "constructor", "toString", "", "0", "10", "length"),
);

const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: 30 });

const numberText: fc.Arbitrary<string> = fc.oneof(
  fc.integer().map(String),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom("-0", "-0.0", "1e999", "-1e999", "1E+2", "0e0", "12345678901234567890", "0.1e-400"),
  fc
    .tuple(fc.boolean(), digits, fc.option(digits), fc.option(digits))
    .map(
      ([minus, whole, fraction, exponent]) =>
        `${minus ? "-" : ""}${whole.replace(/^0+(?=\d)/, "")}${fraction === null ? "" : `.${fraction}`}${exponent === null ? "" : `e-${exponent.slice(0, 3)}`}`,
    ),
);

const space = fc.string({ unit: fc.constantFrom(" ", "\n", "\r", "\t"), maxLength: 2 });

/** A string literal; some of its characters are written as escapes though they need none. */
const literal: fc.Arbitrary<string> = fc
  .tuple(fc.oneof(anyText, anyName), fc.boolean())
  .map(([text, escaped]) => (escaped ? `"${[...escapes(text)].join("")}"` : JSON.stringify(text)));

function* escapes(text: string): Generator<string> {
  for (let i = 0; i < text.length; i++) yield `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`;
}

/** One JSON value as text, with white space anywhere it may stand. Names may stand twice. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => {
  const spaced = fc.tuple(space, tie("value"), space).map((parts) => parts.join(""));
  return {
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom("true", "false", "null"),
      numberText,
      literal,
      fc.tuple(fc.array(spaced, { maxLength: 4 }), space).map(([items, gap]) => `[${items.length === 0 ? gap : items.join(",")}]`),
      fc
        .array(
          fc.tuple(space, literal, space, spaced).map(([before, name, after, value]) => `${before}${name}${after}:${value}`),
          { maxLength: 4 },
        )
        .map((members) => `{${members.join(",")}}`),
    ),
  };
}).value;

/** Why the contract's own fields do not take the value of `text`, found in another way than the reader's: by JSON.parse and its reviver. */
export function isPlain(text: string): boolean {
  let plain = true;
  const fine = (word: string): boolean => word.isWellFormed() && !word.includes("\0");
  const parsed: unknown = JSON.parse(text, (name, value: unknown) => {
    if (name === "__proto__" || !fine(name)) plain = false;
    if (typeof value === "string" && !fine(value)) plain = false;
    if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) plain = false;
    return value;
  });
  return plain && countNames(text) === countMembers(parsed);
}

/** Names in the text, however often each stands: strings that are followed by a colon. */
function countNames(text: string): number {
  return [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/gs)].filter(([, colon]) => colon !== undefined).length;
}

function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const below = Object.values(value).reduce<number>((sum, member) => sum + countMembers(member), 0);
  return Array.isArray(value) ? below : below + Object.keys(value).length;
}
