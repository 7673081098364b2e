// Events of all contexts of this host, on their way to the bus: after the commit, in order within a context, several in one call, one call in
// flight at a time. The order is for the cursor and not for who hears them: daprd publishes the events of one call side by side. What is lost
// here in a crash is found again: a context whose cursor is behind its version has events that are not out (C7).

import type { ContextEvent } from "../core/record.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Activation } from "./activation.ts";
import type { Bus, Clock, Events } from "./ports.ts";

type Waiting = { readonly a: Activation; readonly event: ContextEvent };
type OutboxLimits = Pick<
  Limits,
  "events_per_publish" | "events_waiting" | "events_gather_ms" | "publish_attempts" | "settle_pause_ms" | "settle_pause_max_ms"
>;

export class Outbox {
  readonly #ports: { readonly bus: Bus; readonly clock: Clock; readonly events: Events };
  readonly #limits: OutboxLimits;
  readonly #waiting: Waiting[] = [];
  /** The last version that waits of each. */
  readonly #last = new Map<Activation, number>();
  #flying: Promise<void> | undefined;
  /** Whether the bus took nothing when it was last asked. */
  #away = false;

  constructor(ports: { readonly bus: Bus; readonly clock: Clock; readonly events: Events }, outboxLimits: OutboxLimits) {
    this.#ports = ports;
    this.#limits = outboxLimits;
  }

  /** Whether an event of this context waits here. */
  has(a: Activation): boolean {
    return this.#last.has(a);
  }

  /** False where there is no room, or where an event before this one neither is out nor waits: they are found later, nothing is lost (B2). */
  add(a: Activation, event: ContextEvent): boolean {
    if (this.#full) return false;
    if (event.version > (this.#last.get(a) ?? a.published) + 1) return false;
    this.#waiting.push({ a, event });
    this.#last.set(a, event.version);
    this.#flying ??= this.#fly().finally(() => {
      this.#flying = undefined;
    });
    return true;
  }

  /** Whether it is of use to look for events that are not out: the bus takes them, and there is room. */
  get open(): boolean {
    return !this.#away && !this.#full;
  }

  get #full(): boolean {
    return this.#waiting.length >= this.#limits.events_waiting;
  }

  /** Resolves when nothing waits or is under way. */
  async settled(): Promise<void> {
    while (this.#flying !== undefined) await this.#flying;
  }

  #remove(count: number): void {
    for (const { a, event } of this.#waiting.splice(0, count)) if (event.version === this.#last.get(a)) this.#last.delete(a);
  }

  async #fly(): Promise<void> {
    let failures = 0;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, this.#limits.events_per_publish);
      const began = this.#ports.clock.elapsed();
      if (await this.#ports.bus.publish(batch.map(({ event }) => event))) {
        this.#away = false;
        failures = 0;
        this.#remove(batch.length);
        for (const { a, event } of batch) if (event.version === a.published + 1) a.published = event.version;
        // The first event of a quiet host goes out at once. On a busy one a call for each turn would cost as much as the turns themselves.
        const rest = began + this.#limits.events_gather_ms - this.#ports.clock.elapsed();
        if (rest > 0 && this.#waiting.length < this.#limits.events_per_publish) await this.#ports.clock.sleep(rest);
        continue;
      }
      this.#away = true;
      failures++;
      if (failures >= this.#limits.publish_attempts) {
        this.#remove(this.#waiting.length);
        return;
      }
      await this.#ports.clock.sleep(Math.min(this.#limits.settle_pause_ms * 2 ** failures, this.#limits.settle_pause_max_ms));
    }
  }
}
