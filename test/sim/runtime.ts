// The actor runtime, with what it is known to do to us: it calls an actor on two hosts at once, delivers a call twice, loses answers, and its
// reminders come late, come twice, and never stop by themselves.

import type { Directory, Reminders } from "../../actors/ports.ts";
import { registered } from "../../core/directory.ts";
import type { Report } from "../../protocol/contract.ts";
import { ContextError, type Refusal, refuse } from "../../protocol/errors.ts";
import { type ContextId, nameOf, type TenantId, tenantOf } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { Policy } from "../../protocol/policy.ts";
import type { Host } from "./host.ts";
import type { Delivery } from "./request.ts";
import type { World } from "./world.ts";

export type Sent = {
  readonly type: string;
  readonly id: string;
  readonly method: string;
  readonly body: Uint8Array;
  /** A host that asks; without one the caller is outside. */
  readonly from?: Host;
  /** A host that is asked whatever the runtime thinks. */
  readonly to?: Host;
  readonly signal?: AbortSignal;
  readonly patienceMs: number;
  /** Told when a host has begun with it, and when it has an answer, heard or not. */
  readonly began?: (host: Host) => Delivery;
  readonly answered?: (text: string, delivery: Delivery | undefined) => void;
};

const REMINDER_RETRIES = 3;

export class Runtime {
  readonly #world: World;
  readonly #placed = new Map<string, Host>();
  readonly reminders: SimReminders;

  constructor(world: World) {
    this.#world = world;
    this.reminders = new SimReminders(world, this);
  }

  /** The host that serves an actor now. A host that sleeps is not found out at once. */
  place(type: string, id: string): Host | undefined {
    const { random, hosts, faults } = this.#world;
    const name = `${type}/${id}`;
    const up = hosts.filter((host) => host.up);
    if (up.length === 0) return undefined;
    if (random.chance(faults.chances.astray)) return random.one(up);
    const placed = this.#placed.get(name);
    if (placed?.up && !(placed.asleep && random.chance(0.6))) return placed;
    const awake = up.filter((host) => !host.asleep);
    const host = random.one(awake.length > 0 ? awake : up);
    this.#placed.set(name, host);
    return host;
  }

  /** Moves an actor, or forgets where it was. */
  move(type: string, id: string): void {
    this.#placed.delete(`${type}/${id}`);
  }

  /** The answer, or undefined where the caller heard none while it was patient. */
  call(sent: Sent): Promise<string | undefined> {
    const { random, schedule, faults } = this.#world;
    const plan = sent.from === undefined ? schedule : sent.from;
    return new Promise((resolve) => {
      let heard = false;
      const patience = plan.in(sent.patienceMs, `gives up on ${sent.method} ${sent.id}`, () => {
        heard = true;
        resolve(undefined);
      });
      const hear = (text: string): void => {
        if (heard || random.chance(faults.chances.unanswered)) return;
        plan.in(random.between(0.2, 2), `hears of ${sent.method} ${sent.id}`, () => {
          if (heard) return;
          heard = true;
          patience.off = true;
          resolve(text);
        });
      };
      const times = random.chance(faults.chances.doubled) ? 2 : 1;
      for (let time = 0; time < times; time++) {
        if (random.chance(faults.chances.unanswered)) continue;
        this.#deliver(sent, random.between(0.2, 2) + time * random.one([0, 5, 300, 3_000]) * random.fraction(), hear);
      }
    });
  }

  #deliver(sent: Sent, ms: number, hear: (text: string) => void): void {
    const { schedule } = this.#world;
    schedule.in(ms, `${sent.method} ${sent.id} arrives`, () => {
      const host = sent.to ?? this.place(sent.type, sent.id);
      host?.take(`${sent.method} ${sent.id}`, () => {
        const began = sent.began?.(host);
        const call = sent.signal === undefined ? {} : { signal: sent.signal };
        void host
          .actor(sent.type)
          .invoke(sent.id, sent.method, sent.body, call)
          .then((text) => {
            sent.answered?.(text, began);
            hear(text);
          });
      });
    });
  }

  /** The tenant actor, as contexts of `host` reach it. */
  directory(host: Host): Directory {
    const tell = async (tenant: TenantId, report: Report): Promise<{ readonly ok: true; readonly policy: Policy } | Refusal> => {
      const body = Buffer.from(JSON.stringify({ grant: this.#world.registerGrant, contexts: [report] }));
      const text = await this.call({ type: "Tenant", id: tenant, method: "register", body, from: host, patienceMs: limits.store_call_ms });
      if (text === undefined)
        return refuse("unavailable", "the tenant's directory does not answer; try again", { details: { outcome: "none" } });
      const reply = registered(JSON.parse(text));
      if (reply === undefined) throw new Error(`register answered ${text}`);
      return reply;
    };
    return {
      enter: (id: ContextId) => tell(tenantOf(id), { name: nameOf(id), version: 0, at: 0, expires: null, ended: false }),
      report: async (tenant, report) => (await tell(tenant, report)).ok,
    };
  }
}

type Reminder = { readonly type: string; readonly id: string; readonly name: string; readonly period: number };

class SimReminders {
  readonly #world: World;
  readonly #runtime: Runtime;
  readonly #set = new Map<string, Reminder>();

  constructor(world: World, runtime: Runtime) {
    this.#world = world;
    this.#runtime = runtime;
  }

  get names(): string[] {
    return [...this.#set.keys()];
  }

  for(host: Host): Reminders {
    const { random, schedule, faults } = this.#world;
    const request = (what: string, apply: () => void): Promise<boolean> => {
      const { tardy } = this.#world.faults.chances;
      const fate = random.weighted({ heard: 1 - tardy, unheard: tardy / 3, lost: tardy / 3, late: tardy / 3 });
      const there = fate === "late" ? random.one([1_000, faults.settings.dropDelayMs]) * random.fraction() : random.between(0.2, 2);
      if (fate !== "lost") schedule.in(there, `${host.name} ${what} ${fate}`, apply);
      return new Promise((resolve) => host.in((fate === "heard" ? there : 2) + 1, `told ${what}`, () => resolve(fate === "heard")));
    };
    return {
      register: async (type, id, name, due, period) => {
        const heard = await request(`register ${id} ${name}`, () => this.#register({ type, id, name, period }, due));
        if (!heard) throw new ContextError("unavailable", "a reminder could not be registered", { details: { outcome: "none" } });
      },
      cancel: async (type, id, name) => {
        await request(`cancel ${id} ${name}`, () => this.#set.delete(`${type}/${id}/${name}`));
      },
    };
  }

  #register(reminder: Reminder, due: number): void {
    this.#set.set(`${reminder.type}/${reminder.id}/${reminder.name}`, reminder);
    this.#plan(reminder, due);
  }

  #plan(reminder: Reminder, ms: number): void {
    const { random, schedule, faults } = this.#world;
    const late = random.chance(faults.chances.tardy) ? random.between(0, 20_000) : 0;
    schedule.in(ms + late, `reminder ${reminder.id} ${reminder.name}`, () => {
      // Registered anew or cancelled since.
      if (this.#set.get(`${reminder.type}/${reminder.id}/${reminder.name}`) !== reminder) return;
      this.#plan(reminder, reminder.period);
      this.#fire(reminder, 0);
      if (random.chance(this.#world.faults.chances.doubled)) this.#fire(reminder, 0);
    });
  }

  #fire(reminder: Reminder, tries: number): void {
    const { schedule } = this.#world;
    const again = (): void => {
      if (tries < REMINDER_RETRIES)
        schedule.in(1_000, `reminder ${reminder.id} ${reminder.name} again`, () => this.#fire(reminder, tries + 1));
    };
    const host = this.#runtime.place(reminder.type, reminder.id);
    if (host === undefined) return again();
    const work = (): void => {
      const done = host.actor(reminder.type).remind(reminder.id, reminder.name, {});
      done.catch((reason: unknown) => {
        this.#world.oracle.failed(`reminder ${reminder.id} ${reminder.name}`, reason);
        again();
      });
    };
    host.take(`reminder ${reminder.name} ${reminder.id}`, work);
  }
}
