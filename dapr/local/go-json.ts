// JSON as Go's encoding/json reads and writes it, because that is what daprd keeps and hands back: keys sorted by their bytes, numbers as
// float64 in ECMAScript's notation, `<`, `>` and `&` escaped, the last of two equal keys kept, text after the first value ignored.

import { limits } from "../../protocol/limits.ts";

export class GoJsonError extends Error {
  override readonly name = "GoJsonError";
}

/** JSON that is too deep, or has too many values, to be looked at. */
export class TooMuchJson extends GoJsonError {}

/** Throws TooMuchJson. Costs little beside what it spares: everybody waits while one body is parsed. */
function checkShape(text: string): void {
  const { sidecar_json_nesting: deepest, sidecar_json_values: most } = limits;
  if (text.length <= Math.min(deepest, most)) return;
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (c === '"') at = endOfString(text, at);
    else if (c === ",") values++;
    else if (c === "[" || c === "{") {
      values++;
      depth++;
      if (depth > deepest) throw new TooMuchJson("exceeded max depth");
    } else if ((c === "]" || c === "}") && --depth <= 0) return;
    if (values > most) throw new TooMuchJson(`more than ${most} values`);
  }
}

/** Where the string ends that begins at `from`. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const c = text[at];
    if (c === "\\") at++;
    else if (c === '"') return at;
  }
  return text.length;
}

/** The first JSON value of a text. Throws GoJsonError. */
export function parseGoJson(text: string): unknown {
  checkShape(text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const first = firstValue(text);
    if (first === undefined) throw new GoJsonError(text.trim() === "" ? "EOF" : "unexpected end or invalid character", { cause });
    try {
      return JSON.parse(first);
    } catch (again) {
      throw new GoJsonError("invalid character", { cause: again });
    }
  }
}

/** The text of the array or object that `text` begins with, when something follows it. */
function firstValue(text: string): string | undefined {
  const start = text.search(/\S/);
  if (start < 0 || (text[start] !== "{" && text[start] !== "[")) return undefined;
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const c = text[at];
    if (c === '"') at = endOfString(text, at);
    else if (c === "{" || c === "[") depth++;
    else if ((c === "}" || c === "]") && --depth === 0) return text.slice(start, at + 1);
  }
  return undefined;
}

const odd = /[<>&\u2028\u2029\ud800-\udfff]/;
const escapes: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

export function goString(text: string): string {
  if (!odd.test(text)) return JSON.stringify(text);
  return JSON.stringify(text.toWellFormed()).replace(/[<>&\u2028\u2029]/g, (c) => escapes[c] ?? c);
}

/** A number whose digits must survive, as Go's json.Number. */
export class GoNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Throws GoJsonError for numbers beyond float64 and for nesting beyond 10,000. Keys are sorted, unless their order is to be kept. */
export function writeGoJson(value: unknown, keys: "sorted" | "kept" = "sorted"): string {
  if (typeof value === "string") return goString(value);
  const out: string[] = [];
  // Steps instead of recursion: 10,000 levels are more than the stack holds.
  const steps: Step[] = [{ value, depth: 0 }];
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    if (typeof step === "string") out.push(step);
    else if (Array.isArray(step.value)) openArray(step.value, step.depth, out, steps);
    else if (isObject(step.value)) openObject(step.value, keys, step.depth, out, steps);
    else out.push(scalar(step.value));
  }
  return out.join("");
}

/** Text to write as it is, or a value to write. The last one is the next. */
type Step = string | { readonly value: unknown; readonly depth: number };

function scalar(value: unknown): string {
  if (typeof value === "string") return goString(value);
  if (typeof value === "number") return goNumber(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (value instanceof GoNumber) return value.text;
  if (value === null || value === undefined) return "null";
  throw new GoJsonError(`unsupported type: ${typeof value}`);
}

function deeper(depth: number): number {
  if (depth >= limits.sidecar_json_nesting) throw new GoJsonError("exceeded max depth");
  return depth + 1;
}

function openArray(array: readonly unknown[], depth: number, out: string[], steps: Step[]): void {
  const inner = deeper(depth);
  out.push("[");
  steps.push("]");
  for (let index = array.length - 1; index >= 0; index--) {
    steps.push({ value: array[index], depth: inner });
    if (index > 0) steps.push(",");
  }
}

function openObject(
  object: Readonly<Record<string, unknown>>,
  order: "sorted" | "kept",
  depth: number,
  out: string[],
  steps: Step[],
): void {
  const inner = deeper(depth);
  const keys = order === "sorted" ? Object.keys(object).sort(compareUtf8) : Object.keys(object);
  out.push("{");
  steps.push("}");
  for (let index = keys.length - 1; index >= 0; index--) {
    const key = keys[index] ?? "";
    steps.push({ value: object[key], depth: inner }, `${index > 0 ? "," : ""}${goString(key)}:`);
  }
}

function goNumber(value: number): string {
  if (!Number.isFinite(value)) throw new GoJsonError("cannot unmarshal a number beyond float64");
  return Object.is(value, -0) ? "-0" : String(value);
}

const surrogate = /[\ud800-\udfff]/;

/** The order of the bytes, which is Go's and SQLite's. */
export function compareUtf8(a: string, b: string): number {
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A JSON text with every number kept digit by digit, as daprd keeps what is published. Throws GoJsonError. */
export function parsePrecisely(text: string): unknown {
  checkShape(text);
  try {
    return JSON.parse(text, precise);
  } catch (cause) {
    // It goes down as deep as the text does, on the stack.
    if (cause instanceof RangeError) throw new TooMuchJson("exceeded max depth", { cause });
    const first = cause instanceof SyntaxError ? firstValue(text) : undefined;
    if (first === undefined || first === text) throw new GoJsonError("not JSON", { cause });
    return parsePrecisely(first);
  }
}

// TypeScript's library does not know the third argument yet.
function precise(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" && context?.source !== undefined ? new GoNumber(context.source) : value;
}

/** A member by its name, or, as Go's decoder does, by its name in any case. */
export function member(value: object, name: string): unknown {
  if (Object.hasOwn(value, name)) return (value as Readonly<Record<string, unknown>>)[name];
  const lower = name.toLowerCase();
  for (const [key, found] of Object.entries(value)) if (key.toLowerCase() === lower) return found;
  return undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof GoNumber);
}
