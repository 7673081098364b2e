import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyLeaf, knownState, Leaf, mergeInto, registered, reportFrom, splitLeaf } from "../../core/directory.ts";
import type { Report } from "../../protocol/contract.ts";
import { refuse } from "../../protocol/errors.ts";
import { ContextName } from "../../protocol/ids.ts";
import { instant } from "../../protocol/units.ts";

const name = fc.constantFrom("a", "ab", "b", "desk-4", "z").map((text) => ContextName.parse(text));
/** The time of a version is the record's, so two reports of one version tell the same time. */
const report: fc.Arbitrary<Report> = fc
  .record({
    name,
    version: fc.integer({ min: 0, max: 4 }),
    expires: fc.option(fc.integer({ min: 0, max: 9 })),
    ended: fc.boolean(),
  })
  .map(({ version, ...rest }) => ({ ...rest, version, at: version * 10 }));
const reports = fc.array(report, { maxLength: 12 });

const merged = (leaf: Leaf, told: readonly Report[]): Leaf => mergeInto(leaf, told) ?? leaf;
const oneByOne = (told: readonly Report[]): Leaf => told.reduce((leaf, one) => merged(leaf, [one]), emptyLeaf);

test("reports give the same leaf in whatever order they come, alone or together", () => {
  fc.assert(
    fc.property(
      reports.chain((told) => fc.tuple(fc.constant(told), fc.shuffledSubarray(told, { minLength: told.length }))),
      ([told, shuffled]) => {
        expect(oneByOne(shuffled)).toEqual(oneByOne(told));
        expect(merged(emptyLeaf, shuffled)).toEqual(oneByOne(told));
      },
    ),
  );
});

test("a report that comes twice tells nothing new, and then nothing needs to be written", () => {
  fc.assert(
    fc.property(reports, reports, (told, more) => {
      const leaf = oneByOne([...told, ...more]);
      expect(mergeInto(leaf, told)).toBeUndefined();
      expect(mergeInto(leaf, [...more, ...told])).toBeUndefined();
    }),
  );
});

test("entries are sorted and stand once, an end is for ever, and a version never goes back", () => {
  fc.assert(
    fc.property(reports, (told) => {
      const leaf = Leaf.parse(JSON.parse(JSON.stringify(oneByOne(told))));
      const names = leaf.entries.map(([entry]) => entry);
      expect(names).toEqual([...new Set(told.map((one) => one.name as string))].sort());
      for (const entry of leaf.entries.map(reportFrom)) {
        const own = told.filter((one) => one.name === entry.name);
        expect(entry.version).toBe(Math.max(...own.map(({ version }) => version)));
        expect(entry.ended).toBe(own.some(({ ended }) => ended));
      }
    }),
  );
});

test("a split leaves every entry where its name is looked for, and the way to the right as it was", () => {
  const names = fc.uniqueArray(fc.string({ unit: fc.constantFrom(..."abc-1"), minLength: 1, maxLength: 5 }), {
    minLength: 2,
    maxLength: 30,
  });
  const right = fc.option(fc.constant({ from: "x", id: "later" }));
  fc.assert(
    fc.property(names, right, (all, further) => {
      const leaf: Leaf = { f: 1, entries: all.sort().map((entry) => [entry, 1, 1, null, false]), right: further };
      const { lower, upper } = splitLeaf(leaf, "new");
      expect([...lower.entries, ...upper.entries]).toEqual(leaf.entries);
      expect(upper.right).toEqual(further);
      expect(lower.right?.id).toBe("new");
      const from = lower.right?.from ?? "";
      expect(lower.entries.every(([entry]) => entry < from)).toBe(true);
      expect(upper.entries.every(([entry]) => entry >= from)).toBe(true);
      expect(Math.abs(lower.entries.length - upper.entries.length)).toBeLessThanOrEqual(1);
    }),
  );
});

test("a state is told only where it is certain; else the context is asked", () => {
  const entry: Report = { name: ContextName.parse("a"), version: 3, at: 1, expires: null, ended: false };
  const now = instant(100);
  expect(knownState(entry, now)).toBe("live");
  expect(knownState({ ...entry, ended: true, version: 0 }, now)).toBe("expired");
  expect(knownState({ ...entry, expires: 101 }, now)).toBe("live");
  expect(knownState({ ...entry, expires: 100 }, now)).toBeUndefined();
  expect(knownState({ ...entry, version: 0 }, now)).toBeUndefined();
});

test("what a tenant refuses is told to whoever began the context with all that the contract asks for", () => {
  const retryAfterMs = 250;
  expect(registered({ ok: true, policy: { ttl: null } })).toEqual({ ok: true, policy: { ttl: null } });
  const full = refuse("overloaded", "128 turns wait", { retryAfterMs });
  expect(registered(full)).toEqual(full);
  const unknown = refuse("unavailable", "later", { retryAfterMs, details: { outcome: "unknown" } });
  expect(registered(unknown)).toEqual({ ...unknown, details: { outcome: "none" } });
  for (const code of ["not_found", "internal"] as const) expect(registered(refuse(code, "why"))).toEqual(refuse(code, "why"));
  for (const code of ["denied", "invalid", "too_large"] as const)
    expect(registered(refuse(code, "the grant expired"))).toMatchObject({
      code: "internal",
      message: expect.stringContaining(`(${code})`),
    });
  for (const other of [undefined, null, {}, { ok: true }, { ok: false, code: "new" }]) expect(registered(other)).toBeUndefined();
});
