import fc from "fast-check";
import { expect, test } from "vitest";
import { committed, decide, endOf, isExpired, recalled } from "../../core/context.ts";
import { breach } from "../../core/state.ts";
import { limits } from "../../protocol/limits.ts";
import { instant } from "../../protocol/units.ts";
import { anyText } from "../protocol/values.ts";
import { append, asking, Chain, configure, entryOf, id, NOON, note, set } from "./chain.ts";

const started = (turns = 3): Chain => {
  const chain = new Chain();
  for (let i = 1; i <= turns; i++) chain.do(append(`key-${i}`));
  return chain;
};

test("V2: versions are 1, 2, 3 …, each on top of the one before", () => {
  const { entries } = started(4);
  expect(entries.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
  expect(entries.slice(1).map(({ previous }) => previous)).toEqual(entries.slice(0, -1).map(({ digest }) => digest));
});

test("V2: a writer who names an older head is refused, told the head, and only after it was proven", () => {
  const decision = started(3).decide(append("new", [note("x")], { expect: 2 }));
  expect(decision).toMatchObject({ do: "refuse", proof: true, reply: { code: "conflict", details: { head: 3 } } });
});

test("V2: a writer who names a head that is not yet there is refused as well", () => {
  expect(started(3).decide(append("new", [note("x")], { expect: 4 }))).toMatchObject({ do: "refuse", reply: { code: "conflict" } });
});

test("who names the head goes on from it, and 0 stands for none yet", () => {
  expect(started(3).do(append("new", [note("x")], { expect: 3 })).version).toBe(4);
  expect(new Chain().do(append("new", [note("x")], { expect: 0 })).version).toBe(1);
});

test("V5: a repeated key is recalled, whatever head it expects by now", () => {
  const chain = started(3);
  expect(chain.decide(append("key-2"))).toEqual({ do: "recall", version: 2 });
  expect(chain.decide(append("key-2", [note("key-2")], { expect: 1 }))).toEqual({ do: "recall", version: 2 });
});

test("V5: a key is recalled with the answer of then; with other arguments it is a conflict", () => {
  const [entry] = started(1).entries;
  if (entry === undefined) throw new Error("there is no entry");
  expect(recalled(entry, asking(append("key-1")).request, 3)).toEqual({ ...committed(entry), duplicate: true });
  const other = recalled(entry, asking(append("key-1", [note("other")])).request, 3);
  expect(other).toMatchObject({ ok: false, code: "conflict", details: { head: 3, keyUsedFor: 1 } });
});

test("C10, B2: a context that remembers all the keys it may takes no turn until some may be forgotten, and repeats are answered", () => {
  const few = { ...limits, key_window_versions: 2, key_window_ms: 1_000, keys_per_context: 3 };
  const chain = new Chain();
  for (const [i, ms] of [0, 10, 20].entries()) chain.do(append(`key-${i + 1}`), { now: instant(NOON + ms) });
  const at = (ms: number) => decide(chain.state, { ...asking(append("next")), now: instant(NOON + ms) }, few);
  expect(at(400)).toMatchObject({ do: "refuse", proof: false, reply: { code: "overloaded", retryAfterMs: 601 } });
  expect(at(1_000)).toMatchObject({ do: "refuse", reply: { code: "overloaded", retryAfterMs: 1 } });
  expect(decide(chain.state, { ...asking(append("key-1")), now: instant(NOON + 1_000) }, few)).toEqual({ do: "recall", version: 1 });
  expect(at(1_001)).toMatchObject({ do: "commit", draft: { version: 4 } });
  expect(decide(chain.state, { ...asking(append("key-1")), now: instant(NOON + 1_001) }, few)).toMatchObject({ do: "commit" });
});

test("the first version says that it created the context, later ones do not", () => {
  const [first, second] = started(2).entries;
  expect(first && committed(first).created).toBe(true);
  expect(second && committed(second)).not.toHaveProperty("created");
});

test("an append of nothing is refused; one that removes a slot is not nothing", () => {
  const chain = started(1);
  expect(chain.decide(append("new", []))).toMatchObject({ do: "refuse", reply: { code: "invalid" } });
  expect(chain.decide(append("new", [], { set: {} }))).toMatchObject({ do: "refuse", reply: { code: "invalid" } });
  expect(chain.do(append("new", [], { set: set({ goal: null }) })).slots).toEqual([{ name: "goal", bytes: null }]);
});

test("a context's time never goes back, and a time that was read stays as it was read", () => {
  const chain = started(1);
  expect(chain.do(append("back"), { now: instant(NOON - 60_000) }).at).toBe(NOON);
  expect(chain.do(append("read"), { observed: instant(NOON + 5) }).at).toBe(NOON + 6);
});

test("a policy is a version of its own; what it does not name stays", () => {
  const chain = started(1);
  chain.do(configure("ttl", { ttl: { ms: 5_000, from: "creation" } }));
  expect(chain.state).toMatchObject({ version: 2, policy: { ttl: { ms: 5_000 } } });
  chain.do(configure("none", {}));
  expect(chain.state.policy).toEqual({ ttl: { ms: 5_000, from: "creation" } });
  chain.do(configure("off", { ttl: null }));
  expect(isExpired(chain.state, instant(NOON * 2))).toBe(false);
});

test("there is nothing to configure before the first append", () => {
  expect(new Chain().decide(configure("k", {}))).toMatchObject({ do: "refuse", proof: true, reply: { code: "not_found" } });
});

test("the tenant's policy goes into the first version, and into no other", () => {
  const defaults = { ttl: { ms: 5_000, from: "lastAppend" } } as const;
  const chain = new Chain();
  expect(chain.do(append("one"), { defaults }).policy).toEqual(defaults);
  expect(chain.do(append("two"), { defaults }).policy).toBeNull();
});

for (const from of ["creation", "lastAppend"] as const) {
  test(`a time to live from ${from} runs out to the millisecond`, () => {
    const chain = started(1);
    chain.do(configure("ttl", { ttl: { ms: 5_000, from } }), { now: instant(NOON + 1_000) });
    chain.do(append("late"), { now: instant(NOON + 4_000) });
    const end = NOON + (from === "creation" ? 5_000 : 9_000);
    expect(chain.decide(append("in time"), { now: instant(end - 1) }).do).toBe("commit");
    expect(chain.decide(append("too late"), { now: instant(end) })).toEqual({ do: "end" });
  });
}

test("C1: after the final record everything is refused, repeated keys too", () => {
  const chain = started(2);
  chain.do(configure("ttl", { ttl: { ms: 5_000, from: "creation" } }));
  const late = instant(NOON + 6_000);
  chain.take(entryOf(endOf(chain.state, late, "end", 0), []));
  expect(chain.state.ended).toBe(true);
  expect(chain.decide(append("key-1"), { now: late })).toMatchObject({ do: "refuse", reply: { code: "expired" } });
  expect(breach(chain.state, { ...chain.entries[0], version: 5, previous: chain.state.digest } as never)).toBeDefined();
});

test("every bound is kept, and its refusal says what was seen and what is allowed", () => {
  const small = { ...limits, bytes_per_turn: 100, slots_per_append: 2, slots_per_context: 3, versions_per_context: 4, content_bits: 3 };
  const chain = new Chain(small);
  chain.do(append("one", [note("x")], { set: set({ a: 1, b: 2 }) }));
  const tooMany = chain.decide(append("k", [], { set: set({ a: 1, b: 1, c: 1 }) }));
  expect(tooMany).toMatchObject({ reply: { code: "invalid", message: expect.stringMatching(/3.*at most 2/) } });
  const tooWide = chain.decide(append("k", [], { set: set({ c: 1, d: 1 }) }));
  expect(tooWide).toMatchObject({ reply: { code: "too_large", message: expect.stringMatching(/4 slots; at most 3/) } });
  const tooBig = chain.decide(append("k", [note("x".repeat(100))]));
  expect(tooBig).toMatchObject({ reply: { code: "too_large", message: expect.stringMatching(/\d{3} bytes.*at most 100/) } });
  expect(
    chain.decide(
      append(
        "k",
        Array.from({ length: 6 }, () => note("")),
      ),
    ),
  ).toMatchObject({ reply: { code: "too_large" } });
  const labels = ["l".repeat(60), "m".repeat(60)];
  expect(chain.decide(append("k", [{ ...note("x"), labels }]))).toMatchObject({ reply: { message: expect.stringMatching(/labels/) } });
  expect(chain.decide(append("k", [], { set: set({ ["n".repeat(100)]: 1 }) }))).toMatchObject({
    reply: { message: expect.stringMatching(/names/) },
  });
  // The last version is the end's.
  for (const key of ["two", "three"]) chain.do(append(key));
  expect(chain.decide(append("four"))).toMatchObject({ reply: { code: "too_large", message: expect.stringContaining("3 versions") } });
  expect(chain.decide(append("two"))).toEqual({ do: "recall", version: 2 });
});

test("bytes of content are the bytes of its UTF-8", () => {
  fc.assert(
    fc.property(fc.array(anyText, { minLength: 1, maxLength: 3 }), (texts) => {
      const decision = new Chain().decide(append("k", texts.map(note)));
      if (decision.do !== "commit") throw new Error("refused");
      expect(decision.draft.items.map(({ bytes }) => bytes)).toEqual(decision.contents.map((text) => Buffer.byteLength(text)));
    }),
  );
});

test("V3: deciding changes nothing, and decides the same again", () => {
  const chain = started(3);
  const before = JSON.stringify([chain.state, chain.state.keys.entries()]);
  const command = asking(append("new", [note("x")], { set: set({ goal: "g" }) }));
  expect(decide(chain.state, command, limits)).toEqual(decide(chain.state, command, limits));
  expect(JSON.stringify([chain.state, chain.state.keys.entries()])).toBe(before);
  expect(chain.state.id).toBe(id);
});

test("subjects stand in a record by their pseudonyms only; text, meta and names are content", () => {
  const item = { role: "user" as const, content: "hello", labels: ["trusted"], subjects: ["alice"] };
  const decision = new Chain().decide(append("k", [item]));
  if (decision.do !== "commit") throw new Error("refused");
  expect(decision.draft.items).toEqual([{ role: "user", labels: ["trusted"], subjects: ["~alice"], bytes: expect.any(Number) }]);
  const { items: _items, ...rest } = decision.draft;
  expect(JSON.stringify(rest)).not.toContain("alice");
  expect(JSON.parse(decision.contents[0] ?? "")).toEqual({ content: "hello", subjects: ["alice"] });
});
