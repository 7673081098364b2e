// The actors of one type that are live on a host: a cache, the longest unused first, within bounds of number and memory.

import type { Queue } from "./queue.ts";

type Member = { readonly id: string; readonly queue: Queue };
type Options<T> = {
  readonly most: number;
  readonly bytes: number;
  /** What one holds in memory now, bytes. */
  readonly weigh: (one: T) => number;
  /** Told of each that gave way to others. */
  readonly left: (one: T) => void;
};

export class Live<T extends Member> {
  readonly #options: Options<T>;
  readonly #members = new Map<string, { readonly one: T; readonly bytes: number }>();
  #bytes = 0;

  constructor(options: Options<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#members.size;
  }

  get(id: string): T | undefined {
    return this.#members.get(id)?.one;
  }

  /** As they are now, the longest unused first. */
  members(): T[] {
    return Array.from(this.#members.values(), ({ one }) => one);
  }

  add(one: T): void {
    this.#put(one, 0);
    if (this.#members.size > this.#options.most) this.#makeRoom(one);
  }

  /** A turn of it has ended, and may have left it with more or less than before. */
  used(one: T): void {
    const known = this.#members.get(one.id);
    if (known?.one !== one) return;
    this.delete(one.id);
    this.#put(one, this.#options.weigh(one));
    while (this.#bytes > this.#options.bytes && this.#makeRoom(one));
  }

  delete(id: string): void {
    this.#bytes -= this.#members.get(id)?.bytes ?? 0;
    this.#members.delete(id);
  }

  #put(one: T, bytes: number): void {
    this.#members.set(one.id, { one, bytes });
    this.#bytes += bytes;
  }

  /** The longest unused one that does nothing gives way to `to`; false where there is none. */
  #makeRoom(to: T): boolean {
    for (const { one } of this.#members.values()) {
      if (one === to || one.queue.length > 0) continue;
      this.delete(one.id);
      this.#options.left(one);
      return true;
    }
    return false;
  }
}
