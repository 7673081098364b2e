// What one host holds of one context while it is live.

import type { Entry } from "../core/record.ts";
import { bytesOf } from "../core/record.ts";
import type { State } from "../core/state.ts";
import type { ContextId } from "../protocol/ids.ts";
import { type Limits, limits } from "../protocol/limits.ts";
import type { Policy } from "../protocol/policy.ts";
import { type Instant, instant, type Millis } from "../protocol/units.ts";
import type { Clock, ContextKeys, Ports, Sealed } from "./ports.ts";
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

/** What an activation knows of its context's reminders (C7). */
export type Reminders = {
  /** Those that it registered and counts on. */
  readonly own: Map<Duty, { readonly name: string; readonly since: Proof }>;
  /** When it first saw others fire. */
  readonly others: Map<string, Millis>;
};

export class Activation {
  readonly id: ContextId;
  readonly queue: Queue = new Queue(limits);
  /** Undefined before the first turn, and after anything in doubt: the next turn reads again. */
  loaded: Loaded | undefined = undefined;
  /** The latest time at which a caller has read. */
  observed: Instant = instant(0);
  /** Events up to here are known to be out; the larger of what records say and what this activation saw. */
  published = 0;
  /** Version of the last head that this activation wrote or read. */
  head = 0;
  /** Version up to which the directory was told, by this activation. */
  reported = 0;
  readonly reminders: Reminders = { own: new Map(), others: new Map() };
  /** When it last gave up on a record of which it is not known whether it was written: until D after, it may yet land. */
  unsettled: Proof | undefined = undefined;
  /** When this activation saw the tombstone: its contents go D later. */
  buriedAt: Millis | undefined = undefined;
  /** What the tenant decided for new contexts; asked once, before the first record. */
  defaults: Policy | undefined = undefined;

  constructor(id: ContextId) {
    this.id = id;
  }
}

/** The records' keys in the store (C1): none is ever used for anything else, or twice. */
export const keyOf = {
  record: (id: ContextId, version: number): string => `${id}/rec/${version}`,
  records: (id: ContextId, versions: readonly number[]): string[] => versions.map((version) => keyOf.record(id, version)),
  page: (id: ContextId, number: number): string => `${id}/page/${number}`,
  head: (id: ContextId): string => `${id}/head`,
  table: (id: ContextId): string => `${id}/keys`,
  tombstone: (id: ContextId): string => `${id}/tombstone`,
};

/** Records that were read or written lately, decoded, of all contexts of this host: the longest unused contexts go first. */
export class Hot {
  readonly #limits: Pick<Limits, "bytes_hot">;
  readonly #contexts = new Map<ContextId, { bytes: number; readonly entries: Map<number, Entry> }>();
  #bytes = 0;

  constructor(hotLimits: Pick<Limits, "bytes_hot">) {
    this.#limits = hotLimits;
  }

  get(id: ContextId, version: number): Entry | undefined {
    return this.#contexts.get(id)?.entries.get(version);
  }

  /** It was used just now. */
  touch(id: ContextId): void {
    const context = this.#contexts.get(id);
    if (context === undefined) return;
    this.#contexts.delete(id);
    this.#contexts.set(id, context);
  }

  put(id: ContextId, entry: Entry): void {
    const context = this.#contexts.get(id) ?? { bytes: 0, entries: new Map<number, Entry>() };
    const before = context.entries.get(entry.version);
    const added = cost(entry) - (before === undefined ? 0 : cost(before));
    context.entries.set(entry.version, entry);
    context.bytes += added;
    this.#bytes += added;
    this.#contexts.set(id, context);
    this.touch(id);
    for (const [oldest] of this.#contexts) {
      if (this.#bytes <= this.#limits.bytes_hot || oldest === id) break;
      this.forget(oldest);
    }
  }

  forget(id: ContextId): void {
    this.#bytes -= this.#contexts.get(id)?.bytes ?? 0;
    this.#contexts.delete(id);
  }
}

/** Bytes of memory, near enough: two for each character, and what an object costs. */
const cost = (entry: Entry): number => 512 + 2 * bytesOf(entry) + 128 * entry.contents.length;
