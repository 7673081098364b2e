// One host: its actors, its clocks, and whether it lives, sleeps or is gone. Whatever the world tells it comes through `in`, so that a host which
// died hears nothing any more, and one which sleeps hears it when it wakes: between any two answers, and so at every await, it may be either.

import type { ActorType } from "../../actors/actor.ts";
import type { ContextActor } from "../../actors/context.ts";
import type { Clock, Events, Ports, Tracing } from "../../actors/ports.ts";
import type { TenantActor } from "../../actors/tenant.ts";
import { instant, millis } from "../../protocol/units.ts";
import type { Planned } from "./schedule.ts";
import type { World } from "./world.ts";

/** The code that is simulated: ours, or a mutant of it. */
export type Code = { readonly ContextActor: typeof ContextActor; readonly TenantActor: typeof TenantActor };

/** True time 0 on a wall clock that is right. */
export const EPOCH = Date.UTC(2026, 0, 1);

export class Host {
  readonly name: string;
  readonly #world: World;
  /** Counts its lives. */
  life = 0;
  up = true;
  asleep = false;
  /** How far its wall clock is off, ms. */
  wall = 0;
  /** Where its monotonic clock began, ms. */
  readonly #mono: number;
  #held: { readonly what: string; readonly life: number; readonly run: () => void }[] = [];
  contexts: ActorType;
  tenants: ActorType;

  constructor(world: World, name: string, index: number) {
    this.#world = world;
    this.name = name;
    this.#mono = 1_000_000 * (index + 1);
    [this.contexts, this.tenants] = this.#boot();
  }

  now(): number {
    return Math.round(EPOCH + this.#world.schedule.now + this.wall);
  }

  in(ms: number, what: string, run: () => void): Planned {
    const { life } = this;
    return this.#world.schedule.in(ms, `${this.name} ${what}`, () => this.#deliver(what, life, run));
  }

  /** What reaches it this moment. */
  take(what: string, run: () => void): void {
    this.#deliver(what, this.life, run);
  }

  #deliver(what: string, life: number, run: () => void): void {
    if (life !== this.life || !this.up) return;
    if (this.asleep) this.#held.push({ what, life, run });
    else run();
  }

  sleep(): void {
    this.asleep = true;
  }

  wake(): void {
    if (!this.asleep) return;
    this.asleep = false;
    const held = this.#held;
    this.#held = [];
    for (const { what, life, run } of held)
      this.#world.schedule.in(0, `${this.name} ${what}, at last`, () => this.#deliver(what, life, run));
  }

  crash(): void {
    this.up = false;
    this.life++;
    this.asleep = false;
    this.#held = [];
  }

  start(): void {
    if (this.up) return;
    this.up = true;
    [this.contexts, this.tenants] = this.#boot();
  }

  actor(type: string): ActorType {
    return type === this.contexts.name ? this.contexts : this.tenants;
  }

  #boot(): [ActorType, ActorType] {
    const { code } = this.#world;
    const ports = this.#ports();
    return [new code.ContextActor(ports), new code.TenantActor(ports)];
  }

  #ports(): Ports {
    const { store, runtime, bus, codec, keyring, die, faults } = this.#world;
    return {
      clock: this.#clock(),
      die,
      store: store.for(this),
      reminders: runtime.reminders.for(this),
      bus: bus.for(this),
      directory: runtime.directory(this),
      codec,
      grants: keyring.grants,
      events: this.#events(),
      tracing: noTracing,
      settings: faults.settings,
    };
  }

  #clock(): Clock {
    return {
      now: () => instant(this.now()),
      elapsed: () => millis(this.#mono + this.#world.schedule.now),
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const planned = this.in(ms, "slept", resolve);
          signal?.addEventListener(
            "abort",
            () => {
              planned.off = true;
              resolve();
            },
            { once: true },
          );
        }),
    };
  }

  /** What hosts report becomes part of the trace. */
  #events(): Events {
    const say = (...words: readonly (string | number)[]): void => this.#world.trace.add(`  ${this.name} ${words.join(" ")}`);
    return {
      turn: (id, method, outcome) => say("turn", id, method, outcome),
      queued: () => {},
      activated: (id, version) => say("activated", id, version),
      committed: (id, version) => say("committed", id, version),
      group: (records, outcome) => say("group", records, outcome),
      unknown: (id, version, settled) => say("unknown", id, version, settled),
      ghost: (id, version) => say("ghost", id, version),
      ended: (id, version) => say("ended", id, version),
      tended: (id, work) => say("tended", id, work),
      failed: (id, doing, reason) => {
        say("failed", id, doing, String(reason));
        this.#world.oracle.failed(doing, reason);
      },
    };
  }
}

const noTracing: Tracing = { span: (_name, call, work) => work(call) };
