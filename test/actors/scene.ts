// A small world whose every step a test decides: one store, clocks that stand still, a bus, reminders and a directory, for as many hosts as it takes.

import type { ContextActor } from "../../actors/context.ts";
import type { Call, Clock, Events, Ports, Settings, Store, Stored, Tracing } from "../../actors/ports.ts";
import type { ContextEvent } from "../../core/record.ts";
import type { Report } from "../../protocol/contract.ts";
import { ContextError, type Refusal, refuse } from "../../protocol/errors.ts";
import { ContextId, TenantId } from "../../protocol/ids.ts";
import type { Policy } from "../../protocol/policy.ts";
import { instant, millis } from "../../protocol/units.ts";
import { RecordCodec } from "../../stores/codec.ts";
import { Keyring } from "../../stores/keyring.ts";
import { Random } from "../sim/random.ts";
import { settle } from "./claims.ts";

export type Part = { readonly ContextActor: typeof ContextActor };
/** What becomes of a request: it is applied or not, and its answer arrives or not. A read that is lost or unheard fails. */
export type Fate = "heard" | "unheard" | "lost";
/** What a test does while a request is under way; one that answers no fate lets it be heard. */
type Hook = { readonly on: RegExp; times: number; readonly run: (apply: () => void) => unknown };
export type Reply = {
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly version?: number;
  readonly duplicate?: boolean;
  readonly created?: boolean;
  readonly slots?: Readonly<Record<string, unknown>>;
  readonly items?: readonly { readonly content: string }[];
  readonly versions?: readonly { readonly version: number; readonly at: string }[];
};

export const ID = ContextId.parse("t.c");
const D = 600_000;
export const times = { drop: D, hot: 2_000, tend: 60_000 };
/** More than any test makes: who asks for more is caught in a loop. */
const MAX_REQUESTS = 20_000;
const START = Date.UTC(2026, 0, 1);

export class Scene {
  readonly part: Part;
  wall = START;
  mono = 0;
  readonly rows = new Map<string, Stored>();
  /** Every request to the store, the reminders, the bus and the directory. */
  readonly calls: string[] = [];
  readonly reminders = new Map<string, { readonly due: number; readonly period: number }>();
  readonly published: ContextEvent[] = [];
  readonly reports: Report[] = [];
  readonly failures: string[] = [];
  /** Whose trace each read of the store was part of. */
  readonly traces: (string | undefined)[] = [];
  readonly settings: Settings = { dropDelayMs: times.drop, hotMs: times.hot, tendMs: times.tend, events: true };
  policy: Policy = {};
  readonly #hooks: Hook[] = [];
  readonly #die = new Random(7, 7);
  readonly keyring = new Keyring(new Map([[1, this.#die.bytes(32)]]), this.#die);
  readonly codec = new RecordCodec(this.keyring, this.#die);
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  #etag = 0;
  #requests = 0;

  constructor(part: Part) {
    this.part = part;
  }

  /** Decides over the next request that looks like `on`; `apply` makes it now, whatever is answered. */
  next(on: RegExp, run: Hook["run"] | Fate, times = 1): void {
    this.#hooks.push({ on, times, run: typeof run === "string" ? () => run : run });
  }

  /** From now on every request is applied and heard. */
  hear(): void {
    this.#hooks.length = 0;
  }

  /** What was asked of the world since the last look, without the prefix of the context. */
  asked(): string[] {
    return this.calls.splice(0).map((call) => call.replaceAll(`${ID}/`, ""));
  }

  /** Time goes on, on both clocks, and wakes who waits. */
  async advance(ms: number): Promise<void> {
    this.wall += ms;
    this.mono += ms;
    for (const sleeper of this.#sleepers) if (sleeper.until <= this.mono) sleeper.wake();
    await settle();
  }

  host(): SceneHost {
    return new SceneHost(this);
  }

  /** Seals the records up to `to` into the next page, as somebody else would. */
  seal(to: number): void {
    let [page, covered] = [1, 0];
    for (let stored = this.row(`page/${page}`); stored !== undefined; stored = this.row(`page/${++page}`))
      covered = this.codec.decodePage(stored.value).to;
    const records = Array.from({ length: to - covered }, (_, i) => this.row(`rec/${covered + 1 + i}`)?.value ?? new Uint8Array());
    this.set(`page/${page}`, this.codec.encodePage(covered + 1, records));
  }

  row(key: string): Stored | undefined {
    return this.rows.get(`${ID}/${key}`);
  }

  set(key: string, value: Uint8Array): void {
    this.rows.set(`${ID}/${key}`, { value: Uint8Array.from(value), etag: String(++this.#etag) });
  }

  drop(...keys: readonly string[]): void {
    for (const key of keys) this.rows.delete(`${ID}/${key}`);
  }

  get keys(): string[] {
    return [...this.rows.keys()].map((key) => key.replace(`${ID}/`, "")).sort();
  }

  /** The names of reminders that are set, by their duty. */
  duties(duty: "tend" | "expire"): string[] {
    return [...this.reminders.keys()].filter((name) => name.startsWith(duty));
  }

  ports(): Ports {
    return {
      clock: this.#clock(),
      die: this.#die,
      store: this.#store(),
      reminders: {
        register: async (_type, _id, name, due, period) => {
          const fate = await this.#request(`register ${name.split("-")[0]}`, () => this.reminders.set(name, { due, period }));
          if (fate !== "heard") throw new ContextError("unavailable", "no reminder", { details: { outcome: "none" } });
        },
        cancel: async (_type, _id, name) => {
          await this.#request(`cancel ${name.split("-")[0]}`, () => this.reminders.delete(name));
        },
      },
      bus: { publish: async (events) => (await this.#request("publish", () => this.published.push(...events))) === "heard" },
      directory: {
        enter: async () => {
          const answer: { readonly ok: true; readonly policy: Policy } | Refusal = { ok: true, policy: this.policy };
          return (await this.#request("enter", () => {})) === "heard" ? answer : refuse("unavailable", "nobody there", NONE);
        },
        report: async (_tenant, report) => (await this.#request("report", () => this.reports.push(report))) === "heard",
      },
      codec: this.codec,
      grants: this.keyring.grants,
      events: this.#events(),
      tracing: noTracing,
      settings: this.settings,
    };
  }

  #clock(): Clock {
    return {
      now: () => instant(this.wall),
      elapsed: () => millis(this.mono),
      sleep: (ms, signal) => {
        // Who can be woken waits for what the test does; a pause between two tries takes its time and is over.
        if (signal === undefined) {
          return Promise.resolve().then(() => {
            this.wall += ms;
            this.mono += ms;
          });
        }
        return new Promise((resolve) => {
          if (ms <= 0) return resolve();
          const sleeper = { until: this.mono + ms, wake: resolve };
          this.#sleepers.add(sleeper);
          signal.addEventListener("abort", () => resolve(), { once: true });
          if (signal.aborted) resolve();
        });
      },
    };
  }

  #store(): Store {
    const write = async <T extends string>(what: string, done: T, change: () => boolean): Promise<T | "unknown"> => {
      let applied = false;
      const fate = await this.#request(what, () => {
        applied = change();
      });
      return fate === "heard" && applied ? done : "unknown";
    };
    const set = (key: string, value: Uint8Array): true => {
      this.rows.set(key, { value: Uint8Array.from(value), etag: String(++this.#etag) });
      return true;
    };
    return {
      read: async (keys, call) => {
        this.traces.push(call?.traceparent);
        let found: (Stored | undefined)[] = [];
        const fate = await this.#request(`read ${keys.join(" ")}`, () => {
          found = keys.map((key) => this.rows.get(key));
        });
        if (fate !== "heard") throw new ContextError("unavailable", "the store could not be read", { details: { outcome: "none" } });
        return found;
      },
      create: (entries) =>
        write(`create ${entries.map(({ key }) => key).join(" ")}`, "created", () => {
          if (entries.some(({ key }) => this.rows.has(key))) return false;
          for (const { key, value } of entries) set(key, value);
          return true;
        }),
      put: (key, value) => write(`put ${key}`, "written", () => set(key, value)),
      replace: (key, value, etag) => write(`replace ${key}`, "written", () => this.rows.get(key)?.etag === etag && set(key, value)),
      drop: (key) => write(`drop ${key}`, "dropped", () => this.rows.delete(key) || true),
    };
  }

  async #request(what: string, apply: () => unknown): Promise<Fate> {
    this.calls.push(what);
    if (++this.#requests > MAX_REQUESTS) throw new Error(`more than ${MAX_REQUESTS} requests: it does not come to an end`);
    let applied = false;
    const once = (): void => {
      if (!applied) apply();
      applied = true;
    };
    const at = this.#hooks.findIndex(({ on }) => on.test(what));
    const hook = this.#hooks[at];
    if (hook !== undefined && --hook.times === 0) this.#hooks.splice(at, 1);
    const answer = await hook?.run(once);
    const fate: Fate = answer === "lost" || answer === "unheard" ? answer : "heard";
    if (fate !== "lost") once();
    return fate;
  }

  #events(): Events {
    const nothing = (): void => {};
    const failed: Events["failed"] = (_id, doing, reason) => this.failures.push(`${doing}: ${String(reason)}`);
    // Whatever else is reported is of no interest here.
    return new Proxy({ failed } as unknown as Events, { get: (target, name) => Reflect.get(target, name) ?? nothing });
  }
}

const NONE = { details: { outcome: "none" } };
const noTracing: Tracing = { span: (_name, call, work) => work(call) };

/** One host of the scene, and what is asked of it. */
export class SceneHost {
  readonly actor: ContextActor;
  readonly #grant: string;

  constructor(scene: Scene) {
    this.actor = new scene.part.ContextActor(scene.ports());
    const tenant = TenantId.parse("t");
    this.#grant = scene.keyring.grants.mint({ v: 1, tenant, subject: "tester", contexts: ["*"], methods: ["*"], expires: START * 2 });
  }

  async ask(method: string, query: object, call: Call = {}, id = ID): Promise<Reply> {
    const body = Buffer.from(JSON.stringify({ grant: this.#grant, ...query }));
    const reply = JSON.parse(await this.actor.invoke(id, method, body, call)) as Reply;
    await settle();
    return reply;
  }

  append(key: string, more: object = {}): Promise<Reply> {
    return this.ask("append", { key, items: [{ role: "user", content: key }], ...more });
  }

  configure(key: string, ms: number | null, from = "lastAppend"): Promise<Reply> {
    return this.ask("configure", { key, policy: { ttl: ms === null ? null : { ms, from } } });
  }

  read(query: object = {}): Promise<Reply> {
    return this.ask("read", query);
  }

  async remind(name: string): Promise<void> {
    await this.actor.remind(ID, name, {});
    await settle();
  }
}

/** A scene in which `count` versions stand, by a host of its own: the first to the last key are k1, k2 … */
export async function standing(part: Part, count: number): Promise<{ readonly scene: Scene; readonly host: SceneHost }> {
  const scene = new Scene(part);
  const host = scene.host();
  for (let i = 1; i <= count; i++) await host.append(`k${i}`);
  scene.asked();
  return { scene, host };
}
