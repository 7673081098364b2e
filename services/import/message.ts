// A message of some agent framework as an item, and back. Known words (fields.ts) say who speaks, what is said, called and returned;
// what they do not cover stays in `meta` under its own names. Whatever the message was, `messageOf(itemOf(m))` equals m by value.

import type { Item, Role } from "../../protocol/item.ts";
import { RawJson } from "../../protocol/json.ts";
import { blocksIn, isErrorIn, isResultBlock, liftCall, liftContent, liftResult, putResult, returnedIn } from "./blocks.ts";
import { liftEvent } from "./event.ts";
import { type Fields, fieldsOf, pick, pickString, roleIn, type Spoken, wordOf, words } from "./fields.ts";
import { metaOf, restore } from "./frame.ts";
import { Lift } from "./lift.ts";
import { isRpc, liftRpc, messageInRpc, roleInRpc } from "./rpc.ts";
import { liftSpelled, liftTagged } from "./spelled.ts";
import { equal, memberOf, type ObjectTree, type Tree, treeOf } from "./tree.ts";

/** The item that records a foreign message or event. Total: what no rule covers becomes a note with the value in it. */
export function itemOf(message: RawJson): Item {
  const tree = treeOf(message);
  const item = readItem(tree);
  // The rules below are many and the promise is one, so it is checked on every message and not only in tests.
  return equal(restore(item), tree) ? item : wholeItem(tree);
}

/** The message that an item was made of; of any other item a chat message that says the same. Throws FrameError on a foreign `meta.$form`. */
export const messageOf = (item: Item): RawJson => RawJson.trusted(restore(item).text);

/** As `itemOf`, by the rules alone. */
export function readItem(message: Tree): Item {
  const lift = new Lift();
  const role = message.kind === "object" ? liftMessage(message, lift) : undefined;
  if (message.kind !== "object") liftContent(message, lift);
  return itemFrom(message, role ?? roleOfParts(lift) ?? "note", lift);
}

function wholeItem(message: Tree): Item {
  const lift = new Lift();
  lift.json(message);
  return itemFrom(message, "note", lift);
}

function itemFrom(message: Tree, role: Role, lift: Lift): Item {
  const [only] = lift.parts;
  const content = lift.parts.length === 1 && only?.type === "text" ? only.text : lift.parts;
  const meta = metaOf(message, role, lift);
  return { role, content, ...(meta === undefined ? {} : { meta }) };
}

function roleOfParts(lift: Lift): Role | undefined {
  if (isCalled(lift)) return "assistant";
  return lift.parts.some((part) => part.type === "tool_result") ? "tool" : undefined;
}

function liftMessage(message: ObjectTree, lift: Lift): Role | undefined {
  const outer = fieldsOf(message);
  const event = roleIn(outer, words.named) === undefined ? (liftEvent(message, lift) ?? liftAlone(message, lift)) : undefined;
  if (event !== undefined) return event;
  const { core, around } = coreOf(message);
  const fields = fieldsOf(core);
  // Whom a log names as speaking, speaks, the outermost first; what it quotes has no say in that.
  const named = around.map((wrapping) => roleIn(wrapping, words.named)).find((said) => said !== undefined);
  const speaker = named ?? roleIn(fields, words.named);
  const called = speaker === undefined || speaker.role === roleInRpc(core) ? liftRpc(core, lift) : undefined;
  if (called !== undefined) return called;
  const spoken = named ?? roleIn(fields) ?? roleIn(outer);
  if (spoken?.role === "tool" ? !liftAnswer(fields, lift) : !liftResult(core, lift, false)) {
    liftSaid(fields, spoken, lift);
    liftCalls(core, fields, lift);
    liftAction(core, fields, spoken, lift);
    liftWritten(fields, spoken, lift);
    liftResults(fields, lift);
  }
  if (lift.parts.length === 0 && !liftNothing(fields, spoken, lift)) liftElse(message, fields, spoken?.key, lift);
  return spoken?.role ?? roleOfBlocks(fields) ?? roleOfParts(lift);
}

/** Who may speak as the only key of a message: {"user": "hi"}. Other words for them are things that a log tells of somebody. */
const ALONE: Readonly<Record<string, Role>> = {
  ...{ system: "system", user: "user", human: "user" },
  ...{ assistant: "assistant", ai: "assistant", bot: "assistant", gpt: "assistant" },
};

function liftAlone(message: ObjectTree, lift: Lift): Role | undefined {
  const [[key, said] = [], other] = message.members;
  const word = wordOf(key ?? "");
  if (said?.kind !== "string" || other !== undefined || !Object.hasOwn(ALONE, word)) return undefined;
  lift.text(said);
  return ALONE[word];
}

/** Whose words a block may be, those with the least say first. */
const RANKS = ["assistant", "user", "system"] as const;

/**
 * Where nobody is named as speaking, the blocks may say of what kind they are. An item has one role, so of several kinds the one with
 * the least say speaks: a user's text beside a system prompt does not become the system's. Calls and results need no role, being typed.
 */
function roleOfBlocks(fields: Fields): Role | undefined {
  const blocks = pick(fields, ["parts", "blocks", "content"]);
  if (blocks?.kind !== "array") return undefined;
  const roles = new Set(
    blocks.items.map((block) => (block.kind === "object" ? roleIn(fieldsOf(block), words.blockKind)?.role : undefined)),
  );
  return RANKS.find((role) => roles.has(role));
}

const WRAPPINGS = 3;

/** The object that says something, and those around it: the message itself, or one inside it that a log or a serialiser wrapped. */
function coreOf(message: ObjectTree): { readonly core: ObjectTree; readonly around: readonly Fields[] } {
  const around: Fields[] = [];
  let core: Tree | undefined = message;
  while (around.length <= WRAPPINGS && core?.kind === "object") {
    const fields = fieldsOf(core);
    if (speaks(fields)) return { core, around };
    const carried = isRpc(core) ? messageInRpc(core) : undefined;
    if (isRpc(core) && carried === undefined) return { core, around };
    around.push(fields);
    if (carried !== undefined) return { core: carried, around };
    core = words.wrapping.map((word) => fields.get(word)).find((value) => value?.kind === "object") ?? contentWithParts(fields);
  }
  return { core: message, around: [] };
}

/** What Gemini calls content is the message. */
function contentWithParts(fields: Fields): Tree | undefined {
  const content = fields.get("content");
  return memberOf(content, "parts")?.kind === "array" ? content : undefined;
}

const CALLED = ["toolname", "functionname", "tool", "action"];
/** Without the word that is a wrapping too. */
const ARGS = words.args.filter((word) => word !== "kwargs");
/** Where a message says something, but for the field that says who speaks. */
const saidBut = (speaker: string | undefined): readonly string[] => words.said.filter((word) => word !== speaker);

function speaks(fields: Fields): boolean {
  const said = words.said.some((word) => ["string", "array"].includes(fields.get(word)?.kind ?? ""));
  const called = pickString(fields, [...CALLED, "name"]) !== undefined && pick(fields, ARGS) !== undefined;
  return said || blocksIn(fields) !== undefined || called || pick(fields, [...words.calls, ...words.callId]) !== undefined;
}

/** A message that is a tool's answer as a whole. False when its content holds results of its own, or nothing. */
function liftAnswer(fields: Fields, lift: Lift): boolean {
  const observed = pickString(fields, ["observation"]);
  const returned =
    (observed?.value === "" ? undefined : observed) ??
    pick(fields, words.returned) ??
    pick(fields, ["parts", "blocks"]) ??
    blocksIn(fields) ??
    pick(fields, ["message"]) ??
    returnedIn(fields);
  if (returned === undefined || (returned.kind === "array" && returned.items.some(isResultBlock))) return false;
  const said = fields.get("content");
  if (said !== returned && said?.kind === "string" && said.value !== "") lift.text(said);
  const id = answeredBy(fields) ?? pickString(fields, ["toolname", "name", "id"]);
  return putResult({ id, isError: isErrorIn(fields) }, returned, lift);
}

function answeredBy(fields: Fields): Tree | undefined {
  const ids = pick(fields, words.callId);
  return ids?.kind === "array" ? ids.items[0] : ids;
}

/** A tool's answer that has nothing in it, to a call that it names. */
function liftNothing(fields: Fields, spoken: Spoken | undefined, lift: Lift): boolean {
  const id = answeredBy(fields);
  const empty = words.said.some((word) => fields.get(word)?.kind === "null");
  return spoken?.role === "tool" && id !== undefined && empty && putResult({ id, isError: isErrorIn(fields) }, undefined, lift);
}

function liftSaid(fields: Fields, spoken: Spoken | undefined, lift: Lift): void {
  const said = saidIn(fields, spoken);
  const isCall = spoken?.role === "assistant" && words.callWrapping.some((word) => word === spoken.word);
  if (isCall && said?.kind === "string" && liftSpelled(said, lift)) return;
  if (said !== undefined && !isEmpty(said)) liftContent(said, lift);
  if (lift.parts.length === 0) liftThought(fields, lift);
}

function saidIn(fields: Fields, spoken: Spoken | undefined): Tree | undefined {
  const parts = ["parts", "blocks"].map((word) => fields.get(word)).find((value) => value?.kind === "array" && value.items.length > 0);
  const said = parts ?? pick(fields, saidBut(spoken?.key));
  return said === undefined || isEmpty(said) ? (blocksIn(fields) ?? said) : said;
}

/** Calls that a model wrote into its text, having no other means. Beside one that was made they are what it talks about. */
function liftWritten(fields: Fields, spoken: Spoken | undefined, lift: Lift): void {
  const said = spoken?.role === "assistant" ? saidIn(fields, spoken) : undefined;
  if (said?.kind === "string" && !isCalled(lift)) liftTagged(said, lift);
}

function liftThought(fields: Fields, lift: Lift): void {
  const thought = pickString(fields, ["thought", "thoughts", "reasoning", "modeloutput", "toolplan", "log"]);
  // What the model wrote may stand beside the thought that was cut out of it.
  const whole = pickString(fields, ["response"]);
  if (thought !== undefined && !isEmpty(thought)) lift.text(whole?.value.includes(thought.value) ? whole : thought);
  const blocks = ["thought", "summary"].map((word) => fields.get(word)).find((value) => value?.kind === "array");
  if (lift.parts.length === 0 && blocks !== undefined) liftContent(blocks, lift);
  // A thought that its provider sealed: nobody can read it, and it has to be sent back as it is.
  const sealed = pickString(fields, ["encryptedcontent"]);
  if (lift.parts.length === 0 && sealed !== undefined) lift.json(sealed);
}

const isCalled = (lift: Lift): boolean => lift.parts.some((part) => part.type === "tool_call");

/** Calls beside the content. Where the content holds calls already, such a field only repeats them. */
function liftCalls(core: ObjectTree, fields: Fields, lift: Lift): void {
  if (isCalled(lift)) return;
  for (const word of words.calls) {
    const calls = fields.get(word);
    const taken = (calls?.kind === "array" ? calls.items : [calls]).filter((call) => call?.kind === "object" && liftCall(call, lift, true));
    if (taken.length > 0) return;
  }
  const named = pickString(fields, CALLED) !== undefined && pick(fields, words.args) !== undefined;
  liftCall(core, lift, named);
}

/**
 * The action of a step, where it is a line for a shell or a parser that the log does not name: {"thought", "action", "observation"}. Its
 * first word is not taken for a tool's name, because such a line may do many things.
 */
function liftAction(core: ObjectTree, fields: Fields, spoken: Spoken | undefined, lift: Lift): void {
  const action = pickString(fields, ["action"]);
  const step = spoken === undefined ? pickString(fields, ["thought", "observation"]) !== undefined : spoken.role === "assistant";
  if (action === undefined || isEmpty(action) || !step || isCalled(lift)) return;
  const members = core.members.filter(([key]) => wordOf(key) === "action");
  lift.callOfMembers({ id: undefined, name: "action" }, core, members);
}

function liftResults(fields: Fields, lift: Lift): void {
  if (lift.parts.some((part) => part.type === "tool_result")) return;
  for (const word of words.results) {
    const value = fields.get(word);
    const many = value?.kind === "object" ? pick(fieldsOf(value), ["results"]) : undefined;
    const results = many?.kind === "array" ? many.items : value?.kind === "array" ? value.items : [value];
    let taken = false;
    for (const result of results) {
      if (result?.kind === "object" && liftResult(result, lift, true)) taken = true;
      // What a step observed answers the call of the same step, and what a tool returned a call that stands beside it.
      else if (
        result?.kind === "string" &&
        result.value !== "" &&
        (word.startsWith("observation") ? lift.parts.length > 0 : isCalled(lift))
      )
        taken = putResult({ id: undefined, isError: false }, result, lift) || taken;
    }
    if (taken) return;
  }
}

const isEmpty = (said: Tree): boolean => said.kind === "string" && said.value === "";
const isNone = (said: Tree | undefined): boolean => said?.kind === "array" && said.items.length === 0;

/** A message that says nothing where messages say it. */
function liftElse(message: ObjectTree, fields: Fields, speaker: string | undefined, lift: Lift): void {
  const empty = pickString(fields, saidBut(speaker));
  if (empty?.value === "") {
    lift.text(empty);
    return;
  }
  const other = pickString(fields, words.saidElse);
  if (other !== undefined && other.value !== "") {
    lift.text(other);
    return;
  }
  const silent = words.said.some((word) => fields.has(word)) || words.saidInBlocks.some((word) => isNone(fields.get(word)));
  const bare = message.members.every(([, value]) => value.kind === "null" || value === fields.get(speaker ?? ""));
  if (!silent && !(bare && speaker !== undefined)) lift.json(message);
}
