import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runMutants, runRules } from "./run.ts";

/** Compiling the actors anew for every rule takes longer than the history. */
const PATIENCE_MS = 120_000;

test("a rule of a commit that is broken by hand is found: under the seed that is known to find it, or else by a claim", {
  timeout: PATIENCE_MS,
}, async () => {
  const verdicts = await runRules(({ seed }) => (seed === undefined ? { claims: true, seeds: [] } : { claims: false, seeds: [seed] }));
  const kept = verdicts.filter(({ claim, seed }) => claim === undefined && seed === undefined);
  expect(kept.map(({ rule }) => `${rule.rule}: ${rule.broken}`)).toEqual([]);
});

test("what nobody broke is not found", { timeout: PATIENCE_MS }, async () => {
  const file = "actors/queue.ts";
  const ours = { name: "ours", file, line: 1, text: readFileSync(new URL(`../../${file}`, import.meta.url), "utf8") };
  const verdicts = await runMutants([ours], 2, 1, () => {});
  expect(verdicts.map(({ killed }) => killed)).toEqual([undefined]);
});
