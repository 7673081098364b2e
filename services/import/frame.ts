// The frame of a message: the message with holes where its parts were taken out. It is what `meta` holds.
//
//   meta = { "<field>": value, …, "$form": { "<field>": frame, … } }     fields that no part was taken from, and fields with holes
//   meta = { "<field>": value, …, "$frame": { … } }                      the same, where no field is as in a plain chat message
//   meta = { "$root": frame }                                            a message that is no object, or whose keys stand twice
//
// Most chat messages need none: the fields that `plainFields` derives from role and parts are not written down. `$form` says only where
// a message differs, and "$none" that it lacks such a field; `$frame` has all fields that have holes. In a frame a string that begins with
// $ is a hole ("$role", or one of lift.ts's), a piece of one ("$0[17,230]", UTF-16 units), or, as "$$…", a string of the message that
// itself begins with $. The key "..." puts the members of an object in its place; a key of the message that begins with $ or is "..."
// gets a $ in front. {"$json": […]} is a string that JSON was taken out of: its pieces in order, those that are holes as the JSON text
// of what they stand for.
//
// Frames rest in stores for ever: what `fill` and `plainFields` make of a frame may be added to, never changed (test/import/kept.json).

import type { Item, Part, Role } from "../../protocol/item.ts";
import { RawJson } from "../../protocol/json.ts";
import { type ContentPart, isText, type Lift } from "./lift.ts";
import {
  arrayTree,
  equal,
  hasTwins,
  type Member,
  memberOf,
  nullTree,
  numberTree,
  type ObjectTree,
  objectTree,
  type Placed,
  stringTree,
  type Tree,
  treeOf,
} from "./tree.ts";

/** Strings this long are not written down when a part says just that, or has them within: agents' logs repeat themselves. */
const REPEATED_CHARS = 16;
const WITHIN_CHARS = 48;
/** How many strings of one message are looked for; the rest is written down. */
const SEARCHES = 64;
/** Fields whose meaning the schema carries. They stand in `$form`, as structure, and never beside the unknown fields. */
const KNOWN = new Set(["role", "content", "tool_calls", "tool_call_id", "function_call", "labels", "subjects", "meta"]);

export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** What `meta` has to hold so that `restore` gives the message back; undefined when role and parts say it all. */
export function metaOf(message: Tree, role: Role, lift: Lift): RawJson | undefined {
  const framer = new Framer(lift);
  if (message.kind !== "object" || lift.holes.has(message) || hasTwins(message))
    return RawJson.trusted(objectTree([["$root", framer.frame(message)]]).text);

  const filler = new Filler(role, lift.parts);
  const left = new Map(plainFields(role, lift.parts));
  let alike = left.size === 0;
  const flat: Member[] = [];
  const form: Member[] = [];
  const spread = lift.spreads.get(message);
  if (spread !== undefined) form.push(["...", stringTree(spread.hole)]);
  for (const [key, value] of message.members) {
    if (spread?.keys.has(key)) continue;
    const derived = left.get(key);
    left.delete(key);
    if (derived !== undefined && equal(filler.fill(derived), value)) {
      alike = true;
      continue;
    }
    const framed = framer.frame(value);
    if (derived === undefined && framed === value && !KNOWN.has(key) && keyIn(key) === key) flat.push([key, value]);
    else form.push([keyIn(key), framed]);
  }
  if (alike) for (const key of left.keys()) form.push([key, stringTree("$none")]);
  if (form.length > 0 || !alike) flat.push([alike ? "$form" : "$frame", objectTree(form)]);
  return flat.length === 0 ? undefined : RawJson.trusted(objectTree(flat).text);
}

/** The message that an item was made of. Throws FrameError where its meta names parts that it does not have. */
export function restore(item: Item): Tree {
  const parts: readonly Part[] = typeof item.content === "string" ? [{ type: "text", text: item.content }] : item.content;
  const meta = item.meta === undefined ? objectTree([]) : treeOf(item.meta);
  if (meta.kind !== "object") throw new FrameError("meta is not an object");
  const filler = new Filler(item.role, parts);
  const root = memberOf(meta, "$root");
  if (root !== undefined) return filler.fill(root);

  const flat = meta.members.filter(([key]) => !key.startsWith("$"));
  const frame = memberOf(meta, "$frame");
  if (frame?.kind === "object") return objectTree([...filler.members(frame.members), ...flat]);
  const form = memberOf(meta, "$form");
  const override = new Map(form?.kind === "object" ? form.members : []);
  const fields: Member[] = [];
  for (const [key, derived] of plainFields(item.role, parts)) {
    fields.push([key, override.get(key) ?? derived]);
    override.delete(key);
  }
  // One by one: there may be more of them than a call has room for arguments.
  for (const field of override) fields.push(field);
  const present = fields.filter(([, field]) => !(field.kind === "string" && field.value === "$none"));
  return objectTree([...filler.members(present), ...flat]);
}

/**
 * The frame of the chat message that says no more than `role` and `parts`, in the spelling that most frameworks share: text as `content`,
 * calls as `tool_calls` with their arguments in a string, a result as a message of its own.
 */
function plainFields(role: Role, parts: readonly Part[]): Member[] {
  const fields: Member[] = role === "note" ? [] : [["role", stringTree("$role")]];
  const [first] = parts;
  if (role === "tool" && parts.length === 1 && first?.type === "tool_result" && typeof first.content === "string")
    return [...fields, ["tool_call_id", stringTree("$0.id")], ["content", stringTree("$0")]];

  const contents = parts.filter((part) => part.type !== "tool_call");
  const calls = parts.slice(contents.length).filter((part) => part.type === "tool_call").length;
  if (first?.type === "text" && contents.length === 1) fields.push(["content", stringTree("$0")]);
  else if (contents.length === 0 && role !== "note") fields.push(["content", nullTree()]);
  if (calls === 0 || calls + contents.length < parts.length || contents.length > 1 || (contents.length === 1 && first?.type !== "text"))
    return fields;
  return [...fields, ["tool_calls", arrayTree(parts.flatMap((part, i) => (part.type === "tool_call" ? [plainCall(part, i)] : [])))]];
}

function plainCall({ arguments: args }: ToolCall, at: number): Tree {
  const called = objectTree([
    ["name", stringTree(`$${at}.name`)],
    ["arguments", stringTree(`$${at}.arguments${args.text.startsWith('"') ? "" : ":source"}`)],
  ]);
  return objectTree([
    ["id", stringTree(`$${at}.id`)],
    ["type", stringTree("function")],
    ["function", called],
  ]);
}

type ToolCall = Extract<Part, { type: "tool_call" }>;

const keyIn = (key: string): string => (key.startsWith("$") || key === "..." ? `$${key}` : key);
const keyOut = (key: string): string => (key.startsWith("$") ? key.slice(1) : key);

class Framer {
  readonly #lift: Lift;
  readonly #said: readonly (readonly [hole: string, text: string])[];
  #searches = 0;

  constructor(lift: Lift) {
    this.#lift = lift;
    this.#said = lift.parts.flatMap((part, i) => {
      const said = part.type === "text" ? part.text : part.type === "tool_result" ? part.content : undefined;
      return typeof said === "string" && said.length >= REPEATED_CHARS ? [[`$${i}`, said] as const] : [];
    });
  }

  /** The same node where nothing below it was taken, so that its source text stays. */
  frame(node: Tree): Tree {
    const hole = this.#lift.holes.get(node);
    if (hole !== undefined) return stringTree(hole);
    if (node.kind === "string") {
      const spelled = this.#lift.spelled.get(node);
      return spelled === undefined ? (this.#string(node.value) ?? node) : this.#spelled(node.value, spelled);
    }
    if (node.kind === "array") {
      const items = node.items.map((item) => this.frame(item));
      return items.every((item, i) => item === node.items[i]) ? node : arrayTree(items);
    }
    return node.kind === "object" ? this.#object(node) : node;
  }

  #spelled(text: string, { places }: Placed): Tree {
    const pieces: Tree[] = [];
    let at = 0;
    const taken = [...this.#lift.holes].map(([node, hole]) => ({ node, hole, from: places.get(node) ?? -1 }));
    for (const { node, hole, from } of taken.sort((a, b) => a.from - b.from)) {
      // A string with more escapes than it needs would not come back with them.
      if (from < at || (node.kind === "string" && node.text !== JSON.stringify(node.value))) continue;
      // What stands between the values of a JSON text never begins with $.
      pieces.push(stringTree(text.slice(at, from)), stringTree(hole));
      at = from + node.text.length;
    }
    return objectTree([["$json", arrayTree([...pieces, stringTree(text.slice(at))])]]);
  }

  #object(node: ObjectTree): Tree {
    const spread = this.#lift.spreads.get(node);
    const members: Member[] = spread === undefined ? [] : [["...", stringTree(spread.hole)]];
    for (const [key, value] of node.members) if (!spread?.keys.has(key)) members.push([keyIn(key), this.frame(value)]);
    const same =
      members.length === node.members.length &&
      members.every(([key, value], i) => key === node.members[i]?.[0] && value === node.members[i]?.[1]);
    return same ? node : objectTree(members);
  }

  #string(value: string): Tree | undefined {
    if (value.startsWith("$")) return stringTree(`$${value}`);
    if (value.length < REPEATED_CHARS || this.#searches >= SEARCHES) return undefined;
    this.#searches++;
    for (const [hole, text] of this.#said) {
      if (text === value) return stringTree(hole);
      const at = value.length < WITHIN_CHARS ? -1 : text.indexOf(value);
      if (at >= 0) return stringTree(`${hole}[${at},${at + value.length}]`);
    }
    return undefined;
  }
}

const HOLE = /^\$(\d{1,3})(?:\.(\d{1,3}))?(?:\.(id|name|arguments|mediaType|base64))?(?::(source|number|dataurl))?(?:\[(\d+),(\d+)\])?$/;

class Filler {
  readonly #role: Role;
  readonly #parts: readonly Part[];

  constructor(role: Role, parts: readonly Part[]) {
    this.#role = role;
    this.#parts = parts;
  }

  fill(frame: Tree): Tree {
    if (frame.kind === "string") return frame.value.startsWith("$") ? this.#hole(frame.value) : frame;
    if (frame.kind === "array") return arrayTree(frame.items.map((item) => this.fill(item)));
    if (frame.kind !== "object") return frame;
    const pieces = memberOf(frame, "$json");
    if (pieces?.kind === "array") return stringTree(pieces.items.map((piece) => this.#piece(piece)).join(""));
    return objectTree(this.members(frame.members));
  }

  #piece(frame: Tree): string {
    return frame.kind === "string" && !frame.value.startsWith("$") ? frame.value : this.fill(frame).text;
  }

  members(frames: readonly Member[]): Member[] {
    return frames.flatMap(([key, frame]): readonly Member[] => {
      const value = this.fill(frame);
      if (key !== "...") return [[keyOut(key), value]];
      if (value.kind !== "object") throw new FrameError(`${frame.text} stands for members, but is no object`);
      return value.members;
    });
  }

  #hole(name: string): Tree {
    if (name === "$role") return stringTree(this.#role);
    if (name.startsWith("$$")) return stringTree(name.slice(1));
    const [, index, inner, field, form, from, to] = HOLE.exec(name) ?? [];
    const part = this.#partAt(Number(index), inner === undefined ? undefined : Number(inner));
    if (part === undefined) throw new FrameError(`meta names ${name.slice(0, 32)}, which the item does not have`);
    const value = form === "dataurl" ? dataUrlOf(part) : field === undefined ? contentOf(part) : fieldOf(part, field);
    if (value === undefined) throw new FrameError(`meta names ${name.slice(0, 32)}, which a part of type ${part.type} does not have`);
    if (form === "source") return stringTree(value.text);
    if (form === "number" && value.kind === "string") return numberTree(value.value);
    if (from !== undefined && value.kind === "string") return stringTree(value.value.slice(Number(from), Number(to)));
    return value;
  }

  #partAt(index: number, inner: number | undefined): Part | ContentPart | undefined {
    const part = this.#parts[index];
    if (inner === undefined) return part;
    return part?.type === "tool_result" && typeof part.content !== "string" ? part.content[inner] : undefined;
  }
}

function contentOf(part: Part): Tree | undefined {
  if (part.type === "text") return stringTree(part.text);
  if (part.type === "json") return treeOf(part.value);
  return part.type === "tool_result" && typeof part.content === "string" ? stringTree(part.content) : undefined;
}

function fieldOf(part: Part, field: string): Tree | undefined {
  if (field === "arguments") return part.type === "tool_call" ? treeOf(part.arguments) : undefined;
  const value = Object.entries(part).find(([key]) => key === field)?.[1];
  return typeof value === "string" && isText(value) ? stringTree(value) : undefined;
}

const dataUrlOf = (part: Part): Tree | undefined =>
  part.type === "blob" ? stringTree(`data:${part.mediaType};base64,${part.base64}`) : undefined;
