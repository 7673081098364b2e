// Decoded records in memory, within bounds.

import { type Entry, weightOf } from "../core/record.ts";
import type { ContextId } from "../protocol/ids.ts";
import type { Limits } from "../protocol/limits.ts";

/** Records of one context by their version. */
export class Records {
  readonly #entries = new Map<number, Entry>();
  #bytes = 0;
  #complete = true;

  /** Of memory, near enough. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether none was let go that was put here. */
  get complete(): boolean {
    return this.#complete;
  }

  get(version: number): Entry | undefined {
    return this.#entries.get(version);
  }

  values(): Iterable<Entry> {
    return this.#entries.values();
  }

  put(entry: Entry): void {
    this.#drop(entry.version);
    this.#entries.set(entry.version, entry);
    this.#bytes += cost(entry);
  }

  /** Lets go of those that were put first, until the rest is no larger than `bytes`; the last one stays. */
  shrink(bytes: number): void {
    for (const version of this.#entries.keys()) {
      if (this.#bytes <= bytes || this.#entries.size === 1) return;
      this.#drop(version);
      this.#complete = false;
    }
  }

  #drop(version: number): void {
    const entry = this.#entries.get(version);
    if (entry === undefined) return;
    this.#entries.delete(version);
    this.#bytes -= cost(entry);
  }
}

/** Two bytes for each character, and what an object costs. */
const cost = (entry: Entry): number => 512 + 2 * weightOf(entry) + 128 * entry.contents.length;

/** Records that were read or written lately, of all contexts of this host: the longest unused contexts go first, then the oldest of the last one. */
export class Hot {
  readonly #limits: Pick<Limits, "bytes_hot">;
  readonly #contexts = new Map<ContextId, Records>();
  #bytes = 0;

  constructor(hotLimits: Pick<Limits, "bytes_hot">) {
    this.#limits = hotLimits;
  }

  get(id: ContextId, version: number): Entry | undefined {
    return this.#contexts.get(id)?.get(version);
  }

  /** It was used just now. */
  touch(id: ContextId): void {
    const records = this.#contexts.get(id);
    if (records === undefined) return;
    this.#contexts.delete(id);
    this.#contexts.set(id, records);
  }

  put(id: ContextId, entry: Entry): void {
    const records = this.#contexts.get(id) ?? new Records();
    this.#contexts.set(id, records);
    this.touch(id);
    this.#change(records, () => records.put(entry));
    for (const oldest of this.#contexts.keys()) {
      if (this.#bytes <= this.#limits.bytes_hot || oldest === id) break;
      this.forget(oldest);
    }
    this.#change(records, () => records.shrink(this.#limits.bytes_hot));
  }

  forget(id: ContextId): void {
    this.#bytes -= this.#contexts.get(id)?.bytes ?? 0;
    this.#contexts.delete(id);
  }

  #change(records: Records, change: () => void): void {
    const before = records.bytes;
    change();
    this.#bytes += records.bytes - before;
  }
}
