// What may go wrong in one history, and how often. All of it is drawn from the seed and printed with a seed that fails.

import type { Settings } from "../../actors/ports.ts";
import type { Random } from "./random.ts";

/** Chances that a request or an answer meets this fate. */
const requests = {
  /** Applied, and answered as a failure. */
  unheard: 0.25,
  /** Not applied, and answered as a failure. */
  lost: 0.25,
  /** Answered as a failure, and applied later: a second, or D and more. */
  late: 0.12,
  /** A read that is not answered. */
  unreadable: 0.15,
  /** A bulk read that sees each key at another moment. */
  torn: 0.6,
  /** A request that takes as long as a turn may. */
  slow: 0.06,
  /** A call that never arrives, or whose answer never does. */
  unanswered: 0.15,
  /** A call that is delivered a second time. */
  doubled: 0.25,
  /** A call that the runtime brings to a host that is not the actor's: a second activation beside the first. */
  astray: 0.3,
  /** A caller who goes away while the call runs. */
  cancelled: 0.2,
  /** A reminder that comes late, comes twice, or cannot be registered. */
  tardy: 0.3,
  /** A publication that fails, in part, or in the answer. */
  unpublished: 0.4,
} as const;

/** Chances that this happens after a step, whatever is under way. */
const strikes = {
  crash: 0.012,
  pause: 0.015,
  /** A wall clock jumps, forward or back. */
  jump: 0.01,
  /** The head is deleted, or an old one comes back. */
  behead: 0.02,
  /** The runtime takes an actor away, or moves it without telling. */
  evict: 0.015,
  /** A host is told to stop, and does so when it is done. */
  drain: 0.005,
  /** Everyone rests, so that proofs grow old and dropped records' keys grow free. */
  lull: 0.012,
  /** Somebody seals records into a page, and drops them D later. */
  seal: 0.03,
} as const;

export type Request = keyof typeof requests;
export type Strike = keyof typeof strikes;
export type Chances = Readonly<Record<Request | Strike, number>>;

export type Faults = {
  readonly hosts: number;
  readonly contexts: number;
  readonly clients: number;
  /** How several records are written in one call: all or none, or each for itself. */
  readonly store: "transaction" | "post";
  readonly settings: Settings;
  /** What the tenant decided for new contexts: a time to live, ms. */
  readonly defaultTtl: number | undefined;
  readonly chances: Chances;
};

/** Reminders of one kind within D: what sixty of them do not find, six hundred do not either, and most steps of all histories would be theirs. */
const MOST_FIRES = 60;

/** Each fault is absent from about every third history, so that none of them hides another for ever. */
export function drawFaults(random: Random): Faults {
  const chances: Partial<Record<Request | Strike, number>> = {};
  for (const [name, most] of Object.entries({ ...requests, ...strikes }) as [Request | Strike, number][])
    chances[name] = random.chance(0.35) ? 0 : Number((most * random.fraction() ** 2).toFixed(4));
  const dropDelayMs = random.one([20_000, 60_000, 600_000]);
  return {
    hosts: 2 + random.below(2),
    contexts: 1 + random.below(3),
    clients: 2 + random.below(4),
    store: random.one(["transaction", "post"]),
    settings: {
      dropDelayMs,
      hotMs: random.one([200, 2_000]),
      tendMs: Math.max(random.one([1_000, 10_000]), dropDelayMs / MOST_FIRES),
      events: random.chance(0.85),
    },
    defaultTtl: random.chance(0.15) ? Math.round(dropDelayMs * random.between(0.3, 4)) : undefined,
    chances: chances as Chances,
  };
}

/** Nothing goes wrong any more. */
export const calm = (faults: Faults): Faults => ({
  ...faults,
  chances: Object.fromEntries(Object.keys(faults.chances).map((name) => [name, 0])) as Chances,
});
