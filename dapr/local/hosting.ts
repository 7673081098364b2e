import { limits } from "../../protocol/limits.ts";
import type { AppChannel } from "./app.ts";
import { goDuration } from "./durations.ts";
import { isObject, parseGoJson } from "./go-json.ts";

/** A subscription as the app declares it, its routes in the order in which they are tried. */
export type Subscription = {
  readonly pubsub: string;
  readonly topic: string;
  readonly deadLetterTopic: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** `match` is absent in the route that takes what no other took. */
  readonly routes: readonly { readonly match: string | undefined; readonly path: string }[];
};

/** What the app hosts: actor types with the time after which an idle actor is deactivated, and subscriptions. */
export type Hosted = { readonly idleMs: ReadonlyMap<string, number>; readonly subscriptions: readonly Subscription[] };

const none: Hosted = { idleMs: new Map(), subscriptions: [] };

/** Watches over the app: asks for its health, and for what it hosts whenever it (again) becomes healthy. */
export class Hosting {
  readonly #app: AppChannel;
  readonly #healthPath: string;
  readonly #everyMs: number;
  readonly #onChange: (hosted: Hosted) => void;
  #hosted = none;
  #healthy = false;
  #failures = 0;
  #seen = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(options: { app: AppChannel; healthPath: string; everyMs: number; onChange: (hosted: Hosted) => void }) {
    this.#app = options.app;
    this.#healthPath = options.healthPath;
    this.#everyMs = options.everyMs;
    this.#onChange = options.onChange;
    void this.#probe();
  }

  get hosted(): Hosted {
    return this.#hosted;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  /** Whether the app has been healthy since the sidecar started. */
  get seen(): boolean {
    return this.#seen;
  }

  /** Resolves when the app is healthy, or after `withinMs`. */
  settled(withinMs: number): Promise<void> {
    if (this.#healthy) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#waiting.add(done);
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const done of [...this.#waiting]) done();
  }

  async #probe(): Promise<void> {
    const well = await this.#ask();
    if (this.#closed) return;
    this.#failures = well ? 0 : this.#failures + 1;
    if (well && !this.#healthy) await this.#appear();
    else if (this.#healthy && this.#failures >= limits.sidecar_app_probe_failures) this.#vanish();
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#probe(), this.#seen ? this.#everyMs : limits.sidecar_app_probe_at_first_every_ms);
  }

  async #ask(): Promise<boolean> {
    try {
      const reply = await this.#app.call({ verb: "GET", path: this.#healthPath, within: limits.sidecar_app_probe_ms });
      return reply.status >= 200 && reply.status < 300;
    } catch {
      return false;
    }
  }

  async #appear(): Promise<void> {
    const hosted = await this.#load();
    if (hosted === undefined || this.#closed) return;
    this.#hosted = hosted;
    this.#healthy = true;
    this.#seen = true;
    this.#onChange(hosted);
    for (const done of [...this.#waiting]) done();
  }

  #vanish(): void {
    this.#healthy = false;
    this.#hosted = none;
    this.#onChange(none);
  }

  async #load(): Promise<Hosted | undefined> {
    try {
      const config = await this.#app.call({ verb: "GET", path: "/dapr/config", within: limits.sidecar_app_probe_ms });
      const subscribe = await this.#app.call({ verb: "GET", path: "/dapr/subscribe", within: limits.sidecar_app_probe_ms });
      // An app that fails to say it is asked again: to take it for one without subscriptions would let go of what waits for them.
      if (config.status >= 500 || subscribe.status >= 500) return undefined;
      return {
        idleMs: config.status === 200 ? readIdle(parseGoJson(config.body.toString())) : new Map(),
        subscriptions: subscribe.status === 200 ? readSubscriptions(parseGoJson(subscribe.body.toString())) : [],
      };
    } catch {
      return undefined;
    }
  }
}

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);
const string = (value: unknown): string => (typeof value === "string" ? value : "");

function readIdle(config: unknown): Map<string, number> {
  const idle = new Map<string, number>();
  if (!isObject(config)) return idle;
  const usual = goDuration(string(config.actorIdleTimeout)) ?? limits.sidecar_idle_default_ms;
  for (const type of strings(config.entities)) idle.set(type, usual);
  for (const one of Array.isArray(config.entitiesConfig) ? config.entitiesConfig : []) {
    if (!isObject(one)) continue;
    // As in daprd, an entry without a timeout of its own gets the default, not the common one.
    const own = goDuration(string(one.actorIdleTimeout)) ?? limits.sidecar_idle_default_ms;
    for (const type of strings(one.entities)) if (idle.has(type)) idle.set(type, own);
  }
  return idle;
}

function readSubscriptions(list: unknown): Subscription[] {
  const found: Subscription[] = [];
  for (const one of Array.isArray(list) ? list : []) {
    if (!isObject(one)) continue;
    const rules = isObject(one.routes) && Array.isArray(one.routes.rules) ? one.routes.rules.filter(isObject) : [];
    const routes: { match: string | undefined; path: string }[] = rules.map((rule) => ({
      match: string(rule.match).trim() === "" ? undefined : string(rule.match),
      path: string(rule.path),
    }));
    const last = (isObject(one.routes) && string(one.routes.default)) || string(one.route);
    if (last !== "") routes.push({ match: undefined, path: last });
    if (routes.length === 0) continue;
    found.push({
      pubsub: string(one.pubsubname),
      topic: string(one.topic),
      deadLetterTopic: string(one.deadLetterTopic) || undefined,
      metadata: isObject(one.metadata) ? Object.fromEntries(Object.entries(one.metadata).map(([key, value]) => [key, string(value)])) : {},
      routes,
    });
  }
  return found;
}
