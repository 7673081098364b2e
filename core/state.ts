// The derived state of a context: the fold of its records (V7). It holds no item's content.

import type { ContextId } from "../protocol/ids.ts";
import { RawJson } from "../protocol/json.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Policy } from "../protocol/policy.ts";
import { type Instant, instant, later, millis } from "../protocol/units.ts";
import { type Entry, type Slot, slotChanges, weightOf } from "./record.ts";

export type State = {
  readonly id: ContextId;
  /** 0 where there is no record yet. */
  readonly version: number;
  /** Of the last record; before the first, of the context's id. */
  readonly digest: string;
  readonly created: Instant;
  /** Of the last record, and of the last append. */
  readonly at: Instant;
  readonly appended: Instant;
  readonly items: number;
  readonly contents: number;
  /** Of the largest record, bytes: what a bulk read has to reckon with. */
  readonly largest: number;
  readonly policy: Policy;
  readonly published: number;
  /** The last record says that the name has ended. */
  readonly ended: boolean;
  /** When a reminder of the end was set for what the policy is since its last record, or 0: until it is due, it or a later one stands (C7). */
  readonly reminded: Instant;
  readonly slots: ReadonlyMap<string, Slot>;
  readonly keys: Keys;
};

export function emptyState(id: ContextId, genesis: string): State {
  const at = instant(0);
  return {
    id,
    version: 0,
    digest: genesis,
    created: at,
    at,
    appended: at,
    items: 0,
    contents: 0,
    largest: 0,
    policy: {},
    published: 0,
    ended: false,
    reminded: at,
    slots: new Map(),
    keys: new Keys(),
  };
}

/** Why `entry` cannot follow `state`, or undefined: the chain of digests, versions and counts has no gap (V2). */
export function breach(state: Pick<State, "version" | "digest" | "items" | "contents" | "at" | "ended">, entry: Entry): string | undefined {
  if (entry.version !== state.version + 1) return `it says version ${entry.version} where ${state.version + 1} belongs`;
  if (entry.previous !== state.digest)
    return `it follows ${entry.previous.slice(0, 12)}…, but the record before is ${state.digest.slice(0, 12)}…`;
  if (entry.firstItem !== state.items) return `it counts items from ${entry.firstItem}, not ${state.items}`;
  if (entry.firstContent !== state.contents) return `it counts contents from ${entry.firstContent}, not ${state.contents}`;
  if (entry.at < state.at) return "it is older than the record before";
  if (state.ended) return "it follows the end of the name";
  return undefined;
}

/** The state after `entry`. The keys of `state` are handed on and grow: who applies a record gives the state before it up. */
export function apply(state: State, entry: Entry): State {
  let slots = state.slots;
  if (entry.slots.length > 0) {
    const changed = new Map(slots);
    for (const { name, text, content } of slotChanges(entry)) {
      if (text === null) changed.delete(name);
      else changed.set(name, { value: RawJson.trusted(text), content });
    }
    slots = changed;
  }
  state.keys.add(entry.key, entry.version, entry.at);
  return {
    id: state.id,
    version: entry.version,
    digest: entry.digest,
    created: state.version === 0 ? entry.at : state.created,
    at: entry.at,
    appended: entry.kind === "append" ? entry.at : state.appended,
    items: state.items + entry.items.length,
    contents: state.contents + entry.contents.length,
    largest: Math.max(state.largest, weightOf(entry)),
    policy: entry.policy ?? state.policy,
    published: Math.max(state.published, entry.published),
    ended: entry.kind === "expire",
    reminded: entry.policy === null ? state.reminded : instant(0),
    slots,
    keys: state.keys,
  };
}

/** When the context expires, or undefined where it has no time to live. */
export function expiryOf(state: State, policy: Policy = state.policy): Instant | undefined {
  if (!policy.ttl || state.version === 0) return undefined;
  return later(policy.ttl.from === "creation" ? state.created : state.appended, millis(policy.ttl.ms));
}

/** What a state holds in memory beside what every one does, bytes, near enough: its keys and slots. */
export function memoryOf({ keys, slots }: Pick<State, "keys" | "slots">): number {
  let bytes = slotBytes.get(slots);
  if (bytes === undefined) {
    bytes = 0;
    for (const [name, { value }] of slots) bytes += BYTES_PER_SLOT + 2 * (name.length + value.text.length);
    slotBytes.set(slots, bytes);
  }
  return bytes + BYTES_PER_KEY * keys.size;
}
/** Slots are exchanged as a whole, never changed. */
const slotBytes = new WeakMap<State["slots"], number>();
/** A text of 16 characters in a map; a map's entry with its objects. */
const BYTES_PER_KEY = 96;
const BYTES_PER_SLOT = 192;

/** Which turn used which idempotency key. Oldest first; a key is forgotten when it is outside both windows (C10). */
export class Keys {
  readonly #versions = new Map<string, number>();
  /** Times of some versions, oldest first, so that not every key needs one. */
  readonly #marks: { readonly version: number; readonly at: Instant }[] = [];
  #newest = 0;

  get size(): number {
    return this.#versions.size;
  }
  /** When the next of them lie outside the window of time. */
  forgettableAt({ key_window_ms: window }: Pick<Limits, "key_window_ms">): Instant {
    const [oldest = 0] = this.#versions.values();
    const mark = this.#marks.find(({ version }) => version >= oldest);
    return instant((mark?.at ?? 0) + window + 1);
  }
  versionOf(key: string): number | undefined {
    return this.#versions.get(key);
  }
  add(key: string, version: number, at: Instant): void {
    this.#versions.set(key, version);
    this.#newest = version;
    const last = this.#marks.at(-1);
    if (last === undefined || version - last.version >= MARK_EVERY) this.#marks.push({ version, at });
  }
  /** Forgets what lies outside both windows, as of `now`. */
  prune(now: Instant, limits: Pick<Limits, "key_window_versions" | "key_window_ms">): void {
    if (this.#versions.size <= limits.key_window_versions) return;
    const byCount = this.#newest - limits.key_window_versions;
    // A mark's time stands for the versions before it: they are as old or older.
    const old = this.#marks.filter((mark) => now - mark.at > limits.key_window_ms).at(-1)?.version ?? 0;
    const keep = Math.min(byCount, old);
    for (const [key, version] of this.#versions) {
      if (version > keep) break;
      this.#versions.delete(key);
    }
    while (this.#marks[1] !== undefined && this.#marks[1].version <= keep) this.#marks.shift();
  }
  entries(): { keys: [string, number][]; marks: [number, number][] } {
    return { keys: [...this.#versions], marks: this.#marks.map(({ version, at }) => [version, at]) };
  }
  static from(stored: { keys: readonly (readonly [string, number])[]; marks: readonly (readonly [number, number])[] }): Keys {
    const keys = new Keys();
    for (const [key, version] of stored.keys) keys.#versions.set(key, version);
    keys.#newest = stored.keys.at(-1)?.[1] ?? 0;
    for (const [version, at] of stored.marks) keys.#marks.push({ version, at: instant(at) });
    return keys;
  }
}
const MARK_EVERY = 256;
