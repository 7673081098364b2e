import { daprVersions } from "../runtime.ts";
import type { Actors } from "./actors.ts";
import { type Answer, json, notFound, nothing, Refused, refused, unaskedTooLarge } from "./answers.ts";
import type { Hosting } from "./hosting.ts";
import { takeNoBody } from "./reminders.ts";
import type { Call, Route } from "./server.ts";

/** A secret store that hands out what it reads; `undefined` is a secret that it may not hand out. */
export type SecretStore = { readonly name: string; readonly read: (key: string) => string | undefined };

/** What daprd's SQLite component can do, but for the one that only its actor state API uses. */
const stateCapabilities = ["ETAG", "TRANSACTIONAL", "TTL"];

/** Metadata, health and secrets: what a sidecar tells about itself and what it was given. */
export class About {
  readonly #ids: { readonly host: string; readonly callers: string };
  readonly #appPort: number;
  readonly #components: {
    readonly states: readonly string[];
    readonly pubsubs: readonly string[];
    readonly secrets: readonly SecretStore[];
  };
  readonly #hosting: Hosting;
  readonly #actors: Actors;

  constructor(options: {
    ids: { host: string; callers: string };
    appPort: number;
    components: { states: readonly string[]; pubsubs: readonly string[]; secrets: readonly SecretStore[] };
    hosting: Hosting;
    actors: Actors;
  }) {
    this.#ids = options.ids;
    this.#appPort = options.appPort;
    this.#components = options.components;
    this.#hosting = options.hosting;
    this.#actors = options.actors;
  }

  get routes(): readonly Route[] {
    const get = ["GET"];
    return [
      { verbs: get, pattern: "/v1.0/healthz", for: "everybody", handle: (call) => this.#health(call) },
      { verbs: get, pattern: "/v1.0/healthz/outbound", for: "everybody", handle: () => nothing },
      { verbs: get, pattern: "/v1.0/metadata", for: "callers", tooLarge: unaskedTooLarge, handle: (call) => this.#metadata(call) },
      { verbs: get, pattern: "/v1.0/secrets/{}/{}", for: "host", tooLarge: unaskedTooLarge, handle: (call) => this.#secret(call) },
    ];
  }

  #health(call: Call): Answer {
    if (!this.#hosting.seen) return refused(500, "ERR_HEALTH_NOT_READY", "dapr is not ready: [app]");
    const asked = new URLSearchParams(call.query).get("appid");
    if (asked !== null && asked !== this.#id(call)) return refused(500, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match");
    return nothing;
  }

  /** Callers learn what a sidecar of their own would tell them: nothing of the host's components, actors and subscriptions. */
  #metadata(call: Call): Answer {
    takeNoBody(call);
    const common = {
      id: this.#id(call),
      // The version of Dapr whose API this is.
      runtimeVersion: daprVersions.tested,
      extended: { daprRuntimeVersion: daprVersions.tested, embedded: "true" },
    };
    const pubsubs = this.#components.pubsubs.map((name) => ({ name, type: "pubsub.sqlite", version: "v1" }));
    const runtime = { runtimeStatus: "RUNNING", hostReady: true, placement: "placement: embedded" };
    if (!call.host) return json(200, `${JSON.stringify({ ...common, components: pubsubs, actorRuntime: runtime })}\n`);
    const active = [...this.#actors.counts()].map(([type, count]) => (count === 0 ? { type } : { type, count }));
    const secrets = this.#components.secrets.map(({ name }) => ({ name, type: "secretstores.embedded", version: "v1" }));
    const states = this.#components.states.map((name) => ({ name, type: "state.sqlite", version: "v1", capabilities: stateCapabilities }));
    const told = {
      ...common,
      actors: active,
      components: [...secrets, ...states, ...pubsubs],
      subscriptions: this.#hosting.hosted.subscriptions.map((one) => ({
        pubsubname: one.pubsub,
        topic: one.topic,
        metadata: Object.keys(one.metadata).length === 0 ? undefined : one.metadata,
        rules: one.routes,
        deadLetterTopic: one.deadLetterTopic ?? "",
        type: "PROGRAMMATIC",
      })),
      appConnectionProperties: { port: this.#appPort, protocol: "http", channelAddress: "127.0.0.1" },
      actorRuntime: { ...runtime, activeActors: active, hostReady: this.#hosting.healthy },
    };
    return json(200, `${JSON.stringify(told)}\n`);
  }

  #secret(call: Call): Answer {
    const [name = "", key = ""] = call.params;
    // All secrets at once: an API that nobody here should need.
    if (key === "bulk") return notFound;
    takeNoBody(call);
    if (this.#components.secrets.length === 0)
      throw new Refused(refused(500, "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured"));
    const store = this.#components.secrets.find((one) => one.name === name);
    if (store === undefined) return refused(401, "ERR_SECRET_STORE_NOT_FOUND", `failed finding secret store with key ${name}`);
    const secret = store.read(key);
    if (secret === undefined)
      return refused(403, "ERR_PERMISSION_DENIED", `access denied by policy to get ${JSON.stringify(key.toWellFormed())} from "${name}"`);
    return json(200, `${JSON.stringify({ [key]: secret })}\n`);
  }

  #id(call: Call): string {
    return call.host ? this.#ids.host : this.#ids.callers;
  }
}
