// What is asked of the contexts: callers who append, read, set times to live, give up, come back with the same key, and now and then with another
// turn under it.

import type { ContextId } from "../../protocol/ids.ts";
import { instant, iso } from "../../protocol/units.ts";
import type { Random } from "./random.ts";
import { judgeList } from "./replies.ts";
import type { Arguments, Item, Request } from "./request.ts";
import { TENANT_NAME, type World } from "./world.ts";

type Habits = {
  readonly append: number;
  readonly read: number;
  readonly configure: number;
  readonly list: number;
  /** How likely an append names the head that its caller has read. */
  readonly expect: number;
  readonly subjects: number;
};

/** The most contexts that a history has: a name that has ended is followed by another. */
const MOST_NAMES = 8;

export class Clients {
  readonly #world: World;
  readonly #random: Random;
  readonly #habits: Habits;
  readonly names: ContextId[];
  #named: number;
  /** What callers have heard, of all contexts: versions and times. */
  readonly #heard = new Map<ContextId, { version: number; readonly times: string[] }>();
  readonly #mine: Request[] = [];
  #count = 0;
  #awake = 0;
  /** Until when everyone rests, true time. */
  restUntil = 0;

  constructor(world: World) {
    this.#world = world;
    const { random, faults } = world;
    this.#random = random;
    this.#habits = {
      append: 10,
      read: random.one([2, 6, 12]),
      configure: random.chance(0.4) ? random.one([0.3, 1]) : 0,
      list: random.one([0, 0.5]),
      expect: random.one([0, 0.3, 0.9]),
      subjects: random.one([0, 0.2]),
    };
    this.names = Array.from({ length: faults.contexts }, (_, i) => `${TENANT_NAME}.c${i}` as ContextId);
    this.#named = faults.contexts;
  }

  /** Whether all have heard, or given up on, what they asked last. */
  get quiet(): boolean {
    return this.#awake === 0;
  }

  start(): void {
    for (let i = 0; i < this.#world.faults.clients; i++) void this.#live(i);
  }

  async #live(index: number): Promise<void> {
    this.#awake++;
    while (!this.#world.ending) {
      await this.#pause(index);
      if (!this.#world.ending) await this.#act(index);
    }
    this.#awake--;
  }

  async #pause(index: number): Promise<void> {
    const { schedule } = this.#world;
    const ms = this.#random.one([0.5, 3, 10, 40, 400, 2_500]) * this.#random.between(0.5, 1.5);
    await schedule.sleep(Math.max(ms, this.restUntil + ms - schedule.now), `client ${index} goes on`);
  }

  async #act(index: number): Promise<void> {
    const { append, read, configure, list } = this.#habits;
    const what = this.#random.weighted({ append, read, configure, list });
    if (what === "list") return this.#list();
    const context = this.#random.one(this.names);
    const asked = what === "append" ? this.#append(index, context) : what === "configure" ? this.#configure(index) : this.#read(context);
    const request: Request = { context, asked, deliveries: [], acknowledged: undefined };
    this.#world.oracle.asked(request);
    await this.#ask(index, request);
    if (what === "read") return;
    this.#mine.push(request);
    // Long after, somebody repeats a turn: a bus that delivers again, a caller who restarts.
    if (this.#random.chance(0.1)) await this.#ask(index, this.#random.one(this.#mine));
  }

  /** Asks until there is an answer that will not change, or the caller has lost interest. */
  async #ask(index: number, request: Request): Promise<void> {
    const tries = 1 + this.#random.below(4);
    for (let i = 0; i < tries; i++) {
      const text = await this.send(request, this.#random.one([100, 3_000, 20_000]));
      const reply = text === undefined ? undefined : (JSON.parse(text) as { ok: boolean; code?: string; version?: number; at?: string });
      if (reply?.ok) return this.#learn(request.context, reply.version, reply.at);
      if (reply?.code === "expired") return this.#rename(request.context);
      if (reply !== undefined && reply.code !== "unavailable" && reply.code !== "overloaded") return;
      await this.#pause(index);
    }
  }

  send(request: Request, patienceMs: number): Promise<string | undefined> {
    const { random, schedule, faults, runtime, oracle } = this.#world;
    const { method, ...content } = request.asked;
    const body = Buffer.from(JSON.stringify({ grant: this.#world.grant, ...content }));
    const gone = new AbortController();
    const leaves = random.chance(faults.chances.cancelled);
    if (leaves)
      schedule.in(random.one([2, 20, patienceMs]) * random.fraction(), `caller of ${method} ${request.context} leaves`, () => gone.abort());
    return runtime.call({
      type: "Context",
      id: request.context,
      method,
      body,
      patienceMs,
      signal: gone.signal,
      began: (host) => {
        const delivery = { host, began: schedule.now, outcome: undefined };
        request.deliveries.push(delivery);
        return delivery;
      },
      answered: (text, delivery) => {
        if (delivery !== undefined) oracle.answered(request, text, delivery);
      },
    });
  }

  async #list(): Promise<void> {
    const { runtime, schedule, oracle, grant } = this.#world;
    const began = schedule.now;
    await runtime.call({
      type: "Tenant",
      id: TENANT_NAME,
      method: "list",
      body: Buffer.from(JSON.stringify({ grant })),
      patienceMs: 20_000,
      answered: (text) => judgeList(text, began, oracle.contexts, false, oracle),
    });
  }

  #learn(context: ContextId, version: number | undefined, at: string | undefined): void {
    const heard = this.#heard.get(context) ?? { version: 0, times: [] };
    heard.version = Math.max(heard.version, version ?? 0);
    if (at !== undefined) heard.times.push(at);
    this.#heard.set(context, heard);
  }

  #rename(context: ContextId): void {
    const at = this.names.indexOf(context);
    if (at < 0 || this.#named >= MOST_NAMES) return;
    this.names[at] = `${TENANT_NAME}.c${this.#named++}` as ContextId;
  }

  #append(index: number, context: ContextId): Arguments {
    const random = this.#random;
    const n = this.#count++;
    const items = Array.from({ length: random.one([1, 1, 1, 2, 0]) }, (_, i): Item => {
      const item = { role: random.one(["user", "assistant", "tool"]), content: `client ${index}, turn ${n}, item ${i}` };
      return random.chance(this.#habits.subjects) ? { ...item, subjects: [random.one(["ann", "bob"])] } : item;
    });
    const set = items.length === 0 || random.chance(0.2) ? { [random.one(["goal", "plan"])]: random.chance(0.2) ? null : n } : undefined;
    const head = this.#heard.get(context)?.version ?? 0;
    const expect = random.chance(this.#habits.expect) ? Math.max(0, head - (random.chance(0.1) ? 1 : 0)) : undefined;
    // Now and then a key that was used before, for another turn.
    const used = random.chance(0.02) && this.#mine.length > 0 ? random.one(this.#mine).asked : undefined;
    const key = used !== undefined && "key" in used ? used.key : `key-${n}`;
    return { method: "append", key, items, ...(set === undefined ? {} : { set }), ...(expect === undefined ? {} : { expect }) };
  }

  #configure(index: number): Arguments {
    const random = this.#random;
    const { dropDelayMs } = this.#world.faults.settings;
    const ms = Math.round(random.one([1_000, 5_000, dropDelayMs / 2, dropDelayMs * 2]) * random.between(1, 2));
    const ttl = random.chance(0.3) ? null : { ms, from: random.one(["creation", "lastAppend"] as const) };
    return { method: "configure", key: `key-${this.#count++}-${index}`, policy: { ttl } };
  }

  #read(context: ContextId): Arguments {
    const random = this.#random;
    const heard = this.#heard.get(context);
    const version = Math.max(1, (heard?.version ?? 0) + random.one([0, 0, 0, 1, -1, -3]));
    const what = random.weighted({ head: 4, fresh: 2, version: 3, time: 2, history: 1, diff: 1, verify: 1 });
    switch (what) {
      case "history":
        return { method: "history", ...(random.chance(0.5) ? { before: version + 1, limit: 3 } : {}) };
      case "diff":
        return { method: "diff", from: random.below(version + 1), to: version };
      case "verify":
        return { method: "verify", ...(random.chance(0.3) ? { to: version } : {}), ...(random.chance(0.2) ? { from: version } : {}) };
      case "version":
        return { method: "read", at: version, ...(random.chance(0.3) ? { from: random.below(4), limit: 2 } : {}) };
      case "time":
        return { method: "read", at: this.#time(heard?.times ?? []) };
      default:
        return {
          method: "read",
          ...(what === "fresh" ? { fresh: true } : {}),
          ...(random.chance(0.2) ? { from: random.below(6), limit: 3 } : {}),
        };
    }
  }

  #time(heard: readonly string[]): string {
    const random = this.#random;
    const about = heard.length > 0 ? Date.parse(random.one(heard)) : this.#world.hosts[0]?.now();
    return iso(instant((about ?? 0) + random.one([0, 0, -1, 1, 50, -500])));
  }
}
