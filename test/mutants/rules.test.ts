import { expect, test } from "vitest";
import { runRules } from "./run.ts";

/** Compiling the actors anew for every rule takes longer than the history. */
const PATIENCE_MS = 120_000;

test("a rule of a commit that is broken by hand is found: under the seed that is known to find it, or else by a claim", {
  timeout: PATIENCE_MS,
}, async () => {
  const verdicts = await runRules(({ seed }) => (seed === undefined ? { claims: true, seeds: [] } : { claims: false, seeds: [seed] }));
  const kept = verdicts.filter(({ claim, seed }) => claim === undefined && seed === undefined);
  expect(kept.map(({ rule }) => `${rule.rule}: ${rule.broken}`)).toEqual([]);
});
