// Many seeds on all cores, and the seeds that ever failed.

import { readFileSync } from "node:fs";
import type { Violation } from "./oracle.ts";
import { onWorkers } from "./pool.ts";
import type { History } from "./simulate.ts";

export type SeedsTask = { readonly from: number; readonly count: number; readonly steps: number };

export type Failure = { readonly seed: number; readonly steps: number; readonly violation: Violation; readonly faults?: unknown };
export type Sum = {
  seeds: number;
  /** Steps under faults, and until all came to rest, each counted once though each seed runs twice. */
  steps: number;
  rest: number;
  readonly judged: Record<string, number>;
  readonly failures: Failure[];
};

const PER_TASK = 10;
/** A history takes some milliseconds. */
const LIMIT_MS = 120_000;

export const seedsFile = new URL("./seeds.txt", import.meta.url);
export const DEFAULT_STEPS = 300;

/** Runs each task's seeds, each of them twice. */
export async function runSeeds(tasks: readonly SeedsTask[], wanted?: number, progress: (sum: Sum) => void = () => {}): Promise<Sum> {
  const sum: Sum = { seeds: 0, steps: 0, rest: 0, judged: {}, failures: [] };
  const script = new URL("./worker.ts", import.meta.url);
  await onWorkers<SeedsTask, SeedsTask, readonly History[]>(script, wanted, tasks.flatMap(split), async (task, worker) => {
    const result = await worker.ask(task, LIMIT_MS);
    if ("hung" in result) {
      const violation = { rule: "stuck", what: `one of the seeds ${task.from} to ${task.from + task.count - 1}: ${result.hung}`, step: 0 };
      sum.failures.push({ seed: task.from, steps: task.steps, violation });
      return;
    }
    for (const history of result) add(sum, history, task.steps);
    progress(sum);
  });
  sum.failures.sort((a, b) => a.seed - b.seed);
  return sum;
}

function split({ from, count, steps }: SeedsTask): SeedsTask[] {
  const tasks: SeedsTask[] = [];
  for (let first = from; first < from + count; first += PER_TASK)
    tasks.push({ from: first, count: Math.min(PER_TASK, from + count - first), steps });
  return tasks;
}

function add(sum: Sum, { seed, steps, rest, judged, violations, faults }: History, asked: number): void {
  sum.seeds++;
  sum.steps += steps;
  sum.rest += rest;
  for (const [kind, count] of Object.entries(judged)) sum.judged[kind] = (sum.judged[kind] ?? 0) + count;
  const [violation] = violations;
  if (violation !== undefined) sum.failures.push({ seed, steps: asked, violation, faults });
}

/** The seeds that failed once, with the number of steps they failed in. */
export function readSeeds(): SeedsTask[] {
  return readFileSync(seedsFile, "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [seed = Number.NaN, steps = DEFAULT_STEPS] = line.split(/\s+/).map(Number);
      return { from: seed, count: 1, steps };
    });
}

export const describe = ({ seed, violation, faults }: Failure): string =>
  `seed ${seed}, step ${violation.step}: ${violation.rule}: ${violation.what}\n  faults: ${JSON.stringify(faults)}`;
