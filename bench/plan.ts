// How much is measured. The whole plan takes some 25 minutes a store.
import { limits } from "../protocol/limits.ts";
import type { Phase } from "./loops.ts";

export interface Plan {
  readonly rounds: number;
  /**
   * Turns before anything is measured, and the floor's calls for as long: Node compiles what runs often for a good half minute. By many callers, then
   * by one: what runs once for a group of records does not run often before.
   */
  readonly warmUp: readonly { readonly callers: number; readonly ms: number }[];
  /** Commits before the first round, unmeasured, ours and the floor's: contexts come to be, and their directory hears of it. */
  readonly bornMs: number;
  /** A round of commits is so many turns of ours and of the floor. */
  readonly turnsPerRound: number;
  readonly turn: Phase;
  /**
   * After each turn of either side: until what it leaves to be done has ebbed away, since both share the machine. The floor's leaves nothing, but who
   * begins at once behind himself is faster for seconds than who begins behind another.
   */
  readonly ebbMs: number;
  /** Contexts that are loaded in each round, of each kind. */
  readonly loads: number;
  /** How long contexts are left alone before they are loaded: their reminders load them too, until their heads are written. */
  readonly restMs: number;
  /** Loads before the first round, which are not measured: the code is warm, the contexts are not. */
  readonly warmLoads: number;
  /** Pairs of contexts in which a late turn is held against an early one, how late it is, and how many turns around it count. */
  readonly growth: { readonly pairs: number; readonly late: number; readonly around: number };
  /** The host tends when it does by itself, and `warmMs` is long enough to see it; then come the rounds, each of `ms`. */
  readonly live: { readonly few: number; readonly many: number; readonly warmMs: number; readonly ms: number };
}

/** Longer than the directory waits for more to be told (limits.report_delay_ms). */
const EBB_MS = 1_500;

export const wholePlan = (rounds: number): Plan => ({
  rounds,
  warmUp: [
    { callers: 64, ms: 45_000 },
    { callers: 1, ms: 30_000 },
  ],
  bornMs: 1_000 + EBB_MS,
  turnsPerRound: 4,
  turn: { warmMs: 300, ms: 1_500 },
  ebbMs: EBB_MS,
  loads: 40,
  restMs: 2 * limits.tend_period_ms + EBB_MS,
  warmLoads: 600,
  growth: { pairs: 20, late: 1_000, around: 10 },
  live: { few: 100, many: 10_000, warmMs: limits.tend_period_ms + EBB_MS, ms: 6_000 },
});

/** Shows that it works; its figures show nothing. */
export const quickPlan = (rounds: number): Plan => ({
  rounds,
  warmUp: [{ callers: 16, ms: 1_000 }],
  bornMs: 500,
  turnsPerRound: 2,
  turn: { warmMs: 100, ms: 700 },
  ebbMs: 500,
  loads: 10,
  restMs: 0,
  warmLoads: 20,
  growth: { pairs: 3, late: 200, around: 10 },
  live: { few: 20, many: 200, warmMs: 500, ms: 1_500 },
});
