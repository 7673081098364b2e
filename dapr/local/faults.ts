import type { Die } from "../../actors/ports.ts";

/**
 * What the real runtime does to its callers and hosts, each to be switched on by itself. A share is drawn for every event: 0 never, 1 always.
 * All are off unless a test asks for them.
 */
export type Faults = {
  /** A queued call whose caller goes away frees the lock for the first waiter, while the running turn goes on. */
  readonly queuedCallerFreesLock: boolean;
  /** A running call whose caller goes away is cancelled at the app and frees the lock, while its handler still runs. */
  readonly runningCallerFreesLock: boolean;
  /** A turn that is longer than actorIdleTimeout is cancelled, and its actor deactivated, while its handler still runs. */
  readonly idleCancelsTurns: boolean;
  /** Share of turns that are cancelled at the app after `turnTwiceAfterMs` and run again, as when a host joins. */
  readonly turnTwice: number;
  readonly turnTwiceAfterMs: number;
  /** Service invocation is open, as where no Configuration closes it: it reaches the app past the lock, and without the marks of an actor call. */
  readonly invokePastLock: boolean;
  /** A body that is announced as one byte above the cap is taken, but for this byte. */
  readonly cutsLastByte: boolean;
  /** Share of writes that are applied and answered 500. */
  readonly writeAppliedYet500: number;
  /** Share of writes that are not applied and answered 500. */
  readonly writeLost: number;
  /** Share of writes that are answered 500 and applied `writeLateMs` later. */
  readonly writeLate: number;
  readonly writeLateMs: number;
  /** Share of writes of several keys, where these are not atomic, of which a part is applied; answered 500. */
  readonly writePart: number;
  /** Transactions neither heed first-write nor undo what they have done when they are refused. */
  readonly transactionsAsOnRedis: boolean;
  /** Share of bulk reads that read some of their keys `tornBulkMs` later than the others. */
  readonly tornBulk: number;
  readonly tornBulkMs: number;
  /** Share of messages that are delivered twice, in parallel. */
  readonly deliverTwice: number;
  /** Share of reminders that fire twice, one after the other. */
  readonly remindTwice: number;
  /** Share of reminders that fire `remindLateMs` late. */
  readonly remindLate: number;
  readonly remindLateMs: number;
};

export const noFaults: Faults = {
  queuedCallerFreesLock: false,
  runningCallerFreesLock: false,
  idleCancelsTurns: false,
  turnTwice: 0,
  turnTwiceAfterMs: 20,
  invokePastLock: false,
  cutsLastByte: false,
  writeAppliedYet500: 0,
  writeLost: 0,
  writeLate: 0,
  writeLateMs: 20,
  writePart: 0,
  transactionsAsOnRedis: false,
  tornBulk: 0,
  tornBulkMs: 20,
  deliverTwice: 0,
  remindTwice: 0,
  remindLate: 0,
  remindLateMs: 100,
};

/** What daprd 1.18 does every time; the rest it does now and then. */
export const daprdDangers: Faults = {
  ...noFaults,
  queuedCallerFreesLock: true,
  runningCallerFreesLock: true,
  idleCancelsTurns: true,
  cutsLastByte: true,
};

export function drawn(share: number, die: Die): boolean {
  if (share <= 0) return false;
  if (share >= 1) return true;
  const drawn = Buffer.from(die.bytes(4)).readUInt32LE(0);
  return drawn / 2 ** 32 < share;
}
