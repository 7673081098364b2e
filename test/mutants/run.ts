// Holds mutants against the claims and the simulator.

import { readFileSync } from "node:fs";
import { onThreads, type Thread } from "../sim/pool.ts";
import { DEFAULT_STEPS } from "../sim/seeds.ts";
import { type Mutant, mutantsOf } from "./mutate.ts";
import type { MutantResult, MutantTask } from "./worker.ts";

/** The files by which a turn is queued, prepared, committed, grouped with others, loaded, ended and looked after. */
export const mutated: readonly string[] = ["queue", "turn", "prepare", "commit", "group", "load", "ending", "reminding", "tending"].map(
  (name) => `actors/${name}.ts`,
);

export type Verdict = { readonly mutant: Mutant; readonly killed: string | undefined };

/** Seeds are tried in portions, so that a mutant caught in a loop costs no more than a portion's time. */
const PORTION = 25;
const LIMIT_MS = 60_000;
/** A thread keeps the modules of every mutant it has had. */
const MUTANTS_PER_THREAD = 60;
/** How many of the seeds that killed last are tried first. */
const SHARP = 12;

export function readMutants(files: readonly string[]): Mutant[] {
  return files.flatMap((file) => mutantsOf(file, readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")));
}

export async function runMutants(
  mutants: readonly Mutant[],
  seeds: number,
  wanted: number | undefined,
  progress: (verdict: Verdict) => void,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const sharp: number[] = [];
  const served = new Map<Thread<MutantTask, MutantResult>, number>();
  const script = new URL("./worker.ts", import.meta.url);
  const tasks = mutants.map((mutant, id) => ({ mutant, id }));
  await onThreads<(typeof tasks)[number], MutantTask, MutantResult>(script, wanted, tasks, async ({ mutant, id }, thread) => {
    const count = (served.get(thread) ?? 0) + 1;
    served.set(thread, count);
    if (count % MUTANTS_PER_THREAD === 0) await thread.end();
    const { killed, seed } = await judge(mutant, id, [...sharp], seeds, thread);
    if (seed !== undefined) {
      const at = sharp.indexOf(seed);
      if (at >= 0) sharp.splice(at, 1);
      sharp.unshift(seed);
      sharp.length = Math.min(sharp.length, SHARP);
    }
    const verdict = { mutant, killed };
    verdicts.push(verdict);
    progress(verdict);
  });
  return verdicts.sort((a, b) =>
    a.mutant.file === b.mutant.file ? a.mutant.line - b.mutant.line : a.mutant.file < b.mutant.file ? -1 : 1,
  );
}

async function judge(
  { file, text }: Mutant,
  id: number,
  sharp: readonly number[],
  seeds: number,
  thread: Thread<MutantTask, MutantResult>,
): Promise<MutantResult> {
  const order = [...sharp, ...Array.from({ length: seeds }, (_, i) => i + 1).filter((seed) => !sharp.includes(seed))];
  for (let first = 0; first < order.length; first += PORTION) {
    const task = { id, file, text, claims: first === 0, seeds: order.slice(first, first + PORTION), steps: DEFAULT_STEPS };
    const result = await thread.ask(task, LIMIT_MS);
    if ("hung" in result) return { killed: `hung: ${result.hung.split("\n", 1)[0]}` };
    if (result.killed !== undefined) return result;
  }
  return { killed: undefined };
}
