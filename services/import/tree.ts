// JSON as a tree that loses nothing: each node keeps the source text it came in, an object keeps its members in order, and a key that
// stands twice is two members. Foreign trajectories are looked at in this form, because JSON.parse would already have changed them.

import { RawJson } from "../../protocol/json.ts";

export type Member = readonly [key: string, value: Tree];
export type StringTree = { readonly kind: "string"; readonly text: string; readonly value: string };
export type NumberTree = { readonly kind: "number"; readonly text: string };
export type ArrayTree = { readonly kind: "array"; readonly text: string; readonly items: readonly Tree[] };
export type ObjectTree = { readonly kind: "object"; readonly text: string; readonly members: readonly Member[] };
export type WordTree = { readonly kind: "null" | "true" | "false"; readonly text: string };
/** One JSON value. Each place of a document is a node of its own, so nodes may be compared by identity. */
export type Tree = StringTree | NumberTree | ArrayTree | ObjectTree | WordTree;

/** The tree of a JSON text. */
export function treeOf(json: RawJson): Tree {
  return new Splitter(json.text).value();
}

/** The tree of a text, or undefined where it is no JSON or has white space around it, so that its text alone would not restore it. */
export function treeIn(text: string): Tree | undefined {
  try {
    const json = RawJson.of(text);
    return json.text === text ? treeOf(json) : undefined;
  } catch {
    return undefined;
  }
}

/** A text with JSON in it, and where in the text each node of its tree begins. */
export type Placed = { readonly tree: Tree; readonly places: ReadonlyMap<Tree, number> };

/** As `treeIn`, with white space around it if need be. */
export function placedIn(text: string): Placed | undefined {
  try {
    const json = RawJson.of(text);
    const places = new Map<Tree, number>();
    const at = text.indexOf(json.text);
    return { tree: new Splitter(json.text, (node, from) => places.set(node, at + from)).value(), places };
  } catch {
    return undefined;
  }
}

export const rawOf = (tree: Tree): RawJson => RawJson.trusted(tree.text);

export const stringTree = (value: string): StringTree => ({ kind: "string", text: JSON.stringify(value), value });

export const numberTree = (text: string): NumberTree => ({ kind: "number", text });

export const nullTree = (): WordTree => ({ kind: "null", text: "null" });

export const arrayTree = (items: readonly Tree[]): ArrayTree => ({
  kind: "array",
  text: `[${items.map((item) => item.text).join(",")}]`,
  items,
});

export const objectTree = (members: readonly Member[]): ObjectTree => ({
  kind: "object",
  text: `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value.text}`).join(",")}}`,
  members,
});

/** The value of a member; of a key that stands twice the last, as JSON.parse would take it. */
export function memberOf(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === "object" ? tree.members.findLast(([name]) => name === key)?.[1] : undefined;
}

export const stringOf = (tree: Tree | undefined): string | undefined => (tree?.kind === "string" ? tree.value : undefined);

export const hasTwins = (tree: ObjectTree): boolean => new Set(tree.members.map(([key]) => key)).size < tree.members.length;

/** How many arrays and objects stand inside one another; 0 for a scalar. */
export function depthOf(tree: Tree): number {
  if (tree.kind === "array") return 1 + tree.items.reduce((deepest, item) => Math.max(deepest, depthOf(item)), 0);
  if (tree.kind === "object") return 1 + tree.members.reduce((deepest, [, value]) => Math.max(deepest, depthOf(value)), 0);
  return 0;
}

/**
 * The same value: numbers by their source text (1.0 is not 1, since readers differ about both), strings by what they say, objects by
 * their members in any order. Members with the same key must come in the same order.
 */
export function equal(a: Tree, b: Tree): boolean {
  if (a === b || (a.kind === b.kind && a.text === b.text)) return true;
  if (a.kind === "string") return b.kind === "string" && a.value === b.value;
  if (a.kind === "array")
    return b.kind === "array" && a.items.length === b.items.length && a.items.every((item, i) => equalAt(item, b.items[i]));
  if (a.kind !== "object" || b.kind !== "object" || a.members.length !== b.members.length) return false;
  const theirs = byKey(b);
  return byKey(a).every(([key, value], i) => key === theirs[i]?.[0] && equalAt(value, theirs[i]?.[1]));
}

const equalAt = (a: Tree, b: Tree | undefined): boolean => b !== undefined && equal(a, b);

/** Sorting is stable, so twins keep their order. */
const byKey = (tree: ObjectTree): Member[] => [...tree.members].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

/** Takes apart a text that RawJson has checked, and so never fails. */
class Splitter {
  readonly #text: string;
  readonly #seen: ((node: Tree, from: number) => void) | undefined;
  #at = 0;

  constructor(text: string, seen?: (node: Tree, from: number) => void) {
    this.#text = text;
    this.#seen = seen;
  }

  value(): Tree {
    const from = this.#at;
    const node = this.#value(from);
    this.#seen?.(node, from);
    return node;
  }

  #value(from: number): Tree {
    switch (this.#text.charAt(from)) {
      case "{": {
        const members: Member[] = [];
        this.#each("}", () => members.push(this.#member()));
        return { kind: "object", text: this.#text.slice(from, this.#at), members };
      }
      case "[": {
        const items: Tree[] = [];
        this.#each("]", () => items.push(this.value()));
        return { kind: "array", text: this.#text.slice(from, this.#at), items };
      }
      case '"':
        return this.#string();
      case "t":
        return this.#word("true");
      case "f":
        return this.#word("false");
      case "n":
        return this.#word("null");
      default:
        return this.#number();
    }
  }

  #each(close: string, take: () => void): void {
    this.#at++;
    this.#space();
    while (this.#text.charAt(this.#at) !== close) {
      take();
      this.#space();
      if (this.#text.charAt(this.#at) === ",") this.#at++;
      this.#space();
    }
    this.#at++;
  }

  #member(): Member {
    const key = this.#string().value;
    this.#space();
    this.#at++;
    this.#space();
    return [key, this.value()];
  }

  #string(): StringTree {
    const from = this.#at;
    let end = from;
    do end = this.#text.indexOf('"', end + 1);
    while (this.#escaped(end));
    this.#at = end + 1;
    const text = this.#text.slice(from, this.#at);
    return { kind: "string", text, value: text.includes("\\") ? String(JSON.parse(text)) : text.slice(1, -1) };
  }

  #escaped(quote: number): boolean {
    let at = quote;
    while (this.#text.charAt(at - 1) === "\\") at--;
    return (quote - at) % 2 === 1;
  }

  #word(word: "null" | "true" | "false"): WordTree {
    this.#at += word.length;
    return { kind: word, text: word };
  }

  #number(): NumberTree {
    const from = this.#at;
    while (/[-+.0-9eE]/.test(this.#text.charAt(this.#at))) this.#at++;
    return { kind: "number", text: this.#text.slice(from, this.#at) };
  }

  #space(): void {
    while (" \n\r\t".includes(this.#text.charAt(this.#at)) && this.#at < this.#text.length) this.#at++;
  }
}
