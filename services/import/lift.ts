// What is taken out of a foreign message, and from where. A recogniser says "this node is text", "these nodes are a tool call"; the part
// is built here, and each node that went into it is remembered with the *hole* that stands for it. A frame (frame.ts) is the message with
// its holes: together they give the message back, whatever shape it had.
//
// Holes: `$0` is the content of part 0 (its text, value, or a tool result's content), `$1.id` a field of part 1, `$2.0` the first part
// inside the content of tool result 2. A form may follow: `:source` is a string that holds the JSON text, `:number` a number with the
// digits of the string, `:dataurl` a data: URL of the blob.

import { createHash } from "node:crypto";
import { Base64, type Part } from "../../protocol/item.ts";
import { limits } from "../../protocol/limits.ts";
import { depthOf, type Member, type ObjectTree, objectTree, type Placed, rawOf, type StringTree, type Tree, treeIn } from "./tree.ts";

export type ContentPart = Exclude<Part, { type: "tool_call" | "tool_result" }>;
type Forms = "" | ":source" | ":number" | ":dataurl";

/** Nodes that are one tool call. `name` is a string where a message spells it in another way than as a value. */
export type CallNodes = { readonly id: Tree | undefined; readonly name: Tree | string; readonly args: Tree | undefined };
export type ResultNodes = { readonly id: Tree | undefined; readonly isError: boolean };
export type BlobNodes = { readonly data: StringTree; readonly mediaType: StringTree | string };

/** Where content parts go: the message itself, or the content of one of its tool results. */
export class Shelf {
  readonly parts: ContentPart[] | Part[];
  readonly #holes: Map<Tree, string>;
  readonly #prefix: string;

  constructor(parts: ContentPart[] | Part[], holes: Map<Tree, string>, prefix: string) {
    this.parts = parts;
    this.#holes = holes;
    this.#prefix = prefix;
  }

  get full(): boolean {
    return this.parts.length >= limits.parts_per_item;
  }

  /** A string becomes a text part; one that text may not hold (a lone surrogate, NUL) a json part, which keeps its escapes. */
  text(node: StringTree): void {
    if (!isText(node.value)) this.json(node);
    else this.add({ type: "text", text: node.value }, [[node, "", ""]]);
  }

  json(node: Tree): void {
    this.add({ type: "json", value: rawOf(node) }, [[node, "", ""]]);
  }

  /** False where the nodes are no base64 of a media type; then nothing was taken. */
  blob({ data, mediaType }: BlobNodes): boolean {
    const type = typeof mediaType === "string" ? mediaType : mediaType.value;
    if (!isMediaType(type) || !isBase64(data.value)) return false;
    const nodes: Taken[] = [[data, ".base64", ""]];
    if (typeof mediaType !== "string") nodes.push([mediaType, ".mediaType", ""]);
    this.add({ type: "blob", mediaType: type, base64: data.value }, nodes);
    return true;
  }

  /** A data: URL; false where it is none in the one spelling that a blob restores. */
  dataUrl(node: StringTree): boolean {
    const found = /^data:([^;,]+);base64,/.exec(node.value);
    const base64 = node.value.slice(found?.[0].length ?? 0);
    if (found?.[1] === undefined || !isMediaType(found[1]) || !isBase64(base64)) return false;
    this.add({ type: "blob", mediaType: found[1], base64 }, [[node, "", ":dataurl"]]);
    return true;
  }

  protected add(part: Part, taken: readonly Taken[]): void {
    const hole = `$${this.#prefix}${this.parts.length}`;
    (this.parts as Part[]).push(part);
    // Two parts may hold the same node (a call and its result share an id); the first one that took it gives it back.
    for (const [node, field, form] of taken) if (!this.#holes.has(node)) this.#holes.set(node, `${hole}${field}${form}`);
  }
}

type Taken = readonly [node: Tree, field: string, form: Forms];

/** The parts of one message and the holes they leave. */
export class Lift extends Shelf {
  readonly holes: ReadonlyMap<Tree, string>;
  readonly #open: Map<Tree, string>;
  /** Objects of which some members are a call's arguments: see `callOfMembers`. */
  readonly spreads = new Map<Tree, { readonly keys: ReadonlySet<string>; readonly hole: string }>();
  /** Strings with JSON in them of which nodes were taken. */
  readonly spelled = new Map<Tree, Placed>();

  constructor() {
    const holes = new Map<Tree, string>();
    super([], holes, "");
    this.holes = holes;
    this.#open = holes;
  }

  /** False where this is no call, or the item has no room for another; then nothing was taken. */
  call({ id, name, args }: CallNodes): boolean {
    const called = idFrom(id);
    const spelled = typeof name === "string" ? name : name.kind === "string" ? name.value : undefined;
    if (this.full || called === undefined || spelled === undefined) return false;
    const named = fitted(spelled, limits.chars_per_tool_name);
    const { json, form } = argumentsFrom(args);
    const taken = [...called.taken];
    if (typeof name !== "string" && named === spelled) taken.push([name, ".name", ""]);
    if (args !== undefined) taken.push([args, ".arguments", form]);
    this.add({ type: "tool_call", id: called.id, name: named, arguments: rawOf(json) }, taken);
    return true;
  }

  /** A call whose arguments are some members of `owner`, beside others that are not. */
  callOfMembers(nodes: Omit<CallNodes, "args">, owner: ObjectTree, members: readonly Member[]): boolean {
    const hole = `$${this.parts.length}.arguments`;
    if (!this.call({ ...nodes, args: objectTree(members) })) return false;
    this.spreads.set(owner, { keys: new Set(members.map(([key]) => key)), hole });
    return true;
  }

  /** A result whose content is the string `content`, or whatever `fill` puts on the shelf. False where its id is none. */
  result({ id, isError }: ResultNodes, content: StringTree | ((shelf: Shelf) => void)): boolean {
    const answered = idFrom(id);
    if (this.full || answered === undefined) return false;
    const at = this.parts.length;
    const taken = [...answered.taken];
    const inner: ContentPart[] = [];
    const whole = typeof content !== "function" && isText(content.value) ? content : undefined;
    if (whole !== undefined) taken.push([whole, "", ""]);
    const held = whole === undefined ? inner : whole.value;
    this.add({ type: "tool_result", id: answered.id, content: held, ...(isError ? { isError } : {}) }, taken);
    const shelf = new Shelf(inner, this.#open, `${at}.`);
    if (typeof content === "function") content(shelf);
    else if (whole === undefined) shelf.json(content);
    return true;
  }
}

/** Text that the contract's own fields take. */
export const isText = (value: string): boolean => value.isWellFormed() && !value.includes("\0");

/** The id of a part and the node that it gives back; "" where there is none, undefined where what stands there is no id. */
function idFrom(id: Tree | undefined): { readonly id: string; readonly taken: readonly Taken[] } | undefined {
  if (id === undefined) return { id: "", taken: [] };
  const value = id.kind === "string" ? id.value : id.kind === "number" ? id.text : undefined;
  if (value === undefined) return undefined;
  const fits = fitted(value, limits.chars_per_call_id);
  return { id: fits, taken: fits === value ? [[id, ".id", id.kind === "number" ? ":number" : ""]] : [] };
}

const STAND_IN_CHARS = 64;

/**
 * An id or a name as the contract takes it. Some write a model's sealed thought into an id, and it has thousands of characters; then a
 * stand-in, the same for a call and its result, keeps them together. It gives nothing back, so the frame keeps what came.
 */
function fitted(value: string, chars: number): string {
  if (isText(value) && value.length <= chars) return value;
  // UTF-8 has no lone surrogates; as UTF-16 two such ids stay two.
  const hash = createHash("sha256").update(Buffer.from(value, "utf16le")).digest("hex").slice(0, 32);
  return `${value.slice(0, STAND_IN_CHARS).toWellFormed().replaceAll("\0", "\ufffd")}~${hash}`;
}

/**
 * Arguments come as a value or as a string of JSON. The string's text becomes the value and is kept to the last space; a string that is
 * no JSON object (models do write such) stays a string.
 */
function argumentsFrom(args: Tree | undefined): { json: Tree; form: Forms } {
  if (args === undefined) return { json: { kind: "object", text: "{}", members: [] }, form: "" };
  if (args.kind !== "string" || !args.value.startsWith("{") || !args.value.isWellFormed()) return { json: args, form: "" };
  const inner = treeIn(args.value);
  // It stands deeper in an append than it stood in its string, so the nesting that a body may have is not all its own.
  if (inner === undefined || depthOf(inner) > limits.json_nesting / 2) return { json: args, form: "" };
  return { json: inner, form: ":source" };
}

function isMediaType(value: string): boolean {
  return value.length <= limits.chars_per_media_type && /^[\w.+-]+\/[\w.+-]+$/.test(value);
}

/** What a blob may hold; but an empty string says nothing of bytes. */
const isBase64 = (value: string): boolean => value !== "" && Base64.safeParse(value).success;
