import { expect, test } from "vitest";
import { runRules } from "./run.ts";

/** Compiling the actors anew for every rule takes longer than the history. */
const PATIENCE_MS = 120_000;

test("a rule of a commit that is broken by hand is found by the simulator under the seed that is known to find it", {
  timeout: PATIENCE_MS,
}, async () => {
  const verdicts = await runRules(({ seed }) => (seed === undefined ? [] : [seed]));
  const kept = verdicts.filter(({ rule, killed }) => rule.seed !== undefined && killed === undefined);
  expect(kept.map(({ rule }) => `${rule.rule}: ${rule.broken}`)).toEqual([]);
});
