// A line of a trajectory file: `{id, messages: […], …}` or `{id, events: […], …}`, the context it becomes, and the line back.

import { createHash } from "node:crypto";
import { ContextName } from "../../protocol/ids.ts";
import type { Item } from "../../protocol/item.ts";
import { JsonError, RawJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { messageOf } from "./message.ts";
import {
  depthOf,
  memberOf,
  type NumberTree,
  type ObjectTree,
  objectTree,
  rawOf,
  type StringTree,
  stringOf,
  stringTree,
  type Tree,
  treeOf,
} from "./tree.ts";

/** A line, or a context, that is no trajectory. The message says what was seen and what is allowed. */
export class TrajectoryError extends Error {
  override readonly name = "TrajectoryError";
}

export type Trajectory = {
  readonly id: StringTree | NumberTree;
  readonly name: ContextName;
  readonly list: "messages" | "events";
  readonly messages: readonly RawJson[];
  /** What the context keeps beside the messages. */
  readonly slots: Slots;
};

/** Where a context keeps what is not a message. `source.fields` is absent when the line had no other field. */
export type Slots = { readonly "source.id": RawJson; readonly "source.list": RawJson; readonly "source.fields"?: RawJson };

/** How much deeper a message stands in an append than in its line; frames add one or two levels more. */
const ROOM = 12;

/** Throws TrajectoryError. */
export function trajectoryOf(text: string): Trajectory {
  const line = read(text);
  if (line.kind !== "object") throw new TrajectoryError(`the line is ${described(line)}; ${ALLOWED}`);
  const id = memberOf(line, "id");
  if (id?.kind !== "string" && id?.kind !== "number")
    throw new TrajectoryError(`${id === undefined ? `there is no "id" among ${keysOf(line)}` : `"id" is ${described(id)}`}; ${ALLOWED}`);
  const list = listIn(line);
  const messages = list === undefined ? undefined : memberOf(line, list);
  if (list === undefined || messages?.kind !== "array")
    throw new TrajectoryError(`neither "messages" nor "events" is an array; the line has ${keysOf(line)}; ${ALLOWED}`);
  for (const key of ["id", list])
    if (line.members.filter(([name]) => name === key).length > 1) throw new TrajectoryError(`"${key}" stands twice; once is allowed`);
  if (depthOf(line) > limits.json_nesting - ROOM)
    throw new TrajectoryError(`values are nested ${depthOf(line)} deep; at most ${limits.json_nesting - ROOM} is allowed`);
  const fields = line.members.filter(([key]) => key !== "id" && key !== list);
  const at = ["id", list].map((key) => line.members.findIndex(([name]) => name === key));
  return {
    id,
    name: contextNameOf(id),
    list,
    messages: messages.items.map(rawOf),
    slots: {
      "source.id": rawOf(id),
      "source.list": RawJson.from({ name: list, length: messages.items.length, at }),
      ...(fields.length === 0 ? {} : { "source.fields": rawOf(objectTree(fields)) }),
    },
  };
}

/** Where the turns are: the list that has some, since loggers may write the other one empty. Throws TrajectoryError where both have. */
function listIn(line: ObjectTree): Trajectory["list"] | undefined {
  const lists = (["messages", "events"] as const).filter((key) => memberOf(line, key)?.kind === "array");
  const filled = lists.filter((key) => line.members.some(([name, list]) => name === key && list.kind === "array" && list.items.length > 0));
  if (filled.length > 1) throw new TrajectoryError(`both "messages" and "events" hold something, and a context is made of one; ${ALLOWED}`);
  return filled[0] ?? lists[0];
}

const ALLOWED = 'allowed is one JSON object a line, {"id": "…", "messages": […], …} or {"id": "…", "events": […], …}';

function read(text: string): Tree {
  try {
    return treeOf(RawJson.of(text));
  } catch (error) {
    if (error instanceof JsonError) throw new TrajectoryError(`${error.message}; ${ALLOWED}`);
    throw error;
  }
}

const described = (tree: Tree): string =>
  tree.kind === "true" || tree.kind === "false"
    ? "a boolean"
    : tree.kind === "null"
      ? "null"
      : `a${/^[ao]/.test(tree.kind) ? "n" : ""} ${tree.kind}`;

function keysOf(line: ObjectTree): string {
  const keys = line.members.map(([key]) => JSON.stringify(key.slice(0, 40)));
  if (keys.length === 0) return "no fields";
  return `the fields ${keys.slice(0, limits.import_keys_shown).join(", ")}${keys.length > limits.import_keys_shown ? ", …" : ""}`;
}

const HASH_CHARS = 12;

/** The id's legal characters, to be read, and a hash of the whole id, to be sure. The number 17 and the string "17" are two ids. */
export function contextNameOf(id: StringTree | NumberTree): ContextName {
  // UTF-8 has no lone surrogates; with their escapes two such ids stay two.
  const exact = id.kind === "string" ? (id.value.isWellFormed() ? id.value : id.text) : `number ${id.text}`;
  const hash = createHash("sha256").update(exact).digest("hex").slice(0, HASH_CHARS);
  const legal = (id.kind === "string" ? id.value : id.text)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, limits.chars_per_name - HASH_CHARS - 1)
    .replace(/-$/, "");
  return ContextName.parse(legal === "" ? hash : `${legal}-${hash}`);
}

/** The text of a line before and after its messages, and how many it had. Throws TrajectoryError where the slots are not an import's. */
export function envelopeOf(slots: Readonly<Record<string, RawJson>>): { before: string; after: string; length: number } {
  const [id, list, rest] = [slots["source.id"], slots["source.list"], slots["source.fields"]];
  const listed = list === undefined ? undefined : treeOf(list);
  const name = stringOf(memberOf(listed, "name"));
  const at = memberOf(listed, "at");
  if (id === undefined || name === undefined || at?.kind !== "array")
    throw new TrajectoryError("the context was not made by an import: its slots source.id and source.list are not there");
  const fields = rest === undefined ? undefined : treeOf(rest);
  const members = fields?.kind === "object" ? [...fields.members] : [];
  const places: [number, string, Tree][] = [
    [Number(at.items[0]?.text), "id", treeOf(id)],
    [Number(at.items[1]?.text), name, stringTree("")],
  ];
  for (const [place, key, value] of places.sort(([a], [b]) => a - b)) members.splice(place, 0, [key, value]);
  const open = members.findIndex(([key]) => key === name);
  const before = objectTree(members.slice(0, open)).text.slice(0, -1);
  const after = objectTree(members.slice(open + 1)).text.slice(1);
  return {
    before: `${before}${open === 0 ? "" : ","}${JSON.stringify(name)}:[`,
    after: `]${open === members.length - 1 ? "" : ","}${after}`,
    length: Number(memberOf(listed, "length")?.text),
  };
}

/** The line that a context was made of, from what `read` answers for the whole of it. */
export function exportTrajectory(reply: { readonly items: readonly Item[]; readonly slots: Readonly<Record<string, RawJson>> }): string {
  const { before, after } = envelopeOf(reply.slots);
  return `${before}${reply.items.map((item) => messageOf(item).text).join(",")}${after}`;
}

/** What a repeated append is known by: the same for the same message at the same place of the same trajectory, for ever. */
export function keyOf(trajectory: Trajectory, index: number | "slots"): string {
  const content =
    index === "slots"
      ? [trajectory.slots["source.list"].text, trajectory.slots["source.fields"]?.text ?? ""]
      : [trajectory.messages[index]?.text];
  const hash = createHash("sha256")
    .update(JSON.stringify([trajectory.id.text, ...content]))
    .digest("hex");
  return `import-${index}-${hash.slice(0, 32)}`;
}
