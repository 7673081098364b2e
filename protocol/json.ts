// JSON as it is read at the boundary: lossless where the contract promises it, strict everywhere else.
//
// JSON.parse would round 12345678901234567890, turn 1e999 into Infinity and move integer-like keys to the front. A caller's own data
// (the value of a json part, a tool's arguments, meta, a slot) therefore stays the source text it came in, as RawJson; the contract's own
// fields become plain values, and whatever could be read in two ways (a key that stands twice, __proto__, -0, 1e999, lone surrogates,
// NUL) is refused. Errors name a place and never quote: the text is what we do not trust.

import { limits } from "./limits.ts";

/** The source text of one valid JSON value, without white space around it. */
export class RawJson {
  readonly text: string;
  private constructor(text: string) {
    this.text = text;
  }
  /** Throws JsonError when `text` is not one JSON value. */
  static of(text: string): RawJson {
    const reader = new Reader(text, nothingRaw, unbounded);
    const raw = reader.raw(0);
    reader.end();
    return raw;
  }
  /** For text that this module has read before and that rested at ours since. */
  static trusted(text: string): RawJson {
    return new RawJson(text);
  }
  /** Any JSON-like value of ours, as source text. */
  static from(value: unknown): RawJson {
    return new RawJson(JSON.stringify(value));
  }
  /** The value as JavaScript sees it; large numbers and odd keys may lose here what `text` keeps. */
  parse(): unknown {
    return JSON.parse(this.text);
  }
}

export class JsonError extends Error {
  override readonly name = "JsonError";
  /** It may well be JSON, but there is more of it than `JsonBounds` allows. */
  readonly tooLarge: boolean;

  constructor(message: string, tooLarge = false) {
    super(message);
    this.tooLarge = tooLarge;
  }
}

/** How much of a text is looked at: bytes alone do not bound the time that takes, two of them make a value. */
export type JsonBounds = {
  /** In the whole text, those that stay source text too. */
  readonly values: number;
  /** Of one object or array that becomes a plain value. */
  readonly members: number;
};
const unbounded: JsonBounds = { values: Number.POSITIVE_INFINITY, members: Number.POSITIVE_INFINITY };

/** Which members stay source text: those with one of `keys`, and every member of an object that stands under one of `under`. */
export type RawAt = { readonly keys: ReadonlySet<string>; readonly under: ReadonlySet<string> };
const nothingRaw: RawAt = { keys: new Set(), under: new Set() };

/** One JSON text as a value whose members at `rawAt` are RawJson. Throws JsonError. */
export function readJson(text: string, rawAt: RawAt = nothingRaw): unknown {
  const { value, ambiguity } = readAmbiguousJson(text, rawAt, unbounded);
  if (ambiguity !== undefined) throw ambiguity;
  return value;
}

/**
 * As `readJson`, within `bounds`; but of what is JSON and yet could be read in two ways the first is answered beside the value, in which it is left
 * out or stands as it came first: there may be something else to be said before. Throws JsonError for what is no JSON.
 */
export function readAmbiguousJson(text: string, rawAt: RawAt, bounds: JsonBounds): { value: unknown; ambiguity: JsonError | undefined } {
  const reader = new Reader(text, rawAt, bounds);
  const value = reader.value(0, "");
  reader.end();
  return { value, ambiguity: reader.ambiguity };
}

/** The JSON text of a value that may hold RawJson; members that are undefined are left out. */
export function writeJson(value: unknown): string {
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(writeJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  let members = "";
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    members += `${members === "" ? "" : ","}${JSON.stringify(key)}:${writeJson(member)}`;
  }
  return `{${members}}`;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** `part` of `whole`, in memory of its own: V8 keeps a whole text for as long as any part of it, and a slot may stay for years. */
const apart = (part: string, whole: string): string => (part.length * 2 < whole.length ? ` ${part}`.slice(1) : part);

class Reader {
  readonly #text: string;
  readonly #rawAt: RawAt;
  readonly #bounds: JsonBounds;
  #at = 0;
  #values = 0;
  /** The first thing that could be read in two ways. */
  ambiguity: JsonError | undefined;

  constructor(text: string, rawAt: RawAt, bounds: JsonBounds) {
    this.#text = text;
    this.#rawAt = rawAt;
    this.#bounds = bounds;
  }

  /** A value of the contract's own: refused where it could be read in two ways. */
  value(depth: number, under: string): unknown {
    switch (this.#peek()) {
      case "{":
        return this.#object(depth, this.#rawAt.under.has(under));
      case "[": {
        const array: unknown[] = [];
        this.#members("]", depth, this.#bounds.members, () => array.push(this.value(depth + 1, "")));
        return array;
      }
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  /** A caller's value: checked to be JSON, kept as it came. */
  raw(depth: number): RawJson {
    this.#peek();
    const from = this.#at;
    this.#skip(depth);
    return RawJson.trusted(apart(this.#text.slice(from, this.#at), this.#text));
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#error("text after the end of the value");
  }

  #object(depth: number, allRaw: boolean): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#members("}", depth, this.#bounds.members, () => {
      if (this.#peek() !== '"') throw this.#error("a member without a quoted name");
      const key = this.#string();
      const taken = key !== "__proto__" && !Object.hasOwn(object, key);
      if (!taken) this.#ambiguous(key === "__proto__" ? "a field named __proto__" : "the same field twice");
      this.#colon();
      const value = allRaw || this.#rawAt.keys.has(key) ? this.raw(depth + 1) : this.value(depth + 1, key);
      if (taken) object[key] = value;
    });
    return object;
  }

  #skip(depth: number): void {
    const next = this.#peek();
    if (next === "{") this.#members("}", depth, this.#bounds.values, () => this.#skipMember(depth));
    else if (next === "[") this.#members("]", depth, this.#bounds.values, () => this.#skip(depth + 1));
    else if (next === '"') this.#literal();
    else if (next === "t") this.#word("true", true);
    else if (next === "f") this.#word("false", false);
    else if (next === "n") this.#word("null", null);
    else this.#digits();
  }

  #skipMember(depth: number): void {
    if (this.#peek() !== '"') throw this.#error("a member without a quoted name");
    this.#literal();
    this.#colon();
    this.#skip(depth + 1);
  }

  #members(close: "}" | "]", depth: number, most: number, member: () => void): void {
    if (depth >= limits.json_nesting) throw this.#error(`nesting deeper than ${limits.json_nesting} levels`);
    this.#at++;
    if (this.#peek() === close) {
      this.#at++;
      return;
    }
    for (let count = 1; ; count++) {
      if (count > most) throw this.#tooLarge(`more than ${most} members in one object or array`);
      if (++this.#values > this.#bounds.values) throw this.#tooLarge(`more than ${this.#bounds.values} values`);
      member();
      const next = this.#peek();
      this.#at++;
      if (next === close) return;
      if (next !== ",") throw this.#error(`neither a comma nor ${close}`, this.#at - 1);
    }
  }

  #string(): string {
    const from = this.#at;
    const value = this.#literal();
    if (!value.isWellFormed()) this.#ambiguous("a lone surrogate (a json part keeps it, as an escape)", from);
    if (value.includes("\0")) this.#ambiguous("a NUL character (a json part keeps it, as an escape)", from);
    return value;
  }

  /** A string literal. JSON.parse decides what escapes mean and which characters must be escaped. */
  #literal(): string {
    const from = this.#at;
    let end = from;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw this.#error("a string without an end");
    } while (this.#escaped(end));
    this.#at = end + 1;
    try {
      return JSON.parse(this.#text.slice(from, this.#at)) as string;
    } catch {
      throw this.#error("a string with a bad escape or a raw control character", from);
    }
  }

  #escaped(quote: number): boolean {
    let at = quote - 1;
    while (this.#text.charCodeAt(at) === BACKSLASH) at--;
    return (quote - at) % 2 === 0 && this.#text.charCodeAt(quote) === QUOTE;
  }

  #number(): number {
    const from = this.#at;
    const value = Number(this.#digits());
    if (!Number.isFinite(value)) this.#ambiguous("a number that is not finite", from);
    if (Object.is(value, -0)) this.#ambiguous("the number -0", from);
    return value;
  }

  #digits(): string {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text)?.[0];
    if (found === undefined) throw this.#error(this.#at < this.#text.length ? "something that is no JSON value" : "the end of the text");
    this.#at += found.length;
    return found;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("something that is no JSON value");
    this.#at += word.length;
    return value;
  }

  #colon(): void {
    if (this.#peek() !== ":") throw this.#error("a member without a colon");
    this.#at++;
  }

  /** The next character that is not white space, without taking it; "" at the end. */
  #peek(): string {
    this.#space();
    return this.#text.charAt(this.#at);
  }

  #space(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.#at++;
    }
  }

  #ambiguous(what: string, at = this.#at): void {
    this.ambiguity ??= this.#error(what, at);
  }

  #error(what: string, at = this.#at): JsonError {
    return new JsonError(`not JSON that can be taken: ${what} at character ${at}`);
  }

  #tooLarge(what: string): JsonError {
    return new JsonError(`${what} by character ${this.#at}`, true);
  }
}
