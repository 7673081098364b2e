// What one host holds of one context while it is live.

import type { State } from "../core/state.ts";
import type { ContextId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { Policy } from "../protocol/policy.ts";
import { type Instant, instant, type Millis, millis } from "../protocol/units.ts";
import type { Clock, ContextKeys, Die, Ports, Sealed } from "./ports.ts";
import { Queue } from "./queue.ts";

/** When the tail was known to be where we think, on both clocks: the wall clock may jump, the other may stand still while a machine sleeps. */
export type Proof = { readonly wall: Instant; readonly mono: Millis };

export const proofNow = (clock: Clock): Proof => ({ wall: clock.now(), mono: clock.elapsed() });
export const ageOf = (proof: Proof, clock: Clock): number => Math.max(clock.now() - proof.wall, clock.elapsed() - proof.mono);

/** Whether an answer that rests on `proof` may be given: it is so young that no dropped record is answered for (C5). */
export const isYoung = (proof: Proof, { clock, settings }: Pick<Ports, "clock" | "settings">): boolean =>
  ageOf(proof, clock) < settings.dropDelayMs / 2;

export type Loaded = {
  readonly state: State;
  readonly keys: ContextKeys;
  /** Undefined where the key table does not stand yet. Who created it knows what stands, but not under which etag. */
  readonly table: { readonly etag: string | undefined } | undefined;
  /** The tail is where `state` says: no later record stood then. */
  readonly proven: Proof;
  /** The last page known, and when it was the last: until D after, records beyond it stand where they were written, and nothing else does. */
  readonly sealed: Sealed;
  readonly unsealed: Proof;
  /** Whether the tombstone is known to stand. */
  readonly buried: boolean;
};

/** `tend`: publishes what is not out yet, tells the directory, writes the head. `expire`: ends the name when it is time, deletes its contents after a grace. */
export type Duty = "tend" | "expire";

/** A reminder that this activation registered. */
export type Own = { readonly name: string; readonly since: Proof };

/** What an activation knows of its context's reminders (C7). */
export type Reminders = {
  /** The last one that it registered of each duty, until it is cancelled. */
  readonly own: Map<Duty, Own>;
  /** When it first saw others fire. */
  readonly others: Map<string, Millis>;
};

export class Activation {
  readonly id: ContextId;
  readonly queue: Queue = new Queue(limits, "context");
  /** Undefined before the first turn, and after anything in doubt: the next turn reads again. */
  loaded: Loaded | undefined = undefined;
  /** The latest time at which a caller has read. */
  observed: Instant = instant(0);
  /** When it last committed; long ago where it never did. */
  committed: Millis = millis(Number.NEGATIVE_INFINITY);
  /** Events up to here are known to be out; the larger of what records say and what this activation saw. */
  published = 0;
  /** Whether it waits for its turn to tell events that were left behind. */
  catchingUp = false;
  /** Version of the last head that this activation wrote or read. */
  head = 0;
  /** Version up to which the directory was told, by this activation. */
  reported = 0;
  readonly reminders: Reminders = { own: new Map(), others: new Map() };
  /** When it last gave up on a record of which it is not known whether it was written: until D after, it may yet land. */
  unsettled: Millis | undefined = undefined;
  /** When this activation saw the tombstone: its contents go D later. */
  buriedAt: Millis | undefined = undefined;
  /** What the tenant decided for new contexts; asked by the turn that makes the first record, before it does. */
  defaults: Policy | undefined = undefined;

  /** From 0 to below 1: how much of a period its reminder and its heads come earlier, so that contexts that began together do not do it together. */
  readonly stagger: number;

  constructor(id: ContextId, stagger = 0) {
    this.id = id;
    this.stagger = stagger;
  }
}

/** Drawn evenly from 0 to below 1. */
export const drawStagger = (die: Die): number => Buffer.from(die.bytes(4)).readUInt32BE() / 2 ** 32;

/** The records' keys in the store (C1): none is ever used for anything else, or twice. */
export const keyOf = {
  record: (id: ContextId, version: number): string => `${id}/rec/${version}`,
  records: (id: ContextId, versions: readonly number[]): string[] => versions.map((version) => keyOf.record(id, version)),
  page: (id: ContextId, number: number): string => `${id}/page/${number}`,
  head: (id: ContextId): string => `${id}/head`,
  table: (id: ContextId): string => `${id}/keys`,
  tombstone: (id: ContextId): string => `${id}/tombstone`,
};
