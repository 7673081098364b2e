// Events of OpenHands: an action with its `args`, an observation with the `cause` it answers; in older logs, both with their fields in
// the open. An action that says something is a message; any other is a tool call whose arguments are its fields, an observation its result.

import type { Role } from "../../protocol/item.ts";
import { putResult } from "./blocks.ts";
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
  return observation?.kind === "string" ? liftObservation(event, observation, lift) : undefined;
}

function liftAction(event: ObjectTree, action: StringTree, lift: Lift): Role | undefined {
  const args = memberOf(event, "args");
  const source = stringOf(memberOf(event, "source"));
  if (args?.kind !== "object" && !ACTIONS.has(action.value)) return undefined;
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
