// Time, and what is yet to happen. An event runs when all that the one before it set in motion has come to rest, so that promises, whose order
// nobody promises, cannot make two runs of a seed differ.

import type { Trace } from "./trace.ts";

/** Something that will happen, unless it is called off before. */
export type Planned = { readonly at: number; readonly order: number; readonly what: string; readonly run: () => void; off: boolean };

export class Schedule {
  /** True time, ms since the simulation began. No clock in the world shows it. */
  now = 0;
  /** Events that have happened. */
  steps = 0;
  readonly #trace: Trace;
  /** A binary heap, the next event first. */
  readonly #heap: Planned[] = [];
  #order = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** What is due next, for who asks why it does not come to an end. */
  upcoming(count: number): string[] {
    return this.#heap
      .filter(({ off }) => !off)
      .sort((a, b) => a.at - b.at || a.order - b.order)
      .slice(0, count)
      .map(({ at, what }) => `${Math.round(at)} ${what}`);
  }

  in(ms: number, what: string, run: () => void): Planned {
    const event: Planned = { at: this.now + Math.max(0, ms), order: this.#order++, what, run, off: false };
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
    return event;
  }

  /** In a simulation's own code, which no fault befalls. */
  sleep(ms: number, what: string): Promise<void> {
    return new Promise((resolve) => this.in(ms, what, resolve));
  }

  /** Lets the next event happen, and everything that follows from it without another event. False where nothing is left. */
  async step(): Promise<boolean> {
    let event = this.#take();
    while (event?.off) event = this.#take();
    if (event === undefined) return false;
    this.now = event.at;
    this.steps++;
    this.#trace.add(`${event.at.toFixed(3)} ${event.what}`);
    event.run();
    await rest();
    return true;
  }

  #take(): Planned | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const child = left !== undefined && right !== undefined && before(right, left) ? right : left;
      if (child === undefined || !before(child, last)) break;
      heap[at] = child;
      at = child === left ? 2 * at + 1 : 2 * at + 2;
    }
    heap[at] = last;
    return first;
  }
}

const before = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Resolves when every promise that could settle has settled: Node runs these callbacks once its queue of promise jobs is empty. */
export const rest = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
