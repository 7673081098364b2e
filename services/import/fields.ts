// The words that agent frameworks use for the same thing. They are compared without case, hyphens and underscores, so that toolCallId,
// tool_call_id and ToolCallId are one word, as are type and $type; what is not in these lists stays in `meta` under its own name.

import type { Role } from "../../protocol/item.ts";
import { type ObjectTree, type StringTree, stringOf, type Tree } from "./tree.ts";

export const words = {
  /** Fields that are what a message says, most telling first. */
  said: ["content", "text", "parts", "value", "message", "body", "utterance", "blocks"],
  /** Arrays that are what it says where blocks stand in them; others call so whatever they list. */
  saidInBlocks: ["contents", "items"],
  /** Fields that are what it says when it says nothing else. */
  saidElse: [
    "thought",
    "reasoning",
    "refusal",
    "question",
    "query",
    "prompt",
    "answer",
    "response",
    "completion",
    "observation",
    "output",
    "log",
    "summary",
    "description",
    "title",
    "data",
    "input",
  ],
  /** Objects that hold the message proper, beside what a log says about it. */
  wrapping: ["kwargs", "data", "message", "msg", "payload", "item", "event", "delta", "body", "llmmessage"],
  /** Fields that hold tool calls, or tool results, one or an array. */
  calls: ["toolcalls", "toolcall", "functioncalls", "functioncall", "tooluses", "tooluse", "toolinvocations", "action", "actions"],
  results: [
    "toolresults",
    "toolresult",
    "functionresponse",
    "toolresponse",
    "toolresponses",
    "tooloutput",
    "tooloutputs",
    "observation",
    "observations",
  ],
  /** Objects around what a call or a result says of itself. */
  callWrapping: ["function", "functioncall", "tooluse", "toolcall", "toolinvocation"],
  resultWrapping: ["functionresponse", "toolresult", "toolresponse", "toolcallresult"],
  name: ["toolname", "functionname", "name", "tool", "function", "action"],
  args: ["arguments", "args", "input", "toolinput", "actioninput", "parameters", "params", "kwargs"],
  /** What a vendor's own tool is told to do. */
  hostedArgs: ["action", "operation"],
  /** Ids that only a call and its answer have. */
  callId: ["toolcallid", "tooluseid", "callid", "functioncallid", "sourcecallid", "toolcallids"],
  /** What came back of a call that stands beside it, in the words that say so. */
  returnedBeside: ["result", "output", "tooloutput", "toolresponse", "toolresult", "toolreturn", "errortext"],
  /** Objects in a result that repeat the call it answers. */
  answered: ["call", "origin"],
  returned: [
    "content",
    "output",
    "outputs",
    "result",
    "response",
    "observation",
    "toolreturn",
    "tooloutput",
    "returnvalue",
    "value",
    "text",
    "errortext",
    "error",
  ],
  mediaType: ["mediatype", "mimetype", "contenttype"],
  bytes: ["data", "bytes", "base64", "filedata", "filewithbytes", "image"],
  /** Where a block says of what kind, or whose, it is. */
  blockKind: ["role", "type", "partkind", "blocktype", "kind", "contenttype"],
  /** Where a log names whoever speaks, whatever it quotes. */
  named: ["role", "roletype", "author", "from", "sender", "speaker"],
  /** Where the one who speaks is named. */
  speaker: ["role", "roletype", "type", "from", "author", "speaker", "sender", "source", "kind", "messagetype", "partkind", "id", "name"],
} as const;

const roles: readonly (readonly [Role, readonly string[]])[] = [
  ["system", ["system", "developer", "systemprompt", "instructions"]],
  ["user", ["user", "human", "customer", "client", "userprompt"]],
  [
    "assistant",
    [
      "assistant",
      "ai",
      "model",
      "agent",
      "bot",
      "gpt",
      "llm",
      "chatbot",
      "chatgpt",
      "claude",
      "functioncall",
      "toolcall",
      "tooluse",
      "reasoning",
      "agentreasoning",
      "thinking",
      "thought",
      "action",
    ],
  ],
  [
    "tool",
    [
      "tool",
      "function",
      "toolresult",
      "toolreturn",
      "toolresponse",
      "toolcallresult",
      "toolcallresponse",
      "tooloutput",
      "functioncalloutput",
      "functionresponse",
      "functionresult",
      "observation",
      "environment",
      "ipython",
    ],
  ],
];
const roleByWord = new Map(roles.flatMap(([role, names]) => names.map((name) => [name, role] as const)));

export const wordOf = (key: string): string => key.toLowerCase().replaceAll(/[-_.$\s]/g, "");

/** The members of an object by their words. Of two spellings of a word the first counts, of a key that stands twice the last. */
export type Fields = ReadonlyMap<string, Tree>;

export function fieldsOf(tree: ObjectTree): Fields {
  const fields = new Map<string, Tree>();
  const spelled = new Map<string, string>();
  for (const [key, value] of tree.members) {
    const word = wordOf(key);
    if ((spelled.get(word) ?? key) !== key) continue;
    spelled.set(word, key);
    fields.set(word, value);
  }
  return fields;
}

/** The first of these fields that is there and is not null. */
export function pick(fields: Fields, names: readonly string[]): Tree | undefined {
  for (const name of names) {
    const value = fields.get(name);
    if (value !== undefined && value.kind !== "null") return value;
  }
  return undefined;
}

export function pickString(fields: Fields, names: readonly string[]): StringTree | undefined {
  for (const name of names) {
    const value = fields.get(name);
    if (value?.kind === "string") return value;
  }
  return undefined;
}

/** The role of a word. Enumerations say what they list before it (ROLE_USER, MessageRole.USER), classes behind it (HumanMessage). */
const roleOf = (word: string): Role | undefined =>
  roleByWord.get(word) ?? roleByWord.get(word.replace(/^(?:chat)?(?:message)?role/, "").replace(/(?:message|msg)(?:chunk)?$/, ""));

/** A name, an object that holds one, or the path of a class ({"id": ["langchain", …, "HumanMessage"]}). */
function speakerIn(value: Tree | undefined): Tree | undefined {
  if (value?.kind === "object") return pick(fieldsOf(value), ["role", "label", "name", "value"]);
  return value?.kind === "array" ? value.items.at(-1) : value;
}

/** Who speaks, the field that says so, and by what word. */
export type Spoken = { readonly role: Role; readonly key: string; readonly word: string };

export function roleIn(fields: Fields, keys: readonly string[] = words.speaker): Spoken | undefined {
  for (const key of keys) {
    const value = fields.get(key);
    const said = key === "id" && value?.kind !== "array" ? undefined : stringOf(speakerIn(value));
    if (said === undefined || said.length > 64) continue;
    const word = wordOf(said);
    const role = roleOf(word);
    if (role !== undefined) return { role, key, word };
  }
  return undefined;
}
