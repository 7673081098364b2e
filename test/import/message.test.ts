import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Item, type Part } from "../../protocol/item.ts";
import { RawJson, readJson, writeJson } from "../../protocol/json.ts";
import { restore } from "../../services/import/frame.ts";
import { itemOf, messageOf, readItem } from "../../services/import/message.ts";
import { equal, memberOf, type Tree, treeOf } from "../../services/import/tree.ts";
import { samples } from "./frameworks.data.ts";
import { anyJson, anyObject, literal } from "./json.ts";

const rawAt = { keys: new Set(["value", "arguments", "meta"]), under: new Set<string>() };

/** As the contract would hand it back: written, sent, read and checked against the schema. */
const sent = (item: Item): Item => Item.parse(readJson(writeJson(item), rawAt));
const partsOf = (item: Item): readonly Part[] => (typeof item.content === "string" ? [{ type: "text", text: item.content }] : item.content);
const tree = (message: unknown): Tree => treeOf(RawJson.from(message));

function at(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((inner, key) => (inner === null || typeof inner !== "object" ? undefined : Reflect.get(inner, key)), value);
}

test.each(samples)("$framework: becomes a $role item of [$parts] and comes back", ({ role, parts, message, holds }) => {
  const original = tree(message);
  // The rules alone: itemOf would hide a rule that loses something.
  const item = sent(readItem(original));
  expect({
    role: item.role,
    parts: partsOf(item)
      .map((part) => part.type)
      .join(","),
  }).toEqual({ role, parts });
  expect(restore(item).text, item.meta?.text).toSatisfy((text: string) => equal(treeOf(RawJson.of(text)), original));
  for (const [path, value] of Object.entries(holds ?? {})) expect(at(partsOf(item), path), path).toEqual(value);
});

test("a plain chat message leaves nothing for meta, whatever the order of its fields", () => {
  for (const message of [
    { role: "user", content: "hi" },
    { content: "hi", role: "system" },
    { content: null, role: "assistant", tool_calls: [{ function: { arguments: '{"a":1}', name: "f" }, id: "c", type: "function" }] },
    { role: "assistant", content: "so", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }] },
    { role: "tool", tool_call_id: "c", content: "done" },
  ])
    expect(itemOf(RawJson.from(message)).meta).toBeUndefined();
});

test("meta holds no field of a known message that the schema knows", () => {
  const known = ["role", "content", "labels", "subjects", "meta", "tool_calls", "tool_call_id", "function_call", "arguments", "parts"];
  for (const { framework, message } of samples) {
    const { meta } = readItem(tree(message));
    for (const key of known) expect(meta === undefined ? undefined : memberOf(treeOf(meta), key), `${framework}: ${key}`).toBeUndefined();
  }
});

test("what a part says is not said again in meta", () => {
  const long = "The parcel was handed over to the carrier on the second of May, and it has not been seen since.";
  const item = itemOf(RawJson.from({ role: "assistant", content: `${long}\n\`\`\`\nls\n\`\`\``, thought: long, action: "ls" }));
  expect(item.meta?.text).toBe(`{"$form":{"...":"$1.arguments","thought":"$0[0,${long.length}]","tool_calls":"$none"}}`);
});

test("a tool's arguments keep the text they came in, numbers and odd keys included", () => {
  const args = '{"b":1e999, "a":12345678901234567890,"10":-0,"__proto__":{"x":1.0},"b":2}';
  const item = sent(
    itemOf(
      RawJson.from({
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: args } }],
      }),
    ),
  );
  expect(partsOf(item)).toMatchObject([{ type: "tool_call", arguments: { text: args } }]);
  expect(item.meta).toBeUndefined();
});

test("text that a text part may not hold becomes a json part and comes back", () => {
  for (const content of ["a\u0000b", "half \ud83d of a pair"]) {
    const item = sent(itemOf(RawJson.from({ role: "user", content })));
    expect(partsOf(item)).toMatchObject([{ type: "json", value: { text: JSON.stringify(content) } }]);
    expect(equal(treeOf(messageOf(item)), tree({ role: "user", content }))).toBe(true);
  }
});

test("a message whose keys stand twice comes back with both, its text in a part", () => {
  const text = '{"role":"user","content":"first","content":"second"}';
  const item = sent(itemOf(RawJson.of(text)));
  expect(messageOf(item).text).toBe(text);
  expect(partsOf(item)).toEqual([{ type: "text", text: "second" }]);
});

test("a message of more blocks than an item has parts comes back", () => {
  const content = Array.from({ length: 1_000 }, (_, i) => ({ type: "text", text: `block ${i}` }));
  const item = sent(itemOf(RawJson.from({ role: "user", content })));
  expect(equal(treeOf(messageOf(item)), tree({ role: "user", content }))).toBe(true);
  const calls = Array.from({ length: 400 }, (_, i) => ({ id: `c${i}`, type: "function", function: { name: "f", arguments: "{}" } }));
  const called = sent(itemOf(RawJson.from({ role: "assistant", content: null, tool_calls: calls })));
  expect(equal(treeOf(messageOf(called)), tree({ role: "assistant", content: null, tool_calls: calls }))).toBe(true);
});

test("a message wrapped many times over comes back", () => {
  let wrapped = '{"role":"user","content":"hi"}';
  for (let depth = 0; depth < 200; depth++) wrapped = `{"data":${wrapped}}`;
  expect(messageOf(sent(itemOf(RawJson.of(wrapped)))).text).toBe(wrapped);
});

test("a call and its result stay together where the contract has no room for their id, or for a name", () => {
  const ids = new Set<string>();
  const odd = [`call_x__thought__${"Q2hh".repeat(400)}`, `call_x__thought__${"Q2hh".repeat(401)}`, "nul\u0000", "\ud800", "\ud801"];
  for (const id of [...odd, "1".repeat(300)]) {
    const called = { role: "assistant", content: null, tool_calls: [{ id, type: "function", function: { name: id, arguments: "{}" } }] };
    const answered = { role: "tool", tool_call_id: id, content: "found" };
    const items = [called, answered].map((message) => sent(readItem(tree(message))));
    const [call, result] = items.flatMap(partsOf);
    expect(call).toMatchObject({ type: "tool_call", arguments: { text: "{}" } });
    expect(result).toMatchObject({ type: "tool_result", content: "found" });
    if (call?.type !== "tool_call" || result?.type !== "tool_result") throw new Error("neither was typed");
    expect(result.id).toBe(call.id);
    if (id.startsWith("call_")) expect(call.id).toMatch(/^call_x__thought__Q2hh/);
    ids.add(call.id);
    for (const [i, message] of [called, answered].entries())
      expect(items[i] === undefined ? undefined : equal(restore(items[i]), tree(message))).toBe(true);
  }
  expect(ids.size).toBe(odd.length + 1);
});

test("a message of very many fields that no part was taken from comes back", () => {
  const fields = Array.from({ length: 130_000 }, (_, i) => [`$${i}`, i] as const);
  const message = { role: "user", content: "hi", ...Object.fromEntries(fields) };
  expect(equal(restore(readItem(tree(message))), tree(message))).toBe(true);
});

test("any item of anyone's can be written as a message", () => {
  const message = messageOf({
    role: "tool",
    content: [{ type: "tool_result", id: "c", content: [{ type: "text", text: "x" }] }],
    labels: ["trusted"],
  });
  expect(message.text).toBe('{"role":"tool"}');
});

/** The rules alone on any message, through the wire and the schema. */
function comesBack(text: string): boolean {
  const original = treeOf(RawJson.of(text));
  return equal(restore(sent(readItem(original))), original);
}

test("every message made of random fields comes back by value", () => {
  fc.assert(fc.property(anyObject, comesBack), { numRuns: 6_000 });
}, 120_000);

test("calls written down as text are taken out of it, and the text comes back to the last space", () => {
  const space = fc.constantFrom("", " ", "\n\t");
  const name = fc.oneof(fc.constantFrom('"f"', '"\\u0066"', '"$0"', '"\\/"'), literal);
  const call = fc
    .tuple(name, anyObject, space, space)
    .map(
      ([named, args, before, between]) => `${before}{${between}"name":${between}${named},"arguments"${before}:${args}${between}}${before}`,
    );
  const calls = fc.oneof(
    call,
    fc.array(call, { minLength: 1, maxLength: 3 }).map((all) => `[${all.join(",")}]`),
  );
  let taken = 0;
  fc.assert(
    fc.property(calls, fc.constantFrom("from", "role"), (text, speaker) => {
      const message = JSON.stringify({ [speaker]: "function_call", value: text });
      const { content } = readItem(treeOf(RawJson.of(message)));
      if (typeof content !== "string" && content.every(({ type }) => type === "tool_call")) taken++;
      return comesBack(message);
    }),
    { numRuns: 2_000 },
  );
  expect(taken).toBeGreaterThan(1_000);
}, 120_000);

test("every JSON value as a message comes back by value", () => {
  fc.assert(fc.property(anyJson, comesBack), { numRuns: 6_000 });
}, 120_000);

test("a known message with a random value somewhere comes back by value", () => {
  const sample = fc.constantFrom(...samples.map(({ message }) => tree(message)));
  fc.assert(
    fc.property(sample, anyJson, fc.nat(), (message, value, place) => comesBack(replaceAt(message, value, place % countOf(message)).text)),
    { numRuns: 6_000 },
  );
}, 120_000);

const countOf = (node: Tree): number => 1 + childrenOf(node).reduce((sum, child) => sum + countOf(child), 0);
const childrenOf = (node: Tree): readonly Tree[] =>
  node.kind === "array" ? node.items : node.kind === "object" ? node.members.map(([, value]) => value) : [];

/** The text of `node` with its n-th value, counted from the outside in, replaced. */
function replaceAt(node: Tree, value: string, n: number): { readonly text: string } {
  if (n === 0) return { text: value };
  let left = n - 1;
  const children = childrenOf(node).map((child) => {
    const count = countOf(child);
    const replaced = left >= 0 && left < count ? replaceAt(child, value, left) : child;
    left -= count;
    return replaced.text;
  });
  if (node.kind === "array") return { text: `[${children.join(",")}]` };
  const members = node.kind === "object" ? node.members : [];
  return { text: `{${members.map(([key], i) => `${JSON.stringify(key)}:${children[i]}`).join(",")}}` };
}

test("items stored by earlier versions come back as they did then", () => {
  const kept = JSON.parse(readFileSync(new URL("kept.json", import.meta.url), "utf8")) as readonly { item: string; message: string }[];
  expect(kept.length).toBeGreaterThan(0);
  for (const { item, message } of kept) expect(messageOf(Item.parse(readJson(item, rawAt))).text).toBe(message);
});
