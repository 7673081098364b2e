// Group commit (C4): records of concurrent turns of different contexts go to the store in one call, one call in flight at a time.

import type { Limits } from "../protocol/limits.ts";
import type { Call, Clock, Events, Store } from "./ports.ts";

type Outcome = "created" | "unknown";
type Member = {
  readonly key: string;
  readonly value: Uint8Array;
  readonly call: Call;
  /** A record that a call failed with before goes alone, so that it fails no other a second time. */
  readonly alone: boolean;
  readonly settle: (outcome: Outcome) => void;
};

export class Group {
  readonly #ports: { readonly store: Store; readonly clock: Clock; readonly events: Events };
  readonly #limits: Pick<Limits, "records_per_group" | "bytes_per_group">;
  readonly #waiting: Member[] = [];
  #flying = false;

  constructor(
    ports: { readonly store: Store; readonly clock: Clock; readonly events: Events },
    limits: Pick<Limits, "records_per_group" | "bytes_per_group">,
  ) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /** Creates `key` together with whatever else is waiting. "unknown": the key may stand, now or later; look (C2). */
  create(key: string, value: Uint8Array, call: Call, alone = false): Promise<Outcome> {
    return new Promise((settle) => {
      this.#waiting.push({ key, value, call, alone, settle });
      if (!this.#flying) void this.#fly();
    });
  }

  async #fly(): Promise<void> {
    this.#flying = true;
    while (this.#waiting.length > 0) await this.#send(this.#take());
    this.#flying = false;
  }

  /** The next members, in the order they came, as many as fit. */
  #take(): Member[] {
    let bytes = 0;
    let count = 0;
    for (const member of this.#waiting) {
      bytes += member.value.length;
      const full = count >= this.#limits.records_per_group || bytes > this.#limits.bytes_per_group || member.alone;
      if (count > 0 && full) break;
      count++;
      if (member.alone) break;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(members: readonly Member[]): Promise<void> {
    const outcome = await this.#write(members);
    if (outcome === "created" || members.length === 1) {
      for (const member of members) member.settle(outcome);
      return;
    }
    // Each record is unknown by itself. Those that stand are told so and look for themselves; the others were not at fault: once more, together.
    const standing = await this.#standing(members);
    const rest = members.filter((member) => !standing.has(member.key));
    const again = rest.length > 0 ? await this.#write(rest) : "unknown";
    for (const member of members) member.settle(standing.has(member.key) ? "unknown" : again);
  }

  async #write(members: readonly Member[]): Promise<Outcome> {
    const from = this.#ports.clock.elapsed();
    // One order for all hosts, so that two transactions never wait for each other's rows.
    const entries = members.map(({ key, value }) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1));
    const traceparent = members[0]?.call.traceparent;
    // Not the callers' signals: one who goes away must not fail the others.
    const outcome = await this.#ports.store.create(entries, traceparent === undefined ? {} : { traceparent });
    this.#ports.events.group(members.length, outcome, (this.#ports.clock.elapsed() - from) as typeof from);
    return outcome;
  }

  async #standing(members: readonly Member[]): Promise<Set<string>> {
    try {
      const found = await this.#ports.store.read(members.map((member) => member.key));
      return new Set(members.filter((_, i) => found[i] !== undefined).map((member) => member.key));
    } catch {
      return new Set(members.map((member) => member.key)); // The store does not answer: every one looks for itself.
    }
  }
}
