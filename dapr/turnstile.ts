// Lets calls in a few at a time: docs/decisions/0012.

import { limits } from "../protocol/limits.ts";

/**
 * Between a few calls and the next the event loop hears what else has come. The answer to a group commit, for which dozens of turns wait, would
 * otherwise wait behind dozens of calls that have just arrived, each of which is a third of a millisecond's work.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #turning = false;

  /** Resolves when it is the caller's turn: in the order in which they came, a few each time the event loop comes round. */
  pass(): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push(go);
      if (!this.#turning) this.#turn();
    });
  }

  #turn(): void {
    this.#turning = true;
    setImmediate(() => {
      for (const go of this.#waiting.splice(0, limits.calls_per_round)) go();
      this.#turning = false;
      if (this.#waiting.length > 0) this.#turn();
    });
  }
}
