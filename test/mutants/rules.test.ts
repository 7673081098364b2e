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

const file = "actors/queue.ts";
const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

test("what nobody broke is not found", { timeout: PATIENCE_MS }, async () => {
  const verdicts = await runMutants([{ name: "ours", file, line: 1, text }], 2, 1, () => {});
  expect(verdicts.map(({ killed }) => killed)).toEqual([undefined]);
});

test("a mutant that takes all memory is found, and those after it are judged", { timeout: PATIENCE_MS }, async () => {
  const hoards = {
    name: "hoards",
    file,
    line: 1,
    text: `${text}\nfor (const all: unknown[] = []; ; ) all.push(new Array(1e6).fill(0));\n`,
  };
  const verdicts = await runMutants([hoards, { name: "ours", file, line: 2, text }], 2, 1, () => {});
  expect(verdicts.map(({ killed }) => killed)).toEqual([expect.stringMatching(/^hung: the worker ended with (134|SIGABRT)$/), undefined]);
});
