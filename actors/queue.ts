// The turns of one context, one after another. The runtime's lock is not exclusive (dapr-facts: cancelling a queued call starts the next one
// beside the one that runs), so the order is kept here.

import { type Refusal, refuse } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";

type Waiting = { readonly start: () => void; readonly leave: () => void };

export class Queue {
  readonly #limits: Pick<Limits, "queue_per_context" | "queue_retry_after_ms">;
  readonly #whose: "context" | "tenant";
  readonly #waiting: Waiting[] = [];
  #busy = false;

  constructor(limits: Pick<Limits, "queue_per_context" | "queue_retry_after_ms">, whose: "context" | "tenant") {
    this.#limits = limits;
    this.#whose = whose;
  }

  /** Turns that run or wait. */
  get length(): number {
    return this.#waiting.length + (this.#busy ? 1 : 0);
  }

  /** Runs `work` when its turn comes. Refuses when too many wait (B2), and when the caller goes away before it began: nothing has happened then. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T | Refusal> {
    if (signal?.aborted) return gone();
    if (this.#busy) {
      if (this.#waiting.length >= this.#limits.queue_per_context) return this.#full();
      if (!(await this.#turn(signal))) return gone();
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy = false;
      else next.start();
    }
  }

  /** True when it is this caller's turn: whoever was before hands it on, so that nobody slips in between. False when the caller went away. */
  #turn(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const leave = (): void => {
        // Who was told to start listens no more, so whoever leaves is waiting.
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(false);
      };
      const start = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve(true);
      };
      const waiting: Waiting = { start, leave };
      this.#waiting.push(waiting);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  #full(): Refusal {
    const waiting = this.#waiting.length;
    const retryAfterMs = this.#limits.queue_retry_after_ms;
    return refuse(
      "overloaded",
      `${waiting} turns wait for this ${this.#whose} already; at most ${this.#limits.queue_per_context}. Try again after ${retryAfterMs} ms`,
      { retryAfterMs },
    );
  }
}

const gone = (): Refusal => refuse("unavailable", "the caller went away before the turn began", { details: { outcome: "none" } });
