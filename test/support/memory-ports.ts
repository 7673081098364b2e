// All that actors ask of the world, in this process and in memory, with the real codec and keyring. Time passes as it does outside, and faster
// where a test says so; nothing else is simulated.

import { randomFillSync } from "node:crypto";
import { ContextActor } from "../../actors/context.ts";
import type { Bus, Clock, Die, Directory, Events, Ports, Reminders, Settings, Store, Stored, Tracing } from "../../actors/ports.ts";
import { TenantActor } from "../../actors/tenant.ts";
import { registered } from "../../core/directory.ts";
import type { ContextEvent } from "../../core/record.ts";
import { systemClock } from "../../dapr/clock.ts";
import type { Report } from "../../protocol/contract.ts";
import type { Refusal } from "../../protocol/errors.ts";
import { type ContextId, nameOf, type TenantId, tenantOf } from "../../protocol/ids.ts";
import type { Policy } from "../../protocol/policy.ts";
import { instant, type Millis, millis } from "../../protocol/units.ts";
import { RecordCodec } from "../../stores/codec.ts";
import { Keyring } from "../../stores/keyring.ts";

/** The system's clocks, moved on by what `advance` was told. */
export class ShiftedClock implements Clock {
  #shift = 0;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  now = () => instant(systemClock.now() + this.#shift);
  elapsed = () => millis(systemClock.elapsed() + this.#shift);

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const late = new AbortController();
    const woken = new Promise<void>((wake) => {
      const sleeper = { until: this.elapsed() + ms, wake };
      this.#sleepers.add(sleeper);
      const end = (): void => {
        this.#sleepers.delete(sleeper);
        wake();
      };
      signal?.addEventListener("abort", end, { once: true });
      if (signal?.aborted) end();
      void systemClock.sleep(ms, late.signal).then(end);
    });
    return woken.finally(() => late.abort());
  }

  advance(ms: number): void {
    this.#shift += ms;
    for (const sleeper of this.#sleepers) if (sleeper.until <= this.elapsed()) sleeper.wake();
  }
}

/** Create-only and etag writes as the sidecar's stores do them. */
export class MemoryStore implements Store {
  readonly rows: Map<string, Stored>;
  /** Awaited before each call: where a test holds calls back. */
  gate: () => Promise<void> = async () => {};
  /** Reads that are still answered; then it fails, so that whoever asks for ever is found. */
  patience = Number.POSITIVE_INFINITY;
  #writes = 0;

  /** With these rows to begin with, of which it takes a copy. */
  constructor(rows: ReadonlyMap<string, Stored> = new Map()) {
    this.rows = new Map(rows);
  }

  /** How often something was written or dropped. */
  get writes(): number {
    return this.#writes;
  }

  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    await this.gate();
    if (this.patience-- <= 0) throw new Error("the store was asked too often");
    return keys.map((key) => this.rows.get(key));
  }

  async create(entries: readonly { readonly key: string; readonly value: Uint8Array }[]): Promise<"created" | "unknown"> {
    await this.gate();
    if (entries.some(({ key }) => this.rows.has(key))) return "unknown";
    for (const { key, value } of entries) this.set(key, value);
    return "created";
  }

  async put(key: string, value: Uint8Array): Promise<"written"> {
    await this.gate();
    this.set(key, value);
    return "written";
  }

  async replace(key: string, value: Uint8Array, etag: string): Promise<"written" | "unknown"> {
    await this.gate();
    if (this.rows.get(key)?.etag !== etag) return "unknown";
    this.set(key, value);
    return "written";
  }

  async drop(key: string): Promise<"dropped"> {
    await this.gate();
    if (this.rows.delete(key)) this.#writes++;
    return "dropped";
  }

  set(key: string, value: Uint8Array): void {
    this.rows.set(key, { value: Uint8Array.from(value), etag: String(++this.#writes) });
  }

  /** Every key with its value, in one text that is equal only where all of it is. */
  dump(): string {
    const lines = [...this.rows].map(([key, { value }]) => `${key} ${Buffer.from(value).toString("base64")}`);
    return lines.sort().join("\n");
  }
}

type Reminder = { readonly type: string; readonly id: string; readonly name: string; due: number; readonly period: Millis };

export class MemoryReminders implements Reminders {
  readonly #clock: Clock;
  readonly #set = new Map<string, Reminder>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async register(type: string, id: string, name: string, due: Millis, period: Millis): Promise<void> {
    this.#set.set(`${type}/${id}/${name}`, { type, id, name, due: this.#clock.elapsed() + due, period });
  }

  async cancel(type: string, id: string, name: string): Promise<void> {
    this.#set.delete(`${type}/${id}/${name}`);
  }

  get size(): number {
    return this.#set.size;
  }

  /** Those whose time has come; each is due again a period later. */
  takeDue(): Reminder[] {
    const now = this.#clock.elapsed();
    const due = [...this.#set.values()].filter((reminder) => reminder.due <= now);
    for (const reminder of due) reminder.due = now + reminder.period;
    return due;
  }
}

export class MemoryBus implements Bus {
  readonly published: ContextEvent[] = [];
  open = true;

  async publish(events: readonly ContextEvent[]): Promise<boolean> {
    if (this.open) this.published.push(...events);
    return this.open;
  }
}

/** The tenant actor of the same host, asked without a sidecar between. */
class TenantDirectory implements Directory {
  readonly #tenants: () => TenantActor;
  readonly #grant: (tenant: TenantId) => string;

  constructor(tenants: () => TenantActor, grant: (tenant: TenantId) => string) {
    this.#tenants = tenants;
    this.#grant = grant;
  }

  enter(id: ContextId) {
    return this.#tell(tenantOf(id), { name: nameOf(id), version: 0, at: 0, expires: null, ended: false });
  }

  async report(tenant: TenantId, report: Report): Promise<boolean> {
    return (await this.#tell(tenant, report)).ok;
  }

  async #tell(tenant: TenantId, report: Report): Promise<{ readonly ok: true; readonly policy: Policy } | Refusal> {
    const body = JSON.stringify({ grant: this.#grant(tenant), contexts: [report] });
    const answer = await this.#tenants().invoke(tenant, "register", Buffer.from(body), {});
    const reply = registered(JSON.parse(answer));
    if (reply === undefined) throw new Error(`register answered ${answer}`);
    return reply;
  }
}

/** What outlives a host: the store, the bus, the reminders, and the keys. */
export type MemoryWorld = {
  readonly clock: ShiftedClock;
  readonly store: MemoryStore;
  readonly bus: MemoryBus;
  readonly reminders: MemoryReminders;
  readonly keyring: Keyring;
  readonly die: Die;
};

const systemRandom: Die = { bytes: (count) => randomFillSync(new Uint8Array(count)) };

export function makeMemoryWorld(die: Die = systemRandom): MemoryWorld {
  const clock = new ShiftedClock();
  const keyring = new Keyring(new Map([[1, die.bytes(32)]]), die);
  return { clock, store: new MemoryStore(), bus: new MemoryBus(), reminders: new MemoryReminders(clock), keyring, die };
}

export const noTracing: Tracing = { span: (_name, call, work) => work(call) };
const nothing = (): void => {};
export const noEvents: Events = {
  turn: nothing,
  queued: nothing,
  activated: nothing,
  committed: nothing,
  group: nothing,
  unknown: nothing,
  ghost: nothing,
  ended: nothing,
  tended: nothing,
  failed: nothing,
};
export const quickSettings: Settings = { dropDelayMs: 10_000, hotMs: 2_000, tendMs: 1_000, events: true };

export type MemoryActors = { readonly contexts: ContextActor; readonly tenants: TenantActor; readonly ports: Ports };

/** One host's actors in that world. When `life` ends they hear nothing more of it, as after kill -9. */
export function startActors(
  world: MemoryWorld,
  {
    events = noEvents,
    settings = quickSettings,
    life = new AbortController().signal,
  }: { events?: Events; settings?: Settings; life?: AbortSignal } = {},
): MemoryActors {
  const { clock, die, keyring } = world;
  const grant = (tenant: TenantId): string =>
    keyring.grants.mint({ v: 1, tenant, subject: "strata", contexts: [], methods: ["tenant.register"], expires: clock.now() + 60_000 });
  const ports: Ports = {
    clock,
    die,
    events,
    settings,
    tracing: noTracing,
    grants: keyring.grants,
    codec: new RecordCodec(keyring, die),
    store: mortal(world.store, life),
    bus: mortal(world.bus, life),
    reminders: mortal(world.reminders, life),
    directory: mortal(new TenantDirectory(() => tenants, grant), life),
  };
  const tenants = new TenantActor(ports);
  return { contexts: new ContextActor(ports), tenants, ports };
}

/** `port` until `life` ends; from then on it never answers, not even what it was asked before. */
function mortal<T extends object>(port: T, life: AbortSignal): T {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (life.aborted) return new Promise(() => {});
        const answer: unknown = Reflect.apply(member, target, args);
        return answer instanceof Promise ? answer.then((value) => (life.aborted ? new Promise(() => {}) : value)) : answer;
      };
    },
  });
}
