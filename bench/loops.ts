// Closed loops: each asks again as soon as it was answered.
import { setTimeout as sleep } from "node:timers/promises";
import { median, quantile } from "./statistics.ts";

/** Makes one call and resolves when it was answered. */
export type Step = () => Promise<void>;

/** Milliseconds, unmeasured and then measured. */
export interface Phase {
  readonly warmMs: number;
  readonly ms: number;
}

/** What one phase measured. */
export interface Run {
  /** Milliseconds: of the phase, and of each call that ended within it. */
  readonly ms: number;
  readonly took: readonly number[];
  /** What each of `meters` went up by. */
  readonly used: readonly (number | undefined)[];
}

export interface Sample {
  /** Calls a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** What each meter went up by, a call. */
  readonly costs: readonly (number | undefined)[];
}

/** Something that only grows; undefined where it can't be told. */
export type Meter = () => number | undefined;

/** Runs all `steps` side by side and measures the calls that end within the phase. */
export async function runLoops(steps: readonly Step[], { warmMs, ms }: Phase, meters: readonly Meter[] = []): Promise<Run> {
  const from = performance.now() + warmMs;
  const to = from + ms;
  const took: number[] = [];
  const read = (): (number | undefined)[] => meters.map((meter) => meter());
  const metered = Promise.all([sleep(warmMs).then(read), sleep(warmMs + ms).then(read)]);
  await Promise.all(
    steps.map(async (step) => {
      for (let began = performance.now(); began < to; ) {
        await step();
        const ended = performance.now();
        if (ended >= from && ended < to) took.push(ended - began);
        began = ended;
      }
    }),
  );
  const [before, after] = await metered;
  return { ms, took, used: before.map((from, i) => minus(after[i], from)) };
}

/** Several runs of the same loops as one. */
export function sampleOf(runs: readonly Run[]): Sample {
  const took = runs.flatMap((run) => run.took);
  const seconds = sum(runs.map(({ ms }) => ms)) / 1_000;
  const used = runs[0]?.used.map((_, i) => runs.map((run) => run.used[i])) ?? [];
  const costs = used.map((each) => (each.every((value) => value !== undefined) ? sum(each) / took.length : undefined));
  return { rate: took.length / seconds, p50: quantile(took, 0.5), p99: quantile(took, 0.99), costs };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const minus = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a - b;

/** How long `work` took, ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** `work` for each of `things`, at most `atOnce` at a time. */
export async function forAll<T>(things: readonly T[], atOnce: number, work: (thing: T) => Promise<void>): Promise<void> {
  const rest = things.values();
  const runner = async (): Promise<void> => {
    for (const thing of rest) await work(thing);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, runner));
}

/** The median of one figure over several rounds; undefined where there is none. */
export function medianOf(samples: readonly Sample[], figure: (sample: Sample) => number | undefined): number | undefined {
  const figures = samples.map(figure).filter((value) => value !== undefined);
  return figures.length === 0 ? undefined : median(figures);
}
