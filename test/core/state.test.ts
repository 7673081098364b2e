import fc from "fast-check";
import { expect, test } from "vitest";
import { breach, emptyState, Keys } from "../../core/state.ts";
import { limits } from "../../protocol/limits.ts";
import { instant } from "../../protocol/units.ts";
import { append, Chain, genesis, id, NOON, note, set } from "./chain.ts";

const DAY = limits.key_window_ms;

/** Keys k1 … kn, each `everyMs` after the one before. */
function keysOver(count: number, everyMs: number): Keys {
  const keys = new Keys();
  for (let v = 1; v <= count; v++) keys.add(`k${v}`, v, instant(NOON + v * everyMs));
  return keys;
}

test("C10: within 10,000 versions a key is remembered, however old it is", () => {
  const keys = keysOver(limits.key_window_versions, 60_000);
  keys.prune(instant(NOON + 400 * DAY), limits);
  expect(keys.versionOf("k1")).toBe(1);
});

test("C10: within 24 hours a key is remembered, however many versions came since", () => {
  const count = limits.key_window_versions * 3;
  const keys = keysOver(count, 1);
  keys.prune(instant(NOON + DAY), limits);
  expect(keys.size).toBe(count);
  expect(keys.versionOf("k1")).toBe(1);
});

test("C10: outside of both windows keys are forgotten", () => {
  const count = limits.key_window_versions * 3;
  const keys = keysOver(count, 1);
  keys.prune(instant(NOON + count + DAY * 2), limits);
  expect(keys.versionOf("k1")).toBeUndefined();
  expect(keys.versionOf(`k${count}`)).toBe(count);
  expect(keys.size).toBeLessThan(limits.key_window_versions + 1_000);
});

test("C10: a key that is inside one of the windows is never forgotten, whenever it is pruned, and what is stored says the same", () => {
  const small = { key_window_versions: 300, key_window_ms: 1_000 };
  const steps = fc.array(fc.record({ keys: fc.integer({ min: 1, max: 400 }), ms: fc.integer({ min: 0, max: 900 }) }), { maxLength: 8 });
  fc.assert(
    fc.property(steps, (all) => {
      let keys = new Keys();
      const born: number[] = [];
      let now = NOON;
      for (const step of all) {
        now += step.ms;
        for (let i = 0; i < step.keys; i++) {
          born.push(now);
          keys.add(`k${born.length}`, born.length, instant(now));
        }
        keys.prune(instant(now), small);
        keys = Keys.from(structuredClone(keys.entries()));
        const next = keys.forgettableAt(small);
        if (next <= now && keys.size > small.key_window_versions) throw new Error(`at ${now} keys could be forgotten since ${next}`);
        for (const [i, at] of born.entries()) {
          const version = i + 1;
          const inside = version > born.length - small.key_window_versions || now - at <= small.key_window_ms;
          if (inside && keys.versionOf(`k${version}`) !== version) throw new Error(`k${version} of ${born.length} is forgotten`);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test("V7: the state is the fold of the records: the same records give the same state", () => {
  const chain = new Chain();
  chain.do(append("a", [note("1"), note("2")], { set: set({ goal: "x", plan: [1] }) }));
  chain.do(append("b", [], { set: set({ goal: null, other: { deep: true } }) }), { now: instant(NOON + 7) });
  const again = new Chain();
  for (const entry of chain.entries) again.take(entry);
  expect(again.state).toEqual(chain.state);
  expect(chain.state).toMatchObject({ version: 2, items: 2, contents: 5, created: NOON, at: NOON + 7, appended: NOON + 7 });
  expect([...chain.state.slots].map(([name, slot]) => [name, slot.value.text, slot.content])).toEqual([
    ["plan", "[1]", 3],
    ["other", '{"deep":true}', 4],
  ]);
});

test("every way in which a record cannot follow is told", () => {
  const chain = new Chain();
  chain.do(append("a", [note("1")]));
  const entry = chain.do(append("b", [note("2")]));
  const state = { ...emptyState(id, genesis), version: 1, digest: entry.previous, items: 1, contents: 1, at: instant(NOON) };
  expect(breach(state, entry)).toBeUndefined();
  expect(breach({ ...state, version: 0 }, entry)).toMatch(/version 2 where 1 belongs/);
  expect(breach({ ...state, digest: genesis }, entry)).toMatch(/the record before is/);
  expect(breach({ ...state, items: 2 }, entry)).toMatch(/items from 1, not 2/);
  expect(breach({ ...state, contents: 2 }, entry)).toMatch(/contents from 1, not 2/);
  expect(breach({ ...state, at: instant(NOON + 1) }, entry)).toMatch(/older/);
  expect(breach({ ...state, ended: true }, entry)).toMatch(/end of the name/);
});
