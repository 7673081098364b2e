// Closed loops: each asks again as soon as it was answered.
import { systemClock } from "../dapr/clock.ts";
import { quantile } from "./statistics.ts";

/** Makes one call and resolves when it was answered. */
export type Step = () => Promise<void>;

export interface Sample {
  /** Calls a second. */
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly calls: number;
}

export interface Phase {
  /** Unmeasured time at the beginning, ms. */
  readonly warmMs: number;
  readonly ms: number;
}

/** Runs all `steps` side by side and measures the calls that end within the phase. */
export async function runPhase(steps: readonly Step[], { warmMs, ms }: Phase): Promise<Sample> {
  const from = systemClock.elapsed() + warmMs;
  const to = from + ms;
  const took: number[] = [];
  await Promise.all(
    steps.map(async (step) => {
      for (let began: number = systemClock.elapsed(); began < to; ) {
        await step();
        const ended = systemClock.elapsed();
        if (ended >= from && ended < to) took.push(ended - began);
        began = ended;
      }
    }),
  );
  return { rate: took.length / (ms / 1000), p50: quantile(took, 0.5), p99: quantile(took, 0.99), calls: took.length };
}

/** How long `work` took, ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = systemClock.elapsed();
  await work();
  return systemClock.elapsed() - began;
}

/** Does `work` for all of `from` … `to`, at most `atOnce` at a time. */
export async function forAll(from: number, to: number, atOnce: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = from;
  const runner = async (): Promise<void> => {
    while (next <= to) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, runner));
}
