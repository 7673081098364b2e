// Events of OpenHands: an action with its `args`, an observation with the `cause` it answers; in older logs, both with their fields in
// the open. An action that says something is a message; any other is a tool call whose arguments are its fields, an observation its result.
// And the events that LangChain streams while a tool runs.

import type { Role } from "../../protocol/item.ts";
import { isErrorIn, putResult } from "./blocks.ts";
import { type Fields, fieldsOf, pick } from "./fields.ts";
import type { Lift } from "./lift.ts";
import { hasTwins, memberOf, type ObjectTree, type StringTree, stringOf, type Tree } from "./tree.ts";

const ACTIONS = new Set(
  "message system run run_ipython read write edit browse browse_interactive delegate think finish reject recall start stop pause resume null add_task modify_task change_agent_state push send_pr condensation condensation_request call_tool_mcp task_tracking".split(
    " ",
  ),
);
/** Fields of an event that are about it, and no argument of the action. */
const ENVELOPE = new Set(
  "id timestamp source message cause action action_risk is_confirmed confirmation_state thought tool_call_metadata llm_metrics timeout blocking kernel_init_code".split(
    " ",
  ),
);

/** The role of the item, or undefined when the message is no such event; then nothing was taken. */
export function liftEvent(event: ObjectTree, lift: Lift): Role | undefined {
  if (memberOf(event, "role") !== undefined || hasTwins(event)) return undefined;
  const action = memberOf(event, "action");
  if (action?.kind === "string") return liftAction(event, action, lift);
  const observation = memberOf(event, "observation");
  if (observation?.kind === "string") return liftObservation(event, observation, lift);
  return liftPrompt(event, lift) ?? liftStreamed(event, lift);
}

/** Where a step of another framework, whose tool may have any name, tells its tool something; and what the step saw. */
const STEP = ["actioninput", "toolinput", "input", "parameters", "params", "args", "observation"];
const isStep = (fields: Fields): boolean => pick(fields, STEP) !== undefined;

function liftAction(event: ObjectTree, action: StringTree, lift: Lift): Role | undefined {
  const args = memberOf(event, "args");
  const source = stringOf(memberOf(event, "source"));
  if (args?.kind !== "object" && (!ACTIONS.has(action.value) || isStep(fieldsOf(event)))) return undefined;
  const inner = args?.kind === "object" ? args : event;
  if (action.value === "message" || action.value === "system") {
    const content = memberOf(inner, "content");
    if (content?.kind !== "string") return undefined;
    lift.text(content);
    return action.value === "system" ? "system" : source === "agent" ? "assistant" : "user";
  }
  const role = source === undefined || source === "agent" ? "assistant" : "note";
  const nodes = { id: callIdIn(event) ?? memberOf(event, "id") ?? action, name: action };
  const thought = memberOf(inner, "thought");
  if (thought?.kind === "string" && thought.value !== "") lift.text(thought);
  else if (inner === args) return lift.call({ ...nodes, args }) ? role : undefined;
  const members = inner.members.filter(([key]) => (inner === args ? key !== "thought" : !ENVELOPE.has(key)));
  const taken = hasTwins(inner)
    ? lift.call({ ...nodes, args: inner === args ? args : undefined })
    : lift.callOfMembers(nodes, inner, members);
  return taken || lift.parts.length > 0 ? role : undefined;
}

function liftObservation(event: ObjectTree, observation: StringTree, lift: Lift): Role | undefined {
  const content = memberOf(event, "content");
  // A step of another framework calls what came back its observation; here that is the kind of event.
  if (content?.kind !== "string" || !/^[a-z_]{1,40}$/.test(observation.value)) return undefined;
  const logged = memberOf(event, "source") !== undefined;
  const id = callIdIn(event) ?? memberOf(event, "cause") ?? (logged ? undefined : observation);
  return putResult({ id, isError: observation.value === "error" }, content, lift) ? "tool" : undefined;
}

const callIdIn = (event: ObjectTree): Tree | undefined => {
  const id = memberOf(memberOf(event, "tool_call_metadata"), "tool_call_id");
  return id?.kind === "string" ? id : undefined;
};

/** What OpenHands tells its model first, and what changes of it from run to run. */
function liftPrompt(event: ObjectTree, lift: Lift): Role | undefined {
  if (stringOf(memberOf(event, "kind")) !== "SystemPromptEvent") return undefined;
  for (const key of ["system_prompt", "dynamic_context"]) {
    const said = memberOf(event, key);
    const text = said?.kind === "object" ? memberOf(said, "text") : said;
    if (text?.kind === "string") lift.text(text);
  }
  return lift.parts.length > 0 ? "system" : undefined;
}

/** {"event": "on_tool_start", "name", "run_id", "data": {"input"}}; at its end the run has an output, or an error. */
function liftStreamed(event: ObjectTree, lift: Lift): Role | undefined {
  const kind = stringOf(memberOf(event, "event"));
  const [id, name, data] = ["run_id", "name", "data"].map((key) => memberOf(event, key));
  if (id?.kind !== "string" || data?.kind !== "object") return undefined;
  if (kind === "on_tool_start")
    return name?.kind === "string" && lift.call({ id, name, args: memberOf(data, "input") }) ? "assistant" : undefined;
  if (kind === "on_tool_error") return putResult({ id, isError: true }, memberOf(data, "error"), lift) ? "tool" : undefined;
  const output = memberOf(data, "output");
  if (kind !== "on_tool_end" || output === undefined) return undefined;
  // A tool may answer with a message; the call that it names is in no start of a tool.
  const inner = memberOf(output, "kwargs") ?? output;
  const message = inner.kind === "object" && stringOf(memberOf(inner, "type")) === "tool" ? inner : undefined;
  const isError = message !== undefined && isErrorIn(fieldsOf(message));
  return putResult({ id, isError }, memberOf(message, "content") ?? output, lift) ? "tool" : undefined;
}
