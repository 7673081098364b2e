import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ContextName } from "../../protocol/ids.ts";
import { SlotName } from "../../protocol/item.ts";
import { RawJson } from "../../protocol/json.ts";
import { itemOf } from "../../services/import/message.ts";
import { contextNameOf, exportTrajectory, keyOf, TrajectoryError, trajectoryOf } from "../../services/import/trajectory.ts";
import { equal, numberTree, stringTree, treeOf } from "../../services/import/tree.ts";
import { anyJson, anyObject, literal } from "./json.ts";

const sha = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);

function there(text: string): string {
  const { slots, messages } = trajectoryOf(text);
  return exportTrajectory({ items: messages.map(itemOf), slots });
}

test("a context's name is the legal characters of the id and the hash of all of it", () => {
  expect(contextNameOf(stringTree("tau-airline-1-0"))).toBe(`tau-airline-1-0-${sha("tau-airline-1-0")}`);
  expect(contextNameOf(stringTree("Case #17 / É"))).toBe(`case-17-${sha("Case #17 / É")}`);
  expect(contextNameOf(stringTree("日本"))).toBe(sha("日本"));
  expect(contextNameOf(stringTree(""))).toBe(sha(""));
});

test("any id has a legal name, and different ids have different names", () => {
  const names = new Map<string, string>();
  fc.assert(
    fc.property(literal, (text) => {
      const id = treeOf(RawJson.of(text));
      if (id.kind !== "string") throw new Error("a literal is a string");
      const name = contextNameOf(id);
      expect(ContextName.safeParse(name).success, name).toBe(true);
      expect(names.get(name) ?? id.value).toBe(id.value);
      names.set(name, id.value);
    }),
    { numRuns: 2_000 },
  );
  expect(contextNameOf(stringTree("17"))).not.toBe(contextNameOf(numberTree("17")));
  expect(contextNameOf(stringTree("\ud800"))).not.toBe(contextNameOf(stringTree("\ud801")));
});

test("the line comes back with its fields in order, its numbers and its odd keys", () => {
  for (const text of [
    '{"id":"a","source":"s","reward":1.0,"messages":[{"role":"user","content":"hi"}]}',
    '{"messages":[],"id":"a"}',
    '{"events":[{"action":"message","source":"user","args":{"content":"hi"}}],"id":17,"messages":"none"}',
    '{"id":"a","messages":[],"events":[{"action":"message","args":{"content":"hi"}}],"x":1}',
    '{"events":[],"id":"a","messages":["hi"]}',
    '{"events":[],"id":"a","messages":[]}',
    '{"x":1e999,"id":"\\ud800 \\u0000","y":12345678901234567890,"messages":[1,null,"$0"],"__proto__":{"z":-0},"x":2}',
  ]) {
    expect(equal(treeOf(RawJson.of(there(text))), treeOf(RawJson.of(text))), there(text)).toBe(true);
  }
  const ordered = '{"a":0,"messages":[{"role":"user","content":"hi"}],"b":1,"id":"x","c":2}';
  expect(there(ordered)).toBe(ordered);
});

test("a line of random messages and fields comes back by value", () => {
  const rest = fc.array(fc.tuple(literal, anyJson), { maxLength: 3 });
  fc.assert(
    fc.property(
      literal,
      fc.constantFrom("messages", "events"),
      fc.array(fc.oneof(anyObject, anyJson), { maxLength: 5 }),
      rest,
      (id, list, messages, fields) => {
        const others = fields.filter(([key]) => !["id", "messages", "events"].includes(JSON.parse(key)));
        const text = `{${[...others.map(([key, value]) => `${key}:${value}`), `"id":${id}`, `"${list}":[${messages.join(",")}]`].join(", ")}}`;
        expect(equal(treeOf(RawJson.of(there(text))), treeOf(RawJson.of(text)))).toBe(true);
      },
    ),
    { numRuns: 1_000 },
  );
}, 60_000);

test("the turns are in the list that has some", () => {
  const turnsOf = (text: string) => trajectoryOf(text).messages.map((message) => message.text);
  expect(turnsOf('{"id":"a","messages":[],"events":["hi"]}')).toEqual(['"hi"']);
  expect(turnsOf('{"id":"a","events":[],"messages":["hi"]}')).toEqual(['"hi"']);
});

test("the slots have names and values that the contract takes", () => {
  const { slots } = trajectoryOf('{"id":"a","source":"s","messages":[]}');
  expect(Object.keys(slots)).toEqual(["source.id", "source.list", "source.fields"]);
  for (const slot of Object.keys(slots)) expect(SlotName.safeParse(slot).success).toBe(true);
  expect(slots).toMatchObject({ "source.id": { text: '"a"' }, "source.fields": { text: '{"source":"s"}' } });
});

test("keys are the same for the same message at the same place, and differ otherwise", () => {
  const line = (id: string, ...messages: string[]) => trajectoryOf(JSON.stringify({ id, messages }));
  expect(keyOf(line("a", "x", "y"), 1)).toBe(keyOf(line("a", "x", "y", "z"), 1));
  const keys = [
    keyOf(line("a", "x", "x"), 0),
    keyOf(line("a", "x", "x"), 1),
    keyOf(line("b", "x"), 0),
    keyOf(line("a", "y"), 0),
    keyOf(line("a", "x"), "slots"),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test.each([
  ["[1]", /the line is an array; allowed is/],
  ["17", /the line is a number; allowed is/],
  ["{", /not JSON .* at character 1; allowed is/],
  ['{"messages":[]}', /there is no "id" among the fields "messages"; allowed is/],
  ['{"id":null,"messages":[]}', /"id" is null; allowed is/],
  ['{"id":"a","messages":{}}', /neither "messages" nor "events" is an array; the line has the fields "id", "messages"; allowed is/],
  ['{"id":"a"}', /neither "messages" nor "events"/],
  ["{}", /no "id" among no fields/],
  ['{"id":"a","messages":[1],"events":[2]}', /both "messages" and "events" hold something, and a context is made of one; allowed is/],
  ['{"id":"a","messages":[1],"messages":[],"events":[2]}', /both "messages" and "events" hold something/],
  ['{"id":"a","id":"b","messages":[]}', /"id" stands twice; once is allowed/],
  [`{"id":"a","messages":[${"[".repeat(250)}${"]".repeat(250)}]}`, /nested 252 deep; at most 244 is allowed/],
])("%s is refused with what was seen and what is allowed", (text, message) => {
  expect(() => trajectoryOf(text)).toThrow(message);
  expect(() => trajectoryOf(text)).toThrow(TrajectoryError);
});

test("a context that no import made is not exported", () => {
  expect(() => exportTrajectory({ items: [], slots: { goal: RawJson.of('"x"') } })).toThrow(/was not made by an import/);
});
