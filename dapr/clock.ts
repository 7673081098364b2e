// The one clock and the one die. Everything else is handed them, so that a simulation can be handed others.

import { randomFillSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Die } from "../actors/ports.ts";
import { instant, millis } from "../protocol/units.ts";

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  elapsed: () => millis(performance.now()),
  async sleep(ms, signal) {
    // An abort ends the wait early; who waits looks at its signal itself.
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  },
};

/** Random bytes are drawn a page at a time: a draw of twelve costs as much as one of four thousand. */
const POOL = 4_096;

class SystemDie implements Die {
  #pool = new Uint8Array(0);
  #next = 0;

  bytes(count: number): Uint8Array {
    if (count > POOL / 4) return randomFillSync(new Uint8Array(count));
    if (this.#next + count > this.#pool.length) {
      this.#pool = randomFillSync(new Uint8Array(POOL));
      this.#next = 0;
    }
    // A copy, and the original is wiped: what was drawn is nobody else's to see.
    const drawn = this.#pool.slice(this.#next, this.#next + count);
    this.#pool.fill(0, this.#next, this.#next + count);
    this.#next += count;
    return drawn;
  }
}

export const systemDie: Die = new SystemDie();
