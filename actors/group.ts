// Group commit (C4): records of concurrent turns of different contexts go to the store in one call, one call in flight at a time.

import type { Limits } from "../protocol/limits.ts";
import { millis } from "../protocol/units.ts";
import { isLate } from "./patience.ts";
import type { Call, Ports } from "./ports.ts";

type Outcome = "created" | "unknown";
type Member = {
  readonly key: string;
  readonly value: Uint8Array;
  readonly call: Call;
  /** A record that a call failed with before goes alone, so that it fails no other a second time. */
  readonly alone: boolean;
  readonly settle: (outcome: Outcome) => void;
};

type GroupLimits = Pick<Limits, "records_per_group" | "bytes_per_group" | "gather_share" | "gather_fade" | "gather_ms">;
type GroupPorts = Pick<Ports, "store" | "clock" | "events" | "tracing">;

export class Group {
  readonly #ports: GroupPorts;
  readonly #limits: GroupLimits;
  readonly #waiting: Member[] = [];
  #flying = false;
  #lastSize = 0;
  /** How many callers are about: as many as two groups in a row held, and few groups later not much fewer. */
  #about = 0;
  /** How many the next group waits for, or the last one has waited for, and whom to tell when they are there: afterwards it wakes nobody. */
  #gathering: { readonly enough: number; readonly end: AbortController } | undefined;

  constructor(ports: GroupPorts, limits: GroupLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /** Creates `key` together with whatever else is waiting. "unknown": the key may stand, now or later; look (C2). */
  create(key: string, value: Uint8Array, call: Call, alone = false): Promise<Outcome> {
    return new Promise((settle) => {
      this.#waiting.push({ key, value, call, alone, settle });
      if (!this.#flying) void this.#fly();
      else if (this.#gathering && this.#waiting.length >= this.#gathering.enough) this.#gathering.end.abort("they are there");
    });
  }

  async #fly(): Promise<void> {
    this.#flying = true;
    for (let next = this.#take(); next.length > 0; next = this.#take()) {
      const from = this.#ports.clock.elapsed();
      await this.#send(next);
      await this.#gather(next.length, this.#ports.clock.elapsed() - from);
    }
    this.#flying = false;
  }

  /**
   * Callers who were answered together come back together. Half of them under way and half at the store, in turns, is what serves all of them
   * soonest, and without this they drift into groups of nearly all and nearly none (docs/decisions/0020). So the next group waits until about half
   * of those who are about are there, but no longer than the last one took. Behind one alone there is nobody to wait for.
   */
  async #gather(size: number, took: number): Promise<void> {
    const { gather_share, gather_fade, gather_ms } = this.#limits;
    // Slowly fewer: small groups take the processor from calls that are here already, which then make small groups.
    this.#about = Math.max(size + this.#lastSize, gather_fade * this.#about);
    const enough = (gather_share * this.#about) / 2;
    this.#lastSize = size;
    if (this.#waiting.length >= enough || (size === 1 && this.#waiting.length === 0)) return;
    const end = new AbortController();
    this.#gathering = { enough, end };
    await this.#ports.clock.sleep(Math.min(took, gather_ms), end.signal);
  }

  /** The next members, in the order they came, as many as fit. Those for whom it is too late are not sent any more. */
  #take(): Member[] {
    const { clock } = this.#ports;
    for (const member of this.#waiting.filter(({ call }) => isLate(call, clock))) {
      this.#waiting.splice(this.#waiting.indexOf(member), 1);
      member.settle("unknown");
    }
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

  /** A span of one member's trace, to which the others' spans are linked. */
  #write(members: readonly Member[]): Promise<Outcome> {
    const { clock, events, store, tracing } = this.#ports;
    // A trace that nobody records is no place for it.
    const leader = members.find(({ call }) => call.traceparent?.endsWith("-01")) ?? members[0];
    // Not the callers' signals: one who goes away must not fail the others.
    const traceparent = leader?.call.traceparent;
    const call: Call = traceparent === undefined ? {} : { traceparent };
    // One order for all hosts, so that two transactions never wait for each other's rows.
    const entries = members.map(({ key, value }) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1));
    const write = async (call: Call): Promise<Outcome> => {
      const from = clock.elapsed();
      const outcome = await store.create(entries, call);
      events.group(members.length, outcome, millis(clock.elapsed() - from));
      return outcome;
    };
    const attributes = { "strata.group.size": members.length };
    const also = members.filter((member) => member !== leader).map((member) => member.call);
    return tracing.span("group commit", call, write, { kind: "call", attributes, outcome: (outcome) => outcome, also });
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
