// The store, and the way to it: what is applied is not always what is answered, nor when.

import type { Store, Stored } from "../../actors/ports.ts";
import { ContextError } from "../../protocol/errors.ts";
import { limits } from "../../protocol/limits.ts";
import type { Host } from "./host.ts";
import type { World } from "./world.ts";

export type Change =
  | { readonly do: "create" | "put" | "replace"; readonly key: string; readonly value: Uint8Array }
  | { readonly do: "drop"; readonly key: string };

type Fate = "heard" | "unheard" | "lost" | "late";

export class SimStore {
  readonly rows = new Map<string, Stored>();
  /** When each key was written last, true time. */
  readonly written = new Map<string, number>();
  readonly #world: World;
  #etag = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Makes a change, in one moment and for certain. */
  apply(change: Change): void {
    const { oracle, schedule, trace } = this.#world;
    this.written.set(change.key, schedule.now);
    const before = this.rows.get(change.key);
    if (change.do === "drop") this.rows.delete(change.key);
    else this.rows.set(change.key, { value: change.value, etag: String(++this.#etag) });
    trace.add(`= ${change.do} ${change.key}`);
    oracle.changed(change, before?.value);
  }

  /** Keys of records that landed D after they were sent, or later: nobody waits for such. */
  readonly overdue = new Set<string>();

  createOnly(key: string, value: Uint8Array): boolean {
    if (this.rows.has(key)) return false;
    this.apply({ do: "create", key, value });
    return true;
  }

  /** The store as the actors of one host see it. */
  for(host: Host): Store {
    return {
      read: (keys) => this.#read(host, keys),
      create: (entries) => {
        const values = entries.map(({ key, value }) => ({ key, value: Uint8Array.from(value) }));
        const sent = this.#world.schedule.now;
        const create = (): boolean => {
          const overdue = this.#world.schedule.now - sent >= this.#world.faults.settings.dropDelayMs;
          if (overdue) for (const { key } of values) if (!this.rows.has(key)) this.overdue.add(key);
          return this.#createAll(values);
        };
        return this.#write(host, `create ${keysOf(entries)}`, create, "created");
      },
      put: (key, value) => {
        const copy = Uint8Array.from(value);
        const put = (): boolean => {
          this.apply({ do: "put", key, value: copy });
          return true;
        };
        return this.#write(host, `put ${key}`, put, "written");
      },
      replace: (key, value, etag) => {
        const copy = Uint8Array.from(value);
        const replace = (): boolean => {
          if (this.rows.get(key)?.etag !== etag) return false;
          this.apply({ do: "replace", key, value: copy });
          return true;
        };
        return this.#write(host, `replace ${key}`, replace, "written");
      },
      drop: (key) => this.#write(host, `drop ${key}`, () => this.#drop(key), "dropped"),
    };
  }

  #drop(key: string): boolean {
    if (this.rows.has(key)) this.apply({ do: "drop", key });
    return true;
  }

  #createAll(entries: readonly { readonly key: string; readonly value: Uint8Array }[]): boolean {
    if (this.#world.faults.store === "transaction") {
      const keys = new Set(entries.map(({ key }) => key));
      if (keys.size < entries.length || entries.some(({ key }) => this.rows.has(key))) return false;
    }
    // Without a transaction each key is created or refused by itself, and one refusal makes the whole answer a failure.
    return entries.map(({ key, value }) => this.createOnly(key, value)).every((created) => created);
  }

  #write<T extends string>(host: Host, what: string, apply: () => boolean, done: T): Promise<T | "unknown"> {
    const { random, schedule, faults } = this.#world;
    const { unheard, lost, late, slow } = faults.chances;
    const fate = random.weighted<Fate>({ heard: 1 - unheard - lost - late, unheard, lost, late });
    const there = random.chance(slow) ? random.between(50, limits.store_call_ms * 2) : random.between(0.2, 3);
    const back = there + random.between(0.2, 3);
    const { dropDelayMs } = faults.settings;
    const delay = fate === "late" ? random.one([20, 500, 5_000, dropDelayMs, 2 * dropDelayMs]) * random.between(0.5, 1.5) : there;
    // A host that dies takes some of what it had sent with it.
    const survives = random.chance(0.7);
    const { life } = host;
    let applied = false;
    if (fate !== "lost")
      schedule.in(delay, `${host.name} ${what} ${fate}`, () => {
        if (survives || life === host.life) applied = apply();
      });
    const heard = fate === "heard" && back < limits.store_call_ms;
    return new Promise((resolve) => {
      host.in(Math.min(back, limits.store_call_ms), `told ${what}`, () => resolve(heard && applied ? done : "unknown"));
    });
  }

  #read(host: Host, keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const { random, schedule, faults } = this.#world;
    const { unreadable, torn, slow } = faults.chances;
    const fails = random.chance(unreadable);
    const there = random.chance(slow) ? random.between(50, limits.store_call_ms * 2) : random.between(0.2, 3);
    const what = `read ${keysOf(keys.map((key) => ({ key })))}`;
    const found: (Stored | undefined)[] = keys.map(() => undefined);
    const see = (from: number, step: number): void => {
      for (let i = from; i < keys.length; i += step) found[i] = this.rows.get(keys[i] ?? "");
    };
    let last = there;
    if (keys.length > 1 && random.chance(torn)) {
      const parts = 2 + random.below(2);
      for (let part = 0; part < parts; part++) {
        const at = there + random.one([0, 1, 20, 300]) * random.fraction();
        last = Math.max(last, at);
        schedule.in(at, `${host.name} ${what}, part ${part}`, () => see(part, parts));
      }
    } else schedule.in(there, `${host.name} ${what}`, () => see(0, 1));
    const back = last + random.between(0.2, 3);
    return new Promise((resolve, reject) => {
      host.in(Math.min(back, limits.store_call_ms), `reads ${what}`, () => {
        if (fails || back > limits.store_call_ms) reject(unreachable());
        else resolve(found);
      });
    });
  }
}

const unreachable = (): ContextError => new ContextError("unavailable", "the store could not be read", { details: { outcome: "none" } });

const keysOf = (entries: readonly { readonly key: string }[]): string => {
  const [first, ...rest] = entries;
  return `${first?.key ?? ""}${rest.length > 0 ? `…${rest.at(-1)?.key ?? ""}` : ""}`;
};
