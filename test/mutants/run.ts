// Holds mutants against the claims and the simulator.

import { readFileSync } from "node:fs";
import { onWorkers, type Worker } from "../sim/pool.ts";
import { DEFAULT_STEPS } from "../sim/seeds.ts";
import type { Kept } from "./kept.ts";
import { type Mutant, mutantsOf } from "./mutate.ts";
import { type BrokenRule, brokenRules } from "./rules.data.ts";
import type { Against, MutantResult, MutantTask } from "./worker.ts";

/** The files by which a turn is queued, prepared, committed, grouped with others, loaded, ended and looked after. */
export const mutated: readonly string[] = ["queue", "turn", "prepare", "commit", "group", "load", "ending", "reminding", "tending"].map(
  (name) => `actors/${name}.ts`,
);

type MutantWorker = Worker<MutantTask, MutantResult>;
export type Verdict = { readonly mutant: Mutant; readonly killed: string | undefined };

/** Seeds are tried in portions, so that a mutant caught in a loop costs no more than a portion's time. */
const PORTION = 25;
const LIMIT_MS = 60_000;
/** A worker keeps the modules of every mutant it has had. */
const MUTANTS_PER_WORKER = 60;
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
  kept?: Kept,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const sharp: number[] = [];
  const served = new Map<MutantWorker, number>();
  const script = new URL("./worker.ts", import.meta.url);
  const done = (verdict: Verdict): void => {
    verdicts.push(verdict);
    progress(verdict);
  };
  const tasks: { readonly mutant: Mutant; readonly id: number }[] = [];
  for (const [id, mutant] of mutants.entries()) {
    const known = kept?.find(mutant);
    if (known === undefined) tasks.push({ mutant, id });
    else done({ mutant, ...known });
  }
  await onWorkers<(typeof tasks)[number], MutantTask, MutantResult>(script, wanted, tasks, async ({ mutant, id }, worker) => {
    const count = (served.get(worker) ?? 0) + 1;
    served.set(worker, count);
    if (count % MUTANTS_PER_WORKER === 0) await worker.end();
    const order = [...sharp, ...Array.from({ length: seeds }, (_, i) => i + 1).filter((seed) => !sharp.includes(seed))];
    const claimed = await holdToClaims({ ...mutant, id }, worker);
    const { killed, seed } = claimed.killed === undefined ? await holdToSeeds({ ...mutant, id }, order, worker) : claimed;
    if (seed !== undefined) {
      const at = sharp.indexOf(seed);
      if (at >= 0) sharp.splice(at, 1);
      sharp.unshift(seed);
      sharp.length = Math.min(sharp.length, SHARP);
    }
    kept?.add(mutant, killed);
    done({ mutant, killed });
  });
  return verdicts.sort((a, b) =>
    a.mutant.file === b.mutant.file ? a.mutant.line - b.mutant.line : a.mutant.file < b.mutant.file ? -1 : 1,
  );
}

type Candidate = Pick<MutantTask, "id" | "file" | "text">;

async function hold({ id, file, text }: Candidate, against: Against, worker: MutantWorker): Promise<MutantResult> {
  const result = await worker.ask({ id, file, text, against }, LIMIT_MS);
  return "hung" in result ? { killed: `hung: ${result.hung.split("\n", 1)[0]}` } : result;
}

const holdToClaims = (candidate: Candidate, worker: MutantWorker): Promise<MutantResult> => hold(candidate, "claims", worker);

async function holdToSeeds(candidate: Candidate, order: readonly number[], worker: MutantWorker): Promise<MutantResult> {
  for (let first = 0; first < order.length; first += PORTION) {
    const result = await hold(candidate, { seeds: order.slice(first, first + PORTION), steps: DEFAULT_STEPS }, worker);
    if (result.killed !== undefined) return result;
  }
  return { killed: undefined };
}

/** What a rule is held against. */
export type Trial = { readonly claims: boolean; readonly seeds: readonly number[] };
/** The first claim and the first of the seeds that find it. */
export type RuleVerdict = { readonly rule: BrokenRule; readonly claim: string | undefined; readonly seed: string | undefined };

/** Each rule broken by hand, and what the claims and the simulator make of it. */
export async function runRules(trialOf: (rule: BrokenRule) => Trial, wanted?: number): Promise<RuleVerdict[]> {
  const verdicts: RuleVerdict[] = [];
  const script = new URL("./worker.ts", import.meta.url);
  const tasks = brokenRules.map((rule, id) => ({ rule, id, text: withBroken(rule) }));
  await onWorkers<(typeof tasks)[number], MutantTask, MutantResult>(script, wanted, tasks, async ({ rule, id, text }, worker) => {
    const { claims, seeds } = trialOf(rule);
    const candidate = { id, file: rule.file, text };
    const claimed = claims ? await holdToClaims(candidate, worker) : undefined;
    const { seed, killed } = await holdToSeeds(candidate, seeds, worker);
    // One that hangs or does not even run was broken in another way than was meant.
    verdicts.push({ rule, claim: claimed?.claim, seed: seed === undefined ? undefined : killed });
  });
  return verdicts.sort((a, b) => brokenRules.indexOf(a.rule) - brokenRules.indexOf(b.rule));
}

/** The text of the rule's file with the rule broken. Throws where what is to be replaced does not stand there once. */
function withBroken({ rule, file, find, by }: BrokenRule): string {
  const parts = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8").split(find);
  if (parts.length !== 2) throw new Error(`${rule}: what is to be broken stands ${parts.length - 1} times in ${file}, not once`);
  return parts.join(by);
}
