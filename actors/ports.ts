// All that actors may ask of the world. dapr/, stores/ and the simulator implement these; nothing else of theirs leaks in.

import type { ContextEvent, Draft, Entry } from "../core/record.ts";
import type { State } from "../core/state.ts";
import type { Report } from "../protocol/contract.ts";
import type { Code, Refusal } from "../protocol/errors.ts";
import type { Claims } from "../protocol/grant.ts";
import type { ContextId, TenantId } from "../protocol/ids.ts";
import type { Policy } from "../protocol/policy.ts";
import type { Instant, Millis } from "../protocol/units.ts";

export interface Clock {
  /** Wall clock. It may jump, both ways. */
  now(): Instant;
  /** Monotonic, from any beginning; it goes on while this process is stopped. */
  elapsed(): Millis;
  /** Resolves after `ms`, or earlier when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Die {
  /** Cryptographically random bytes. */
  bytes(count: number): Uint8Array;
}

export type Stored = { readonly value: Uint8Array; readonly etag: string };

/** Where a call comes from and how long it may last; handed down to every request that is made for it. */
export type Call = {
  /** Aborted when the caller goes away. */
  readonly signal?: AbortSignal;
  readonly traceparent?: string;
  /** On the monotonic clock: afterwards nothing more is begun for it. */
  readonly deadline?: Millis;
};

/**
 * The sidecar's state API. A read throws ContextError "unavailable" when it could not be answered.
 * A write never throws: any answer but success is "unknown", since what was refused, lost or timed out looks alike from here (C2).
 */
export interface Store {
  /** The value at each key, in their order; undefined where there is none. Bulk reads are no snapshot. */
  read(keys: readonly string[], call?: Call): Promise<(Stored | undefined)[]>;
  /** Creates keys that do not exist: all in one call. On "unknown" each may stand or not, or come to stand later. */
  create(entries: readonly { readonly key: string; readonly value: Uint8Array }[], call?: Call): Promise<"created" | "unknown">;
  /** Writes without a condition. For hints only (C6). */
  put(key: string, value: Uint8Array, call?: Call): Promise<"written" | "unknown">;
  /** Writes if `etag` still stands. */
  replace(key: string, value: Uint8Array, etag: string, call?: Call): Promise<"written" | "unknown">;
  drop(key: string, call?: Call): Promise<"dropped" | "unknown">;
}

export interface Reminders {
  /** A durable periodic reminder, created or replaced. Throws ContextError "unavailable". */
  register(type: string, id: string, name: string, due: Millis, period: Millis, call?: Call): Promise<void>;
  cancel(type: string, id: string, name: string): Promise<void>;
}

export interface Bus {
  /** Whether all of `events` are out; on false some may be. They are told at least once. */
  publish(events: readonly ContextEvent[]): Promise<boolean>;
}

/** The tenant, as a context sees it. */
export interface Directory {
  /** Enters the context before its first record; answers the tenant's policy for new contexts. */
  enter(id: ContextId, call?: Call): Promise<{ readonly ok: true; readonly policy: Policy } | Refusal>;
  /** Tells version, time and end; false where it has to be told again. */
  report(tenant: TenantId, report: Report): Promise<boolean>;
}

/** The keys of one context, unwrapped: what makes and opens its records. */
export interface ContextKeys {
  /** A keyed pseudonym of a text, 16 bytes as latin1. */
  pseudonym(of: "key" | "request" | "subject", text: string): string;
  /** Whether there is a root for each of these subjects' pseudonyms. */
  hasRoots(subjects: readonly string[]): boolean;
  /** How many subjects have a root once these have. */
  countWith(subjects: readonly string[]): number;
}

/** How far a context is sealed: the number of the last page, and the last version in it; 0 and 0 where there is none. */
export type Sealed = { readonly page: number; readonly to: number };

/** Bytes at rest. Encoding takes the attempt id, so that the same turn encoded twice is two attempts (C2). */
export interface Codec {
  genesis(id: ContextId): string;
  /** A new key table, and the keys in it. */
  mintKeys(id: ContextId): { readonly table: Uint8Array; readonly keys: ContextKeys };
  openKeys(id: ContextId, table: Uint8Array): ContextKeys;
  /** The table and keys with roots for more subjects. */
  addRoots(id: ContextId, keys: ContextKeys, subjects: readonly string[]): { readonly table: Uint8Array; readonly keys: ContextKeys };
  encode(
    id: ContextId,
    keys: ContextKeys,
    draft: Draft,
    contents: readonly string[],
  ): { readonly bytes: Uint8Array; readonly entry: Entry };
  /**
   * Throws ContextError "internal" that says what is broken. The seal and the cipher's tags are always checked; `thorough` also recomputes the
   * keyed digest of every content, which a proof needs and a read does not.
   */
  decode(id: ContextId, keys: ContextKeys, bytes: Uint8Array, thorough?: boolean): Entry;
  /** For each of `records` what gives its entry, or throws, as `decode` does. Decoded together they take less time. */
  decodeAll(id: ContextId, keys: ContextKeys, records: readonly Uint8Array[]): (() => Entry)[];
  /** Whose attempt a record is. Needs no key of its contents, which another activation may have added. Throws ContextError "internal". */
  attemptOf(keys: ContextKeys, bytes: Uint8Array): string;
  /** Records that were sealed together: from, to, and their bytes. */
  decodePage(bytes: Uint8Array): { readonly from: number; readonly to: number; readonly records: readonly Uint8Array[] };
  encodeHead(id: ContextId, keys: ContextKeys, state: State, sealed: Sealed): Uint8Array;
  /** Undefined where the hint is of no use; a head is never believed to be whole. */
  decodeHead(id: ContextId, keys: ContextKeys, bytes: Uint8Array): { readonly state: State; readonly sealed: Sealed } | undefined;
  encodeTombstone(version: number): Uint8Array;
  decodeTombstone(bytes: Uint8Array): { readonly version: number };
}

export interface Grants {
  /** The tenant that a token names, genuine or not; any tenant where it names none. */
  tenantOf(token: string): TenantId;
  /** The claims of a genuine grant for this tenant. Says nothing about what they allow. */
  verify(tenant: TenantId, token: string): Claims | Refusal;
}

/** What a reminder found to do: something that is not done yet, nothing, or a context that makes turns and so does it itself. */
export const tendings = ["unfinished", "clean", "in use"] as const;
export type Tending = (typeof tendings)[number];

/** What is reported, one function each: ids and numbers, never content. */
export interface Events {
  turn(id: string, method: string, outcome: Code | "ok", took: Millis): void;
  queued(id: string, length: number): void;
  activated(id: string, version: number, took: Millis): void;
  committed(id: string, version: number): void;
  group(records: number, outcome: "created" | "unknown", took: Millis): void;
  unknown(id: string, version: number, settled: "mine" | "other" | "absent"): void;
  ghost(id: string, version: number): void;
  ended(id: string, version: number): void;
  tended(id: string, work: Tending): void;
  failed(id: string, doing: string, reason: unknown): void;
}

/** What a span tells beside its name: few values each, never ids or content. */
export type About<T> = {
  /** Whether it serves a call (the default) or makes one. */
  readonly kind?: "turn" | "call";
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** What came of it, where it did not throw. */
  readonly outcome?: (result: T) => string;
  /** Others for whom this is done as well: their spans and this one name each other. */
  readonly also?: readonly Call[];
};

export interface Tracing {
  /** Runs `work` as a span of the caller's trace; the call it is handed carries the span on. */
  span<T>(name: string, call: Call, work: (call: Call) => Promise<T>, about?: About<T>): Promise<T>;
}

/** What operators may set; tests shorten the times. */
export type Settings = {
  /** D: how long a dropped record's key stays fenced (C5), ms. */
  readonly dropDelayMs: number;
  /** S: how long a proof of the tail serves reads (C8), ms. */
  readonly hotMs: number;
  /** How often unfinished work is looked at (C7), ms. */
  readonly tendMs: number;
  /** Whether events are published. */
  readonly events: boolean;
};

export type Ports = {
  readonly clock: Clock;
  readonly die: Die;
  readonly store: Store;
  readonly reminders: Reminders;
  readonly bus: Bus;
  readonly directory: Directory;
  readonly codec: Codec;
  readonly grants: Grants;
  readonly events: Events;
  readonly tracing: Tracing;
  readonly settings: Settings;
};
