// Valid JSON, changed: as a tree, so that what is around a change stays valid, and as bytes.

import fc from "fast-check";
import { oddJson, oddText } from "./texts.ts";

type Tree =
  | { readonly kind: "object"; members: [string, Tree][] }
  | { readonly kind: "array"; items: Tree[] }
  | { readonly kind: "text"; text: string };

/** One change: `at` chooses the node, `with` is a JSON text or the text of a key. */
export type Change = {
  readonly how: "replace" | "remove" | "double" | "rename" | "insert" | "wrap" | "swap";
  readonly at: number;
  readonly with: string;
};
/** One change of bytes, at a place in 0..1 of the whole. */
export type Cut = { readonly how: "cut" | "flip" | "insert" | "repeat"; readonly at: number; readonly byte: number };

export const changes = (maxLength: number): fc.Arbitrary<Change[]> =>
  fc.array(
    fc.oneof(
      fc.record<Change>({ how: fc.constantFrom("replace", "insert"), at: fc.nat(200), with: oddJson }),
      fc.record<Change>({ how: fc.constant("rename"), at: fc.nat(200), with: oddText }),
      fc.record<Change>({ how: fc.constantFrom("remove", "double", "wrap", "swap"), at: fc.nat(200), with: fc.constant("") }),
    ),
    { maxLength },
  );

export const cuts: fc.Arbitrary<Cut[]> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Cut[]>([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.record<Cut>({
        how: fc.constantFrom("cut", "flip", "insert", "repeat"),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        byte: fc.nat(255),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  },
);

function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: "array", items: value.map(treeOf) };
  if (typeof value === "object" && value !== null)
    return { kind: "object", members: Object.entries(value).map(([key, member]): [string, Tree] => [JSON.stringify(key), treeOf(member)]) };
  return { kind: "text", text: JSON.stringify(value) };
}

function textOf(tree: Tree): string {
  if (tree.kind === "text") return tree.text;
  if (tree.kind === "array") return `[${tree.items.map(textOf).join()}]`;
  return `{${tree.members.map(([key, member]) => `${key}:${textOf(member)}`).join()}}`;
}

/** A place in the tree: where a node stands in its parent. */
type Place = { readonly parent: Exclude<Tree, { kind: "text" }>; readonly index: number };

function placesOf(tree: Tree): Place[] {
  if (tree.kind === "text") return [];
  const children = tree.kind === "array" ? tree.items : tree.members.map(([, member]) => member);
  return children.flatMap((child, index) => [{ parent: tree, index }, ...placesOf(child)]);
}

const nodeAt = ({ parent, index }: Place): Tree | undefined => (parent.kind === "array" ? parent.items[index] : parent.members[index]?.[1]);

function put({ parent, index }: Place, node: Tree): void {
  if (parent.kind === "array") parent.items[index] = node;
  else {
    const member = parent.members[index];
    if (member !== undefined) member[1] = node;
  }
}

function apply(tree: Tree, change: Change): void {
  const places = placesOf(tree);
  const place = places[change.at % Math.max(1, places.length)];
  if (place === undefined) return;
  const { parent, index } = place;
  const node = nodeAt(place);
  const list: unknown[] = parent.kind === "array" ? parent.items : parent.members;
  if (change.how === "replace") put(place, { kind: "text", text: change.with });
  else if (change.how === "remove") list.splice(index, 1);
  else if (change.how === "double" && parent.kind === "array") list.splice(index, 0, list[index]);
  else if (change.how === "rename" && parent.kind === "object") {
    const member = parent.members[index];
    if (member !== undefined) member[0] = JSON.stringify(change.with);
  } else if (change.how === "insert") {
    const added: Tree = { kind: "text", text: change.with };
    if (parent.kind === "array") parent.items.splice(index, 0, added);
    else parent.members.splice(index, 0, [JSON.stringify(change.with.slice(0, 20)), added]);
  } else if (change.how === "wrap" && node !== undefined) put(place, { kind: "array", items: [node] });
  else if (change.how === "swap" && node !== undefined) {
    const other = places[(change.at * 7 + 3) % places.length];
    const swapped = other === undefined ? undefined : nodeAt(other);
    if (other === undefined || swapped === undefined) return;
    // By their texts: exchanged as nodes, one could come to stand inside itself.
    const [mine, theirs] = [textOf(node), textOf(swapped)];
    put(place, { kind: "text", text: theirs });
    put(other, { kind: "text", text: mine });
  }
}

/** The JSON text of `value` with the changes made. */
export function mutate(value: unknown, all: readonly Change[]): string {
  const tree = treeOf(value);
  for (const change of all) apply(tree, change);
  return textOf(tree);
}

export function cut(bytes: Uint8Array, all: readonly Cut[]): Buffer {
  let result = Buffer.from(bytes);
  for (const { how, at, byte } of all) {
    const place = Math.min(result.length, Math.floor(at * (result.length + 1)));
    const [before, after] = [result.subarray(0, place), result.subarray(place)];
    if (how === "cut") result = Buffer.from(before);
    else if (how === "insert") result = Buffer.concat([before, Buffer.of(byte), after]);
    else if (how === "repeat") result = Buffer.concat([before, before.subarray(-byte), after]);
    else {
      result = Buffer.from(result);
      if (place < result.length) result[place] = (result[place] ?? 0) ^ (1 << (byte % 8));
    }
  }
  return result;
}
