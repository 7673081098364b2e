// How much is measured. The whole plan takes a good quarter of an hour a store.
import { limits } from "../protocol/limits.ts";
import type { Phase } from "./loops.ts";

export interface Plan {
  readonly rounds: number;
  /** Turns by many callers before anything is measured, and as many calls of the floor: Node compiles what runs often for a good half minute. */
  readonly warmUp: { readonly callers: number; readonly ms: number };
  /** Commits of ours: long enough unmeasured that what follows from commits (reminders, heads, the directory) is in what is measured. */
  readonly ours: Phase;
  /** STRATA_TEND_MS of the host meanwhile: each context is tended once, as it would be later by itself. */
  readonly tendMs: number;
  /** Until that has ebbed away, before the floor is measured: it shares the machine. */
  readonly ebbMs: number;
  readonly floor: Phase;
  /** Contexts that are loaded in each round, of each kind. */
  readonly loads: number;
  /** Loads before the first round, which are not measured: the code is warm, the contexts are not. */
  readonly warmLoads: number;
  /** Pairs of contexts in which a late turn is held against an early one, how late it is, and how many turns around it count. */
  readonly growth: { readonly pairs: number; readonly late: number; readonly around: number };
  /** The host tends when it does by itself, and `warmMs` is long enough to see it; then come the rounds, each of `ms`. */
  readonly live: { readonly few: number; readonly many: number; readonly warmMs: number; readonly ms: number };
}

const TEND_MS = 5_000;
const EBB_MS = 1_500;

export const wholePlan = (rounds: number): Plan => ({
  rounds,
  warmUp: { callers: 64, ms: 45_000 },
  ours: { warmMs: TEND_MS + EBB_MS, ms: 6_000 },
  tendMs: TEND_MS,
  ebbMs: TEND_MS + EBB_MS,
  floor: { warmMs: 1_000, ms: 6_000 },
  loads: 40,
  warmLoads: 200,
  growth: { pairs: 20, late: 1_000, around: 10 },
  live: { few: 100, many: 10_000, warmMs: limits.tend_period_ms + EBB_MS, ms: 6_000 },
});

/** Shows that it works; its figures show nothing. */
export const quickPlan = (rounds: number): Plan => ({
  rounds,
  warmUp: { callers: 16, ms: 1_000 },
  ours: { warmMs: 500, ms: 1_500 },
  tendMs: TEND_MS,
  ebbMs: 500,
  floor: { warmMs: 500, ms: 1_500 },
  loads: 10,
  warmLoads: 20,
  growth: { pairs: 3, late: 200, around: 10 },
  live: { few: 20, many: 200, warmMs: 500, ms: 1_500 },
});
