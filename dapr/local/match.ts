// The rules of a subscription's routes: the part of CEL that such rules use. `event.type == "order.v2" && event.data.n > 5`.

import { GoNumber, isObject } from "./go-json.ts";

export class MatchError extends Error {
  override readonly name = "MatchError";
}

type Value = unknown;
type Rule = (event: Value) => Value;
type Operators = ReadonlyMap<string, (a: Rule, b: Rule) => Rule>;

const token = /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\d+(?:\.\d+)?)|([A-Za-z_][\w]*)|(&&|\|\||==|!=|<=|>=|[<>!().,[\]-]))/y;

/** A rule as a function of the event that tells whether it matches. Throws MatchError for what is no rule. */
export function readRule(source: string): (event: Value) => boolean {
  const rule = new RuleReader(tokensOf(source)).whole();
  return (event) => truth(rule(event));
}

class RuleReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  whole(): Rule {
    const rule = this.#or();
    if (this.#peek() !== undefined) throw new MatchError(`the rule goes on with ${this.#peek()} after its end`);
    return rule;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(expected?: string): string {
    const found = this.#tokens[this.#at++];
    if (found === undefined || (expected !== undefined && found !== expected))
      throw new MatchError(`the rule has ${found ?? "its end"} where ${expected ?? "more"} is expected`);
    return found;
  }

  #or(): Rule {
    return this.#binary(() => this.#and(), either);
  }

  #and(): Rule {
    return this.#binary(() => this.#binary(() => this.#unary(), comparisons), both);
  }

  #binary(next: () => Rule, operators: Operators): Rule {
    let left = next();
    for (let operator = operators.get(this.#peek() ?? ""); operator !== undefined; operator = operators.get(this.#peek() ?? "")) {
      this.#take();
      left = operator(left, next());
    }
    return left;
  }

  #unary(): Rule {
    const sign = this.#peek();
    if (sign !== "!" && sign !== "-") return this.#path();
    this.#take();
    const inner = this.#unary();
    return sign === "!" ? (event) => !truth(inner(event)) : (event) => -numeric(inner(event));
  }

  #path(): Rule {
    let value = this.#primary();
    while (this.#peek() === "." || this.#peek() === "[") {
      const before = value;
      if (this.#take() === "[") {
        const index = this.#or();
        this.#take("]");
        value = (event) => field(before(event), index(event));
      } else {
        const name = this.#take();
        value = this.#peek() === "(" ? method(before, name, this.#list(")")) : (event) => field(before(event), name);
      }
    }
    return value;
  }

  #primary(): Rule {
    if (this.#peek() === "[") {
      const members = this.#list("]");
      return (event) => members.map((member) => member(event));
    }
    const found = this.#take();
    if (found !== "(") return literal(found, () => this.#list(")"));
    const inner = this.#or();
    this.#take(")");
    return inner;
  }

  #list(end: string): Rule[] {
    this.#take();
    const members: Rule[] = [];
    while (this.#peek() !== end) {
      members.push(this.#or());
      if (this.#peek() !== end) this.#take(",");
    }
    this.#take(end);
    return members;
  }
}

function tokensOf(source: string): string[] {
  const found: string[] = [];
  const end = source.trimEnd().length;
  for (token.lastIndex = 0; token.lastIndex < end; ) {
    const from = token.lastIndex;
    const one = token.exec(source);
    if (one === null) throw new MatchError(`the rule cannot be read from character ${from + 1} on`);
    found.push(one[0].trim());
  }
  return found;
}

function literal(found: string, call: () => Rule[]): Rule {
  if (found === "event") return (event) => event;
  if (found === "true" || found === "false") return () => found === "true";
  if (found === "null") return () => null;
  if (/^\d/.test(found)) return () => Number(found);
  if (/^["']/.test(found)) {
    const text = found.slice(1, -1).replace(/\\(.)/g, "$1");
    return () => text;
  }
  if (found === "has") {
    const [inner] = call();
    if (inner === undefined) throw new MatchError("has() takes a field");
    return (event) => exists(inner, event);
  }
  throw new MatchError(`the rule names ${found}, which is not known`);
}

const either: Operators = new Map([["||", (a, b) => (event) => truth(a(event)) || truth(b(event))]]);
const both: Operators = new Map([["&&", (a, b) => (event) => truth(a(event)) && truth(b(event))]]);
const comparisons: Operators = new Map<string, (a: Rule, b: Rule) => Rule>([
  ["==", (a, b) => (event) => plain(a(event)) === plain(b(event))],
  ["!=", (a, b) => (event) => plain(a(event)) !== plain(b(event))],
  ["<", (a, b) => (event) => order(a(event), b(event)) < 0],
  ["<=", (a, b) => (event) => order(a(event), b(event)) <= 0],
  [">", (a, b) => (event) => order(a(event), b(event)) > 0],
  [">=", (a, b) => (event) => order(a(event), b(event)) >= 0],
  ["in", (a, b) => (event) => isIn(a(event), b(event))],
]);

const methods: ReadonlyMap<string, (text: string, part: string) => boolean> = new Map([
  ["startsWith", (text, part) => text.startsWith(part)],
  ["endsWith", (text, part) => text.endsWith(part)],
  ["contains", (text, part) => text.includes(part)],
]);

function isIn(value: Value, members: Value): boolean {
  if (!Array.isArray(members)) throw new MatchError("in takes a list");
  return members.some((member) => plain(member) === plain(value));
}

function method(target: Rule, name: string, args: readonly Rule[]): Rule {
  const does = methods.get(name);
  const [arg] = args;
  if (does === undefined || arg === undefined) throw new MatchError(`the rule calls ${name}(), which is not known`);
  return (event) => {
    const [text, part] = [target(event), arg(event)];
    if (typeof text !== "string" || typeof part !== "string") throw new MatchError(`${name}() takes strings`);
    return does(text, part);
  };
}

const plain = (value: Value): Value => (value instanceof GoNumber ? Number(value.text) : value);

function field(value: Value, name: Value): Value {
  if (Array.isArray(value) && typeof name === "number" && name in value) return value[name];
  if (!isObject(value) || typeof name !== "string" || !Object.hasOwn(value, name)) throw new MatchError(`no such key: ${String(name)}`);
  return value[name];
}

function exists(inner: Rule, event: Value): boolean {
  try {
    inner(event);
    return true;
  } catch (reason) {
    if (reason instanceof MatchError) return false;
    throw reason;
  }
}

function truth(value: Value): boolean {
  if (typeof value !== "boolean") throw new MatchError("the rule's value is no boolean");
  return value;
}

function numeric(value: Value): number {
  const found = plain(value);
  if (typeof found !== "number") throw new MatchError("not a number");
  return found;
}

function order(a: Value, b: Value): number {
  const [left, right] = [plain(a), plain(b)];
  if (typeof left === "string" && typeof right === "string") return left < right ? -1 : left > right ? 1 : 0;
  return numeric(left) - numeric(right);
}
