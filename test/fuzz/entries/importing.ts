// Lines of trajectory files, which are whatever somebody's framework wrote.

import fc from "fast-check";
import { Item } from "../../../protocol/item.ts";
import { RawJson, readJson, writeJson } from "../../../protocol/json.ts";
import { itemOf, messageOf } from "../../../services/import/message.ts";
import { TrajectoryError, trajectoryOf } from "../../../services/import/trajectory.ts";
import { equal, treeOf } from "../../../services/import/tree.ts";
import { entry, must } from "../entry.ts";
import { type Change, type Cut, changes, cut, cuts, mutate } from "../mutations.ts";
import { oddJson } from "../texts.ts";

const line = {
  id: "line-1",
  messages: [
    { role: "user", content: "hello" },
    {
      role: "assistant",
      content: [{ type: "text", text: "x" }],
      tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
    },
    { role: "tool", tool_call_id: "1", content: "done" },
  ],
  reward: 1,
};
const ownFields = { keys: new Set(["value", "arguments", "meta"]), under: new Set<string>() };

export const lines = entry<{ readonly changes: Change[]; readonly cuts: Cut[]; readonly text: string | null }>({
  name: "trajectories",
  what: "lines of trajectory files, changed: refused as no trajectory, or items of the contract from which each message comes back",
  cases: 5_000,
  arbitrary: fc.record({ changes: changes(4), cuts, text: fc.option(oddJson, { nil: null, freq: 4 }) }),
  check: ({ changes, cuts, text }) => {
    const source = cut(Buffer.from(text ?? mutate(line, changes)), cuts).toString();
    let trajectory: ReturnType<typeof trajectoryOf>;
    try {
      trajectory = trajectoryOf(source);
    } catch (reason) {
      if (reason instanceof TrajectoryError) return;
      throw reason;
    }
    for (const message of trajectory.messages) {
      const item = itemOf(message);
      must(equal(treeOf(messageOf(item)), treeOf(message)), "the message does not come back");
      // As it is sent: what the contract refuses, such as a NUL, must not stand in a field of the contract's own.
      must(Item.safeParse(readJson(writeJson(item), ownFields)).success, "no item of the contract");
    }
    must(trajectory.slots["source.id"] instanceof RawJson, "no id");
  },
});
