// One world: hosts, a store, a bus, a runtime, callers, and what strikes them.

import { TenantId } from "../../protocol/ids.ts";
import type { RecordCodec } from "../../stores/codec.ts";
import { Keyring } from "../../stores/keyring.ts";
import { SimBus } from "./bus.ts";
import { Clients } from "./clients.ts";
import { RememberingCodec } from "./codec.ts";
import { drawFaults, type Faults, type Strike } from "./faults.ts";
import { type Code, EPOCH, Host } from "./host.ts";
import { Oracle } from "./oracle.ts";
import { Random } from "./random.ts";
import { Runtime } from "./runtime.ts";
import { Schedule } from "./schedule.ts";
import { seal } from "./sealer.ts";
import { SimStore } from "./store.ts";
import { Trace } from "./trace.ts";

export const TENANT_NAME = "t";
const GRANT_MS = 1000 * 365 * 24 * 60 * 60 * 1000;

const strikes: readonly Strike[] = ["crash", "pause", "jump", "behead", "evict", "drain", "lull", "seal"];

export class World {
  readonly trace: Trace;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly die: { bytes(count: number): Uint8Array };
  readonly keyring: Keyring;
  readonly codec: RecordCodec;
  readonly code: Code;
  readonly oracle: Oracle;
  readonly store: SimStore;
  readonly bus: SimBus;
  readonly runtime: Runtime;
  readonly clients: Clients;
  readonly hosts: readonly Host[];
  /** Of callers, and of hosts that tell the directory. */
  readonly grant: string;
  readonly registerGrant: string;
  faults: Faults;
  /** Set when nobody asks for anything new. */
  ending = false;
  /** Heads that once stood. */
  readonly #heads: { readonly key: string; readonly value: Uint8Array }[] = [];

  constructor(seed: number, code: Code, keepTrace: boolean) {
    this.code = code;
    this.trace = new Trace(keepTrace);
    this.schedule = new Schedule(this.trace);
    this.random = new Random(seed, 1);
    this.die = new Random(seed, 2);
    this.faults = drawFaults(new Random(seed, 3));
    this.keyring = new Keyring(new Map([[1, this.die.bytes(32)]]), this.die);
    this.codec = new RememberingCodec(this.keyring, this.die);
    const { dropDelayMs, hotMs } = this.faults.settings;
    this.oracle = new Oracle({ codec: this.codec, schedule: this.schedule, dropDelayMs, hotMs });
    this.store = new SimStore(this);
    this.bus = new SimBus(this);
    this.runtime = new Runtime(this);
    const tenant = TenantId.parse(TENANT_NAME);
    const claims = { v: 1, tenant, subject: "tester", contexts: ["*"], expires: EPOCH + GRANT_MS } as const;
    this.grant = this.keyring.grants.mint({ ...claims, contexts: ["*"], methods: ["*"] });
    this.registerGrant = this.keyring.grants.mint({ ...claims, contexts: [], methods: ["tenant.register"] });
    this.hosts = Array.from({ length: this.faults.hosts }, (_, i) => new Host(this, `host-${i}`, i));
    this.clients = new Clients(this);
    this.#createTenant();
  }

  #createTenant(): void {
    const ttl = this.faults.defaultTtl;
    const policy = ttl === undefined ? {} : { ttl: { ms: ttl, from: "lastAppend" } };
    const stored = { f: 1, created: EPOCH, policy };
    this.store.createOnly(`${TENANT_NAME}/tenant`, Buffer.from(JSON.stringify(stored)));
  }

  /** What befalls the world between two steps. */
  strike(): void {
    for (const strike of strikes) if (this.random.chance(this.faults.chances[strike])) this.#strike(strike);
  }

  #strike(strike: Strike): void {
    const host = this.random.one(this.hosts);
    const context = this.random.one(this.clients.names);
    this.trace.add(`! ${strike} ${host.name} ${context}`);
    switch (strike) {
      case "crash":
        return this.#crash(host);
      case "pause":
        return this.#pause(host);
      case "jump":
        this.oracle.clocksAgree = false;
        host.wall += Math.round(this.random.one([1_000, 60_000, 600_000, 7_200_000]) * this.random.between(-1, 1));
        return;
      case "behead":
        return this.#behead(`${context}/head`);
      case "evict":
        if (this.random.chance(0.5)) this.runtime.move("Context", context);
        else if (host.up) host.take(`deactivates ${context}`, () => void host.contexts.deactivate(context));
        return;
      case "drain":
        return this.#drain(host);
      case "lull":
        this.clients.restUntil = this.schedule.now + this.faults.settings.dropDelayMs * this.random.one([0.1, 0.6, 1.3, 2.5]);
        return;
      case "seal":
        void seal(this, context);
        return;
    }
  }

  #crash(host: Host): void {
    if (!host.up) return;
    host.crash();
    this.schedule.in(this.random.one([10, 1_000, 30_000]) * this.random.fraction(), `${host.name} starts`, () => host.start());
  }

  /** A host stops for a while: SIGSTOP, a paused machine, a garbage collection. It wakes where it stopped. */
  #pause(host: Host): void {
    if (!host.up || host.asleep) return;
    const { dropDelayMs } = this.faults.settings;
    const ms = this.random.one([60, 3_000, dropDelayMs * 0.4, dropDelayMs * 0.7, dropDelayMs * 1.5, dropDelayMs * 3]);
    host.sleep();
    const { life } = host;
    this.schedule.in(ms * this.random.between(0.7, 1.1), `${host.name} wakes`, () => {
      if (host.life === life) host.wake();
    });
    if (ms > dropDelayMs / 4 && this.random.chance(0.7)) this.clients.restUntil = Math.max(this.clients.restUntil, this.schedule.now + 50);
  }

  #behead(key: string): void {
    const stands = this.store.rows.get(key);
    const old = this.#heads.filter((head) => head.key === key);
    if (stands !== undefined) this.#heads.push({ key, value: stands.value });
    if (old.length > 0 && this.random.chance(0.5)) this.store.apply({ do: "put", key, value: this.random.one(old).value });
    else if (stands !== undefined) this.store.apply({ do: "drop", key });
  }

  #drain(host: Host): void {
    if (!host.up || host.asleep) return;
    const patience = new AbortController();
    const { life } = host;
    const stop = (): void => {
      if (host.life === life) this.#crash(host);
    };
    void Promise.all([host.contexts.drain(patience.signal), host.tenants.drain(patience.signal)]).then(stop);
    this.schedule.in(10_000, `${host.name} has drained long enough`, () => {
      if (host.life !== life) return;
      patience.abort();
      stop();
    });
  }
}
