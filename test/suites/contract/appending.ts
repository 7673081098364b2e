import { expect, test } from "vitest";
import { RawJson } from "../../../protocol/json.ts";
import { type Setting, text, texts } from "../caller.ts";

const SIX = [1, 2, 3, 4, 5, 6];

/** One item of every role, with every kind of part. */
export const everything = [
  { role: "system", content: "You are terse." },
  {
    role: "user",
    content: [
      { type: "text", text: 'Zażółć 🦉 \u2028 \\ " \t' },
      { type: "blob", mediaType: "image/png", base64: "iVBORw0KGgo=" },
    ],
    labels: ["untrusted", "from:mail/inbox"],
    subjects: ["Ada Lovelace", "ada@example.org"],
    meta: RawJson.of('{"client":"suite"}'),
  },
  {
    role: "assistant",
    content: [
      { type: "text", text: "" },
      { type: "tool_call", id: "call_1", name: "lookup", arguments: RawJson.of('{"n":1}') },
      { type: "json", value: RawJson.of("[1,2]") },
    ],
  },
  {
    role: "tool",
    content: [
      { type: "tool_result", id: "call_1", content: "found", isError: false },
      {
        type: "tool_result",
        id: "call_2",
        content: [
          { type: "text", text: "nothing" },
          { type: "json", value: RawJson.of("null") },
          { type: "blob", mediaType: "text/plain", base64: "" },
        ],
        isError: true,
      },
    ],
  },
  { role: "note", content: [] },
];

/** Values that a JSON parser would not give back as they were. */
export const exact = [
  "12345678901234567890",
  "1e999",
  "-0",
  "1.0",
  "1E+2",
  '{"b":1,"a":2,"b":3}',
  '{"__proto__":{"polluted":true},"constructor":1}',
  '{"2":0,"1":0}',
  String.raw`"\ud800 \u0000 \/ \u00e9"`,
  '[ 1 ,\n\t{ "k" : [ ] } ]',
  '""',
  "true",
];

export function appending(the: () => Setting): void {
  test("append: the first creates the context, each next adds one version, and time does not go back", async () => {
    const { caller, name } = the();
    const id = name("count");
    const replies = [];
    for (const n of SIX) replies.push(await caller.call(id, "append", { key: `k${n}`, items: texts(2, n) }));
    expect(replies.map(({ version }) => version)).toEqual(SIX);
    expect(replies.map(({ created }) => created)).toEqual([true, ...SIX.slice(1).map(() => undefined)]);
    expect(replies.every(({ duplicate }) => duplicate === undefined)).toBe(true);
    expect(new Set(replies.map(({ digest }) => digest)).size).toBe(6);
    const times = replies.map(({ at }) => at);
    expect(times.toSorted()).toEqual(times);
  });

  test("append: every role and every kind of part comes back as it was sent, labels, subjects and meta too", async () => {
    const { caller, name } = the();
    const id = name("everything");
    const { digest } = await caller.call(id, "append", { key: "k", items: everything });
    const reply = await caller.call(id, "read");
    expect(reply).toMatchObject({ version: 1, digest, slots: {} });
    expect(reply.items).toEqual(everything);
  });

  test("append: json parts, arguments, meta and slots keep the text they came in, byte for byte", async () => {
    const { caller, name } = the();
    const id = name("exact");
    const raw = exact.map(RawJson.trusted);
    const items = raw.map((value) => ({
      role: "assistant",
      content: [
        { type: "json", value },
        { type: "tool_call", id: "c", name: "t", arguments: value },
      ],
      meta: RawJson.trusted(`{ "m" : ${value.text} }`),
    }));
    const set = Object.fromEntries(raw.map((value, i) => [`slot-${i}`, value]));
    await caller.call(id, "append", { key: "k", items, set });
    const reply = await caller.call(id, "read");
    expect(reply.items).toEqual(items);
    expect(reply.slots).toEqual(set);
  });

  test("append: a slot has its last value, null takes it away, and every version keeps its own", async () => {
    const { caller, name } = the();
    const id = name("slots");
    const steps: readonly Readonly<Record<string, string>>[] = [
      { goal: '"rest"', plan: "[1]" },
      { plan: "[1,2]" },
      { goal: "null", constructor: "0", toString: '"own"' },
      { goal: '{"v":null}' },
    ];
    for (const [i, set] of steps.entries())
      await caller.call(id, "append", {
        key: `k${i}`,
        items: [],
        set: Object.fromEntries(Object.entries(set).map(([k, v]) => [k, RawJson.of(v)])),
      });
    const slotsAt = async (at: number) => {
      const { slots } = await caller.call(id, "read", { at });
      return Object.fromEntries(Object.entries(slots).map(([slot, value]) => [slot, value.text]));
    };
    expect(await slotsAt(1)).toEqual({ goal: '"rest"', plan: "[1]" });
    expect(await slotsAt(2)).toEqual({ goal: '"rest"', plan: "[1,2]" });
    expect(await slotsAt(3)).toEqual({ plan: "[1,2]", constructor: "0", toString: '"own"' });
    expect(await slotsAt(4)).toEqual({ goal: '{"v":null}', plan: "[1,2]", constructor: "0", toString: '"own"' });
  });

  test("append: neither an item nor a slot is nothing to append; a slot alone is enough", async () => {
    const { caller, name } = the();
    const id = name("empty");
    expect(await caller.refused(id, "append", { key: "k", items: [] })).toMatchObject({ code: "invalid" });
    expect(await caller.refused(id, "append", { key: "k", items: [], set: {} })).toMatchObject({ code: "invalid" });
    expect(await caller.refused(id, "read")).toMatchObject({ code: "not_found" });
    expect(await caller.call(id, "append", { key: "k", items: [], set: { a: 1 } })).toMatchObject({ version: 1, created: true });
  });

  test("V2: `expect` names the head; an older, a later and a missing one are conflicts that tell it", async () => {
    const { caller, name } = the();
    const id = name("expect");
    const append = (key: string, expected: number) => ({ key, items: [text(key)], expect: expected });
    expect(await caller.refused(id, "append", append("early", 1))).toMatchObject({ code: "conflict", details: { head: 0 } });
    expect(await caller.call(id, "append", append("first", 0))).toMatchObject({ version: 1 });
    expect(await caller.call(id, "append", append("second", 1))).toMatchObject({ version: 2 });
    for (const wrong of [0, 1, 3, 1_000_000])
      expect(await caller.refused(id, "append", append(`wrong-${wrong}`, wrong))).toMatchObject({ code: "conflict", details: { head: 2 } });
    expect((await caller.call(id, "read")).items).toEqual([text("first"), text("second")]);
  });

  test("V2: of writers who saw the same head one is taken, the others are told the new one", async () => {
    const { caller, name } = the();
    const id = name("race");
    await caller.call(id, "append", { key: "first", items: texts(1) });
    const all = SIX.map((n) => caller.unless("conflict", id, "append", { key: `k${n}`, items: [text(`${n}`)], expect: 1 }));
    const won = (await Promise.all(all)).filter((reply) => reply !== undefined);
    expect(won.map(({ version }) => version)).toEqual([2]);
    expect((await caller.call(id, "read")).version).toBe(2);
  });

  test("V2: appends that come together get versions without gaps, each turn exactly once", async () => {
    const { caller, name } = the();
    const id = name("together");
    const keys = Array.from({ length: 64 }, (_, i) => `k${i}`);
    const replies = await Promise.all(keys.map((key) => caller.call(id, "append", { key, items: [text(key)] })));
    const versions = replies.map(({ version }) => version);
    expect(versions.toSorted((a, b) => a - b)).toEqual(keys.map((_, i) => i + 1));
    const { items } = await caller.call(id, "read");
    expect(items).toEqual(keys.toSorted((a, b) => (versions[keys.indexOf(a)] ?? 0) - (versions[keys.indexOf(b)] ?? 0)).map(text));
  });

  test("append: a turn of more bytes than a turn may have is too large, one of as many is taken", async () => {
    const { caller, name } = the();
    const id = name("large");
    const large = (bytes: number) => ({ key: `k${bytes}`, items: [text("x".repeat(bytes))] });
    const most = 4 * 1024 * 1024 - '{"content":""}'.length;
    expect(await caller.refused(id, "append", large(most + 1))).toMatchObject({ code: "too_large" });
    expect(await caller.call(id, "append", large(most))).toMatchObject({ version: 1 });
    expect((await caller.call(id, "read")).items).toEqual([text("x".repeat(most))]);
  });

  test("append: slots that would be too large together are refused, and what is there can still be read, replaced and removed", async () => {
    const { caller, name } = the();
    const id = name("slots-large");
    const third = "x".repeat(1_500_000);
    await caller.call(id, "append", { key: "k1", items: [], set: { a: third, b: third } });
    expect(await caller.refused(id, "append", { key: "k2", items: [], set: { c: third } })).toMatchObject({
      code: "too_large",
      message: expect.stringMatching(/slots would have 4500006 bytes; at most 4194304/),
    });
    expect(await caller.call(id, "append", { key: "k3", items: [], set: { a: null, c: third } })).toMatchObject({ version: 2 });
    expect(Object.keys((await caller.call(id, "read")).slots).toSorted()).toEqual(["b", "c"]);
  });

  test("append: a context that would be about too many subjects is refused, and does not come to be", async () => {
    const { caller, name, tenant } = the();
    const id = name("subjects");
    const items = Array.from({ length: 513 }, (_, i) => ({
      ...text("x"),
      subjects: Array.from({ length: 8 }, (_, j) => `person ${8 * i + j}`),
    }));
    expect(await caller.refused(id, "append", { key: "k", items })).toMatchObject({
      code: "too_large",
      message: expect.stringMatching(/4104 subjects; at most 4096/),
    });
    expect(await caller.refused(id, "read")).toMatchObject({ code: "not_found" });
    expect((await caller.call(tenant, "tenant.list", { prefix: id.slice(id.indexOf(".") + 1) })).contexts).toEqual([]);
  });

  for (const method of ["fork", "hold", "release", "erase"] as const)
    test(`${method}: not available yet, and says so`, async () => {
      const { caller, name } = the();
      const refusal = await caller.refused(name("later"), method, { key: "k" });
      expect(refusal).toMatchObject({ code: "invalid", message: expect.stringContaining("not available yet") });
    });
}
