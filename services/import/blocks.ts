// The blocks of which messages are made, in the spellings of many frameworks: text, tool calls, tool results, media. A block that is none
// of these becomes a json part, whole, so that what the model saw stays in the content and in its order.

import { limits } from "../../protocol/limits.ts";
import { type Fields, fieldsOf, pick, pickString, roleIn, wordOf, words } from "./fields.ts";
import type { Lift, ResultNodes, Shelf } from "./lift.ts";
import { memberOf, type ObjectTree, type StringTree, stringOf, type Tree } from "./tree.ts";

/** Whatever stands where a message has its content. */
export function liftContent(node: Tree, lift: Lift): void {
  if (node.kind === "string") lift.text(node);
  else if (node.kind === "array" && node.items.length > limits.parts_per_item - 8) lift.json(node);
  else if (node.kind === "array") for (const item of node.items) liftBlock(item, lift);
  else liftBlock(node, lift);
}

function liftBlock(node: Tree, lift: Lift): void {
  if (lift.full) return;
  if (node.kind === "object" && (liftCall(node, lift, false) || liftResult(node, lift, false))) return;
  shelve(node, lift);
}

/** Text, media, or else json. */
function shelve(node: Tree, shelf: Shelf): void {
  if (shelf.full || node.kind === "null") return;
  const fields = node.kind === "object" ? fieldsOf(node) : new Map<string, Tree>();
  const text = node.kind === "string" ? node : node.kind === "object" ? textIn(node, fields) : undefined;
  if (text !== undefined) shelf.text(text);
  else if (node.kind === "object" && node.members.length === 1 && fields.has("json")) shelf.json(memberOf(node, "json") ?? node);
  else if (node.kind === "object" && kindOf(fields) === "json") shelf.json(pick(fields, ["value"]) ?? node);
  else if (node.kind !== "object" || !liftMedia(node, shelf)) shelf.json(node);
}

/** Of what kind a block says it is; classes of content say that they are such ({"$type": "FunctionCallContent"}). */
const kindOf = (fields: Fields): string =>
  wordOf(pickString(fields, ["type", "partkind", "blocktype", "kind", "contenttype"])?.value ?? "").replace(/content$/, "");

/** What a text block says. Thoughts are not speech: they stay json, with their signatures. */
function textIn(node: ObjectTree, fields: Fields): StringTree | undefined {
  const kind = kindOf(fields);
  if (/think|thought|reason|redacted/.test(kind) || fields.get("thought")?.kind === "true") return undefined;
  const said = fields.get("text");
  const text = said?.kind === "object" ? pickString(fieldsOf(said), ["value"]) : pickString(fields, ["text"]);
  if (text !== undefined) return kind === "" || kind.includes("text") || node.members.length <= 2 ? text : undefined;
  return /text|prompt|refusal/.test(kind) ? pickString(fields, ["content", "refusal", "value"]) : undefined;
}

/** An image, a sound, a file whose bytes stand in the block. Links to somewhere else are json. */
function liftMedia(node: ObjectTree, shelf: Shelf): boolean {
  for (const inner of [node, ...node.members.map(([, value]) => value)]) {
    if (inner.kind === "string" && shelf.dataUrl(inner)) return true;
    if (inner.kind !== "object") continue;
    const fields = fieldsOf(inner);
    const url = inner.members.find(([, value]) => value.kind === "string" && shelf.dataUrl(value));
    if (url !== undefined) return true;
    const source = fields.get("source");
    const data = pickString(fields, words.bytes) ?? (source?.kind === "object" ? pickString(fieldsOf(source), words.bytes) : undefined);
    const mediaType = pickString(fields, words.mediaType) ?? mediaTypeIn(node, fields);
    if (data !== undefined && mediaType !== undefined && shelf.blob({ data, mediaType })) return true;
  }
  return false;
}

/** Some name a format and leave the type to the kind of block: {"image": {"format": "png", …}}, {"input_audio": {"format": "wav", …}}. */
function mediaTypeIn(node: ObjectTree, fields: Fields): string | undefined {
  const format = pickString(fields, ["format"])?.value;
  const kind = node.members
    .map(([key, value]) => `${key} ${stringOf(value) ?? ""}`)
    .join(" ")
    .match(/image|audio|video/)?.[0];
  return format === undefined || kind === undefined ? undefined : `${kind}/${format}`;
}

/** The fields of a call or a result, and those of the object that says what it is: {"functionCall": {…}}, {"id", "function": {…}}. */
function unwrap(node: ObjectTree, wrapping: readonly string[]): { fields: Fields; wrapped: boolean } {
  const own = fieldsOf(node);
  const inner = wrapping.map((word) => own.get(word)).find((value) => value?.kind === "object");
  if (inner?.kind !== "object") return { fields: own, wrapped: false };
  return { fields: new Map([...own, ...fieldsOf(inner)]), wrapped: true };
}

/** Where a call names its tool, in words that say so. */
const CALLED = ["toolname", "functionname", "tool"];
const CALL_KINDS = /^(?:(?:server|mcp|custom)?tool(?:use|call|invocation)|function(?:call)?|customtoolcall|mcpcall|dynamictool)$/;

/**
 * A tool call, and its result where the same block holds both. `sure` says that the place where it stands holds nothing but calls.
 * False when it is none; then nothing was taken.
 */
export function liftCall(node: ObjectTree, lift: Lift, sure: boolean): boolean {
  if (liftHosted(node, lift)) return true;
  const { fields, wrapped } = unwrap(node, words.callWrapping);
  const own = fieldsOf(node);
  const type = stringOf(memberOf(node, "type")) ?? "";
  const args = pick(fields, words.args);
  const typed =
    CALL_KINDS.test(kindOf(own)) ||
    (type.startsWith("tool-") && fields.has("toolcallid")) ||
    ((HOSTED.test(type) || type.endsWith("tool_call")) && args !== undefined && own.has("callid") && mayCall(own));
  const untyped = !own.has("type") && pick(own, ["arguments", "args"]) !== undefined && pick(own, ["id", ...words.callId]) !== undefined;
  if (!(wrapped || typed || untyped || (sure && args !== undefined)) || isResultKind(own)) return false;
  const name = pickString(fields, words.name) ?? (type.startsWith("tool-") ? type.slice("tool-".length) : undefined);
  const returned = pick(fields, words.returnedBeside) ?? (wrapped ? undefined : responseBeside(fields));
  const answer = ownAnswer(returned);
  const id = pick(own, words.callId) ?? pick(fields, words.callId) ?? pick(fields, ["id"]) ?? (answer && pick(answer, words.callId));
  if (name === undefined || !lift.call({ id, name, args })) return false;
  if (answer !== undefined) putResult({ id, isError: isErrorIn(answer) }, pick(answer, words.returned), lift);
  else if (returned !== undefined) putResult({ id, isError: fields.has("errortext") }, returned, lift);
  return true;
}

/** A response may be a model's too. Then it stands with what the model was asked or thought, or with who speaks. */
const responseBeside = (fields: Fields): Tree | undefined =>
  pick(fields, ["thought", "action", "prompt", ...words.named]) === undefined ? pick(fields, ["response"]) : undefined;

/** The fields of what came back, where it says itself which call it answers, or whether it is an error. */
function ownAnswer(returned: Tree | undefined): Fields | undefined {
  const fields = returned?.kind === "object" ? fieldsOf(returned) : undefined;
  const answers = fields !== undefined && pick(fields, [...words.callId, "iserror"]) !== undefined;
  return answers && pick(fields, words.returned) !== undefined ? fields : undefined;
}

/** Tools that their vendors run. The list is closed, because people log calls of their own: "phone_call", "incoming_call". */
const HOSTED_TOOLS =
  "apply_patch code_execution code_interpreter computer custom_tool file_search function image_generation local_shell mcp"
    .concat(" shell tool_search web_search x_search")
    .split(" ");
const HOSTED = new RegExp(`^(${HOSTED_TOOLS.join("|")})_call$`);

/** Members of such a call that are about it, or what is said with it and by whom, and no argument. */
const ABOUT_HOSTED = new Set<string>(["callid", "status", "result", "results", "output", "outputs", ...words.speaker, ...words.said]);

/** Whoever is named as speaking and is no assistant makes no call, whatever kind of message it is. */
const mayCall = (fields: Fields): boolean => pick(fields, words.named) === undefined || roleIn(fields, words.named)?.role === "assistant";

/** A call of a tool that its vendor runs, whose kind is its name: {"type": "web_search_call", "id", "status", "action": {…}}. */
function liftHosted(node: ObjectTree, lift: Lift): boolean {
  const name = HOSTED.exec(stringOf(memberOf(node, "type")) ?? "")?.[1];
  const fields = fieldsOf(node);
  if (name === undefined || !mayCall(fields)) return false;
  const id = pick(fields, words.callId) ?? (fields.has("status") ? pick(fields, ["id"]) : undefined);
  if (id === undefined || CALL_KINDS.test(kindOf(fields)) || pickString(fields, words.name) !== undefined) return false;
  const args = pick(fields, words.hostedArgs);
  const members = node.members.filter(([key]) => !ABOUT_HOSTED.has(wordOf(key)));
  const taken = args?.kind === "object" ? lift.call({ id, name, args }) : lift.callOfMembers({ id, name }, node, members);
  const returned = pick(fields, ["result", "results", "output", "outputs"]);
  if (taken && returned !== undefined) putResult({ id, isError: false }, returned, lift);
  return taken;
}

const RESULT_KIND = new RegExp(
  `(?:tool(?:call)?(?:result|return|response|output)|function(?:response|result)|(?:${HOSTED_TOOLS.map(wordOf).join("|")})calloutput)$`,
);

const isResultKind = (fields: Fields): boolean => RESULT_KIND.test(kindOf(fields));

/** A tool result. `sure` as above. False when it is none; then nothing was taken. */
export function liftResult(node: ObjectTree, lift: Lift, sure: boolean): boolean {
  if (!(sure || isResultBlock(node))) return false;
  const { fields } = unwrap(node, words.resultWrapping);
  const returned = returnedIn(fields);
  const id = idIn(fields);
  return (returned !== undefined || id !== undefined) && putResult({ id, isError: isErrorIn(fields) }, returned, lift);
}

/** What came back: in a field for that, or in one named after the result as a whole, unless a result of its own stands there. */
export function returnedIn(fields: Fields): Tree | undefined {
  const whole = pick(fields, ["toolresponse", "toolresult"]);
  const own = whole?.kind === "object" && pick(fieldsOf(whole), [...words.callId, ...words.returned]) !== undefined;
  return pick(fields, words.returned) ?? (own ? undefined : whole);
}

export const isErrorIn = (fields: Fields): boolean =>
  ["iserror", "error"].some((word) => fields.get(word)?.kind === "true") || pickString(fields, ["status"])?.value === "error";

/** The id that a result answers: its own word for it, else whatever names the call. */
function idIn(fields: Fields): Tree | undefined {
  const id = pick(fields, words.callId);
  if (id !== undefined) return id.kind === "array" ? id.items[0] : id;
  const call = pick(fields, words.answered);
  const named = ["id", "name", "toolname"];
  return (call?.kind === "object" ? pick(fieldsOf(call), [...words.callId, ...named]) : undefined) ?? pick(fields, named);
}

export function putResult(nodes: ResultNodes, returned: Tree | undefined, lift: Lift): boolean {
  if (returned?.kind === "string") return lift.result(nodes, returned);
  return lift.result(nodes, (shelf) => {
    if (returned === undefined) return;
    const many = returned.kind === "array" && returned.items.length <= limits.parts_per_item;
    const typed = returned.kind === "object" && memberOf(returned, "type")?.kind === "string";
    for (const block of many ? returned.items : [returned]) many || typed ? shelve(block, shelf) : shelf.json(block);
  });
}

/** What stands in the fields that hold a message's blocks in some frameworks, and anything at all in others. */
export function blocksIn(fields: Fields): Tree | undefined {
  return words.saidInBlocks.map((word) => fields.get(word)).find((value) => value?.kind === "array" && isBlocks(value.items));
}

const isBlocks = (items: readonly Tree[]): boolean =>
  items.length > 0 && items.every((item) => item.kind === "object" && pickString(fieldsOf(item), ["type", "contenttype"]) !== undefined);

/** Whether a block is a result of its own: it says so, or it answers a call and makes none. */
export function isResultBlock(node: Tree): boolean {
  if (node.kind !== "object") return false;
  const fields = fieldsOf(node);
  if (isResultKind(fields)) return true;
  // A call that has its result beside it is not that result.
  const calls = pickString(fields, CALLED) !== undefined && pick(fields, words.args) !== undefined;
  if (!calls && unwrap(node, words.resultWrapping).wrapped) return true;
  const untyped = !fields.has("type") && !fields.has("role");
  return untyped && pick(fields, words.callId) !== undefined && pick(fields, words.args) === undefined && returnedIn(fields) !== undefined;
}
