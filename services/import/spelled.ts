// Calls that were written down as text: as the whole of a message that says it is a call, or between tags in what a model said.

import { limits } from "../../protocol/limits.ts";
import { liftCall } from "./blocks.ts";
import type { Lift } from "./lift.ts";
import { depthOf, placedIn, type StringTree, type Tree, treeIn } from "./tree.ts";

/**
 * {"from": "function_call", "value": "{\"name\": …, \"arguments\": {…}}"}, or an array of such. False when it is none; then nothing was
 * taken.
 */
export function liftSpelled(text: StringTree, lift: Lift): boolean {
  const placed = placedIn(text.value);
  if (placed === undefined || isDeep(placed.tree)) return false;
  const calls = placed.tree.kind === "array" ? placed.tree.items : [placed.tree];
  const taken = calls.filter((call) => call.kind === "object" && liftCall(call, lift, true));
  if (taken.length > 0) lift.spelled.set(text, placed);
  return taken.length > 0;
}

const [OPEN, CLOSE] = ["<tool_call>", "</tool_call>"];

/** Calls between tags. The text stays whole beside them: it is what the model said, and the calls stand somewhere in it. */
export function liftTagged(text: StringTree, lift: Lift): void {
  for (const tagged of text.value.split(OPEN).slice(1)) {
    const end = tagged.indexOf(CLOSE);
    const call = end < 0 ? undefined : treeIn(tagged.slice(0, end).trim());
    if (call?.kind === "object" && !isDeep(call)) liftCall(call, lift, true);
  }
}

/** It stands deeper in an append than it stood in its string. */
const isDeep = (tree: Tree): boolean => depthOf(tree) > limits.json_nesting / 2;
