import { expect, test } from "vitest";
import { entries } from "./entries.ts";
import { runEntry } from "./run.ts";

/** The same cases every time, so that a run that fails can be had again; npm run fuzz draws others. */
const SEED = 20_261_121;
const LEAST = 100_000;

for (const entry of entries)
  test(`${entry.name}: ${entry.what}`, async () => {
    const { failure } = await runEntry(entry, entry.cases, SEED);
    expect(failure).toBeUndefined();
  });

test("there are enough cases, and every entry has a name of its own", () => {
  expect(entries.reduce((sum, { cases }) => sum + cases, 0)).toBeGreaterThanOrEqual(LEAST);
  expect(new Set(entries.map(({ name }) => name)).size).toBe(entries.length);
});
