// JSON-RPC, which MCP and A2A speak. A request is a call of its method, or of the tool that `tools/call` names; an answer is the result of
// the request with its id. Where one carries a message (A2A), that message is what counts: `messageInRpc`.

import type { Role } from "../../protocol/item.ts";
import { isErrorIn, putResult } from "./blocks.ts";
import { fieldsOf, pick, pickString } from "./fields.ts";
import type { Lift } from "./lift.ts";
import { memberOf, type ObjectTree, type Tree } from "./tree.ts";

export const isRpc = (node: ObjectTree): boolean => memberOf(node, "jsonrpc")?.kind === "string";

/** {"params": {"message": {"role", "parts"}}}, {"result": {"role", "parts"}} or {"result": {"status": {"message": {…}}}}. */
export function messageInRpc(rpc: ObjectTree): ObjectTree | undefined {
  const result = memberOf(rpc, "result");
  const places = [memberOf(memberOf(rpc, "params"), "message"), result, memberOf(memberOf(result, "status"), "message")];
  for (const place of places) if (place?.kind === "object" && memberOf(place, "parts")?.kind === "array") return place;
  return undefined;
}

/** Whose words JSON-RPC is, where no log names another: a model's call, a tool's answer, or else its program's. */
export function roleInRpc(rpc: ObjectTree): Role {
  const method = memberOf(rpc, "method");
  if (method?.kind !== "string") return "tool";
  const asked = pick(fieldsOf(rpc), ["id"]) !== undefined && memberOf(memberOf(rpc, "params"), "name") !== undefined;
  return asked && method.value === "tools/call" ? "assistant" : "note";
}

/** The role of the item, or undefined when this is no JSON-RPC; then nothing was taken. */
export const liftRpc = (rpc: ObjectTree, lift: Lift): Role | undefined => (isRpc(rpc) && liftBody(rpc, lift) ? roleInRpc(rpc) : undefined);

function liftBody(rpc: ObjectTree, lift: Lift): boolean {
  const id = pick(fieldsOf(rpc), ["id"]);
  const method = memberOf(rpc, "method");
  if (method?.kind !== "string") return liftReply(rpc, id, lift);
  const params = memberOf(rpc, "params");
  if (id === undefined) return liftNotice(method, params, lift);
  const name = method.value === "tools/call" ? memberOf(params, "name") : undefined;
  if (name !== undefined) return lift.call({ id, name, args: memberOf(params, "arguments") });
  // No model asked for the other methods; its program did.
  return lift.call({ id, name: method, args: params });
}

function liftReply(rpc: ObjectTree, id: Tree | undefined, lift: Lift): boolean {
  const error = memberOf(rpc, "error");
  if (error?.kind === "object") return putResult({ id, isError: true }, memberOf(error, "message") ?? error, lift);
  const result = memberOf(rpc, "result");
  const content = memberOf(result, "content");
  if (result?.kind !== "object" || content?.kind !== "array")
    return result !== undefined && putResult({ id, isError: false }, result, lift);
  return putResult({ id, isError: isErrorIn(fieldsOf(result)) }, content, lift);
}

/** Nobody answers a notification, so it is no call. */
function liftNotice(method: Tree, params: Tree | undefined, lift: Lift): boolean {
  const said = params?.kind === "object" ? pickString(fieldsOf(params), ["data", "message", "text"]) : undefined;
  if (said !== undefined) lift.text(said);
  else if (params !== undefined) lift.json(params);
  else if (method.kind === "string") lift.text(method);
  return true;
}
