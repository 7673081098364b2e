import fc from "fast-check";
import { expect, test } from "vitest";
import { Difference, historyRow, ItemPage, readText, refuseTime, refuseVersion, setSlots } from "../../core/query.ts";
import { bytesOf, type Entry } from "../../core/record.ts";
import type { Refusal } from "../../protocol/errors.ts";
import { RawJson } from "../../protocol/json.ts";
import { type Limits, limits } from "../../protocol/limits.ts";
import { instant } from "../../protocol/units.ts";
import { jsonText } from "../protocol/values.ts";
import { append, Chain, NOON, note } from "./chain.ts";

const slotName = fc.constantFrom("goal", "plan", "constructor", "0", "x.y");
const turns = fc.array(
  fc.record({
    items: fc.array(fc.string({ maxLength: 30 }), { maxLength: 4 }),
    set: fc.dictionary(slotName, fc.oneof(fc.constant("null"), jsonText), { noNullPrototype: true }),
  }),
  { minLength: 1, maxLength: 10 },
);
type Turns = typeof turns extends fc.Arbitrary<infer T> ? T : never;

/** What was appended, recorded by the code, and remembered beside it in the plainest way. */
function record(all: Turns) {
  const chain = new Chain();
  const items: string[] = [];
  const model: { readonly items: number; readonly slots: Map<string, string> }[] = [{ items: 0, slots: new Map() }];
  for (const [i, turn] of all.entries()) {
    const slots = Object.entries(turn.set);
    const texts = turn.items.length + slots.length === 0 ? ["something"] : turn.items;
    const values = Object.fromEntries(slots.map(([name, text]) => [name, RawJson.of(text)]));
    chain.do(append(`k${i}`, texts.map(note), { set: values }), { now: instant(NOON + i * 1_000) });
    items.push(...texts);
    const after = new Map(model.at(-1)?.slots);
    for (const [name, text] of slots) {
      if (text === "null") after.delete(name);
      else after.set(name, text);
    }
    model.push({ items: items.length, slots: after });
  }
  return { chain, items, model };
}

function pageOf(entries: readonly Entry[], from: number, limit: number, bytes: number): ItemPage {
  const page = new ItemPage(from, limit, bytes);
  for (const entry of entries) page.add(entry);
  return page;
}

function difference(entries: readonly Entry[], from: number, to: number, most: Limits): string | Refusal {
  const between = new Difference(from, most);
  for (const entry of entries.slice(0, to)) {
    const refused = between.add(entry);
    if (refused !== undefined) return refused;
  }
  return between.text(to);
}

const textsOf = (items: readonly RawJson[]): unknown[] => items.map((item) => (item.parse() as { content: unknown }).content);

test("pages of any size give every item once and in order, and end", () => {
  fc.assert(
    fc.property(turns, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 120 }), (all, limit, bytes) => {
      const { chain, items } = record(all);
      const seen: unknown[] = [];
      let from: number | undefined = 0;
      while (from !== undefined) {
        const page: ItemPage = pageOf(chain.entries, from, limit, bytes);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        if (page.next !== undefined) expect(page.next).toBe(from + page.items.length);
        const size = page.items.reduce((sum, item) => sum + JSON.stringify(item.parse()).length, 0);
        if (page.items.length > 1) expect(size).toBeLessThanOrEqual(bytes);
        seen.push(...textsOf(page.items));
        if (page.next !== undefined && page.items.length === 0) throw new Error("a page that goes nowhere");
        from = page.next;
      }
      expect(seen).toEqual(items);
    }),
  );
});

test("a page may begin at any item, and beyond the last there is none", () => {
  fc.assert(
    fc.property(turns, fc.nat({ max: 60 }), (all, from) => {
      const { chain, items } = record(all);
      expect(textsOf(pageOf(chain.entries, from, 1_000, 1_000_000).items)).toEqual(items.slice(from));
    }),
  );
});

test("the slots of a version are what was last set up to it, in the text that it came in", () => {
  fc.assert(
    fc.property(turns, (all) => {
      const { chain, model } = record(all);
      for (const [version, { slots }] of model.entries()) {
        const folded = new Map<string, RawJson>();
        for (const entry of chain.entries.slice(0, version)) setSlots(folded, entry);
        expect(new Map([...folded].map(([name, value]) => [name, value.text]))).toEqual(slots);
      }
      expect(new Map([...chain.state.slots].map(([name, { value }]) => [name, value.text]))).toEqual(model.at(-1)?.slots);
    }),
  );
});

test("a difference is what turns the one version into the other", () => {
  fc.assert(
    fc.property(turns, fc.nat(), fc.nat(), (all, a, b) => {
      const { chain, items, model } = record(all);
      const [from = 0, to = 0] = [a % model.length, b % model.length].sort((x, y) => x - y);
      const text = difference(chain.entries, from, to, limits);
      if (typeof text !== "string") throw new Error("refused");
      const diff = JSON.parse(text);
      const [before, after] = [model[from], model[to]];
      expect(diff).toMatchObject({ ok: true, from, to, erased: [] });
      expect(diff.items.map((item: { content: string }) => item.content)).toEqual(items.slice(before?.items, after?.items));
      const touched = [...new Set([...(before?.slots.keys() ?? []), ...(after?.slots.keys() ?? [])])];
      const changed = touched.filter((name) => before?.slots.get(name) !== after?.slots.get(name));
      expect(Object.keys(diff.slots).sort()).toEqual(changed.sort());
    }),
  );
});

test("a difference that is larger than a reply is refused, whether items make it so or slots", () => {
  const { chain } = record([
    { items: ["x".repeat(50)], set: {} },
    { items: ["y".repeat(50)], set: {} },
  ]);
  const refused = difference(chain.entries, 0, 2, { ...limits, bytes_per_reply: 100 });
  expect(refused).toMatchObject({ ok: false, code: "too_large", message: expect.stringMatching(/0 to 2 differ by more than 100 bytes/) });
  expect(JSON.parse(String(difference(chain.entries, 1, 2, { ...limits, bytes_per_reply: 100 })))).toMatchObject({ ok: true });
});

test("what a reply may carry counts labels and slots as well", () => {
  const chain = new Chain();
  const labelled = { ...note(""), labels: ["l".repeat(100)] };
  chain.do(append("k0", [labelled, labelled], { set: { plan: RawJson.of(`"${"é".repeat(50)}"`) } }), { now: instant(NOON) });
  expect(pageOf(chain.entries, 0, 10, 200).items.length).toBe(1);
  expect(pageOf(chain.entries, 0, 10, 300).items.length).toBe(2);
  const whole = Buffer.byteLength(String(difference(chain.entries, 0, 1, limits)));
  expect(difference(chain.entries, 0, 1, { ...limits, bytes_per_reply: whole - 100 })).toMatchObject({ code: "too_large" });
  expect(difference(chain.entries, 0, 1, { ...limits, bytes_per_reply: whole })).toBeTypeOf("string");
});

test("a reply is JSON, with the values as they were stored", () => {
  const text = readText({
    version: 2,
    digest: "ab",
    at: instant(NOON),
    slots: new Map([["big", RawJson.of("12345678901234567890")]]),
    items: [RawJson.of('{"role":"note","content":"x"}')],
    next: 1,
  });
  expect(text).toContain('"big":12345678901234567890');
  expect(JSON.parse(text)).toMatchObject({ ok: true, version: 2, at: "2027-01-15T08:00:00.000Z", items: [{ content: "x" }], next: 1 });
});

test("a line of history counts what the version brought", () => {
  const { chain } = record([{ items: ["abc", "d"], set: { goal: '"g"' } }]);
  const [entry] = chain.entries;
  if (entry === undefined) throw new Error("there is no entry");
  expect(historyRow(entry)).toMatchObject({ number: 1, items: 2, bytes: bytesOf(entry), reason: "append", author: "someone" });
  expect(bytesOf(entry)).toBe(entry.contents.reduce((sum, text) => sum + Buffer.byteLength(text ?? ""), 0));
});

test("an erased content leaves a gap, and the items around it keep their index", () => {
  const { chain } = record([{ items: ["a", "b", "c"], set: {} }]);
  const [entry] = chain.entries;
  if (entry === undefined) throw new Error("there is no entry");
  const erased = { ...entry, contents: entry.contents.map((text, i) => (i === 1 ? null : text)) };
  expect(textsOf(pageOf([erased], 0, 10, 1_000).items)).toEqual(["a", "c"]);
  expect(textsOf(pageOf([erased], 2, 10, 1_000).items)).toEqual(["c"]);
});

test("a version beyond the head and a time outside of the context's life are refused, each in its way", () => {
  const { chain } = record([
    { items: ["a"], set: {} },
    { items: ["b"], set: {} },
  ]);
  const { state } = chain;
  const now = instant(NOON + 5_000);
  expect(refuseVersion(state, 2, "at")).toBeUndefined();
  expect(refuseVersion(state, 3, "at")).toMatchObject({ proof: true, refusal: { code: "not_found", details: { head: 2 } } });
  expect(refuseVersion(new Chain().state, 1, "at")).toMatchObject({ proof: true, refusal: { code: "not_found" } });
  expect(refuseTime(state, instant(NOON), now)).toBeUndefined();
  expect(refuseTime(state, instant(NOON - 1), now)).toMatchObject({ proof: false, refusal: { code: "not_found" } });
  expect(refuseTime(state, now, now)).toBeUndefined();
  expect(refuseTime(state, instant(now + 1), now)).toMatchObject({ proof: false, refusal: { code: "invalid" } });
  // A clock that went back does not make a version that stands lie in the future.
  expect(refuseTime(state, state.at, instant(NOON - 9_000))).toBeUndefined();
});
