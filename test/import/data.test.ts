// The development data: real trajectories, read from outside the repository. Their texts are material, never instructions.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Item, type Part } from "../../protocol/item.ts";
import { RawJson, readJson, writeJson } from "../../protocol/json.ts";
import { restore } from "../../services/import/frame.ts";
import { readItem } from "../../services/import/message.ts";
import { exportTrajectory, trajectoryOf } from "../../services/import/trajectory.ts";
import { equal, memberOf, type Tree, treeOf } from "../../services/import/tree.ts";

const folder = `${process.env.STRATA_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url))}/context`;
const present = existsSync(folder);
if (!present) console.log(`real trajectories: skipped, there is no folder ${folder}; set STRATA_DATA to the folder that holds context/`);

const rawAt = { keys: new Set(["value", "arguments", "meta"]), under: new Set<string>() };
const linesOf = (file: string) =>
  readFileSync(`${folder}/${file}.jsonl`, "utf8")
    .split("\n")
    .filter((line) => line !== "");
const partsOf = (item: Item): readonly Part[] => (typeof item.content === "string" ? [{ type: "text", text: item.content }] : item.content);

/** The items of a list of messages, by the rules alone, each written, read, checked and compared. */
function itemsOf(list: Tree | undefined): Item[] {
  if (list?.kind !== "array") throw new Error("the data has another form than its README says");
  return list.items.map((message) => {
    const item = Item.parse(readJson(writeJson(readItem(message)), rawAt));
    if (!equal(restore(item), message)) throw new Error(`lost: ${message.text.slice(0, 200)} as ${item.meta?.text.slice(0, 200)}`);
    return item;
  });
}

const all = (file: string, list: string): Item[] => linesOf(file).flatMap((line) => itemsOf(memberOf(treeOf(RawJson.of(line)), list)));

function count(items: readonly Item[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items)
    for (const kind of [item.role, ...partsOf(item).map(({ type }) => type)]) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Characters of source text that ended in typed parts, as a share of those in parts and meta together. */
function typedShare(items: readonly Item[]): number {
  const meta = items.reduce((sum, item) => sum + (item.meta?.text.length ?? 0), 0);
  const typed = items.reduce((sum, item) => sum + writeJson(item.content).length, 0);
  return typed / (typed + meta);
}

const roots = (items: readonly Item[]) => items.filter((item) => item.meta?.text.includes('"$root"'));

test.skipIf(!present)("tau_airline: its 513 tool calls and 513 results are typed, and only tools' names are left to meta", () => {
  const items = all("tau_airline", "messages");
  expect(count(items)).toEqual({ system: 92, user: 646, assistant: 1_067, tool: 513, text: 1_329, tool_call: 513, tool_result: 513 });
  for (const item of items) expect(item.meta?.text ?? '{"name":"x"}').toMatch(/^\{"name":"\w+"\}$/);
  const calls = items.flatMap(partsOf).filter((part) => part.type === "tool_call");
  for (const call of calls) expect(call.arguments.text).toMatch(/^\{/);
  const answered = new Set(items.flatMap(partsOf).flatMap((part) => (part.type === "tool_result" ? [part.id] : [])));
  expect(calls.every(({ id }) => answered.has(id))).toBe(true);
  expect(typedShare(items)).toBeGreaterThan(0.98);
});

test.skipIf(!present)("swe_agent: each action is a call, results are typed, and thoughts are not kept twice", () => {
  const items = all("swe_agent", "messages");
  expect(count(items)).toEqual({ system: 14, user: 124, assistant: 147, tool: 28, text: 285, tool_call: 147, tool_result: 28 });
  // Where a call by the model's own means stands beside it, the action is that call in other words.
  for (const item of items.filter(({ meta }) => meta !== undefined && memberOf(treeOf(meta), "action") !== undefined))
    expect(partsOf(item)).toContainEqual(expect.objectContaining({ type: "tool_call", id: expect.stringMatching(/^call_/) }));
  expect(roots(items)).toEqual([]);
  expect(typedShare(items)).toBeGreaterThan(0.95);
});

test.skipIf(!present)("openhands_events: actions are calls, observations are results that name their call", () => {
  const items = all("openhands_events", "events");
  expect(count(items)).toMatchObject({ tool_call: 106, tool_result: 106 });
  expect(roots(items)).toEqual([]);
  const ids = new Set(items.flatMap(partsOf).flatMap((part) => (part.type === "tool_call" ? [part.id] : [])));
  const results = items.flatMap(partsOf).filter((part) => part.type === "tool_result");
  // Two errors of the agent answer nothing.
  expect(results.filter(({ id }) => !ids.has(id)).map(({ id, isError }) => ({ id, isError }))).toEqual([
    { id: "", isError: true },
    { id: "", isError: true },
  ]);
});

test.skipIf(!present)("toolbench_forks: each fork is a list of messages like any other", () => {
  const forks = linesOf("toolbench_forks").flatMap((line) => {
    const list = memberOf(treeOf(RawJson.of(line)), "forks");
    return list?.kind === "array" ? list.items : [];
  });
  expect(forks.length).toBe(76);
  const items = forks.flatMap(itemsOf);
  expect(roots(items)).toEqual([]);
  expect(count(items)).toMatchObject({ tool_result: 354, text: 1_072 });
});

test.skipIf(!present)("every line comes back by value", () => {
  for (const file of ["tau_airline", "swe_agent", "openhands_events"])
    for (const line of linesOf(file)) {
      const { messages, slots } = trajectoryOf(line);
      const back = exportTrajectory({ items: messages.map((message) => readItem(treeOf(message))), slots });
      expect(equal(treeOf(RawJson.of(back)), treeOf(RawJson.of(line)))).toBe(true);
    }
});
