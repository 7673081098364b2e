// The actor host: the routes that the sidecar calls, on node:http. Another actor type is one file that implements ActorType and one line in
// services/host. What is not the sidecar's to ask is refused here, before anything is parsed.

import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type ActorType, aborted } from "../actors/actor.ts";
import type { Call, Events } from "../actors/ports.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { Bodies, type Body } from "./bodies.ts";
import { isProbe } from "./reach.ts";
import type { Standing } from "./readiness.ts";
import { Turnstile } from "./turnstile.ts";

export type HostOptions = {
  /** The actor types that will be served: the sidecar asks for them before it is of use to us. */
  readonly types: readonly string[];
  /** Where to listen; port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** APP_API_TOKEN: what the sidecar sends with every call. Without one, whoever reaches the port is believed to be the sidecar. */
  readonly appToken: string | undefined;
  /** Actors that are idle for so long are taken away, as a Go duration. */
  readonly actorIdleTimeout: string;
  readonly drainOngoingCallTimeout: string;
  /** How long a sender may take for its headers, and for the whole of a request. Default: `headers_ms` and `request_ms`. */
  readonly patience?: { readonly headersMs: number; readonly requestMs: number };
  /** Bytes of all bodies that are held at once. Default: `host_bytes_held`. */
  readonly room?: number;
  readonly events: Pick<Events, "failed">;
};

/** What a host says of its health beside that it runs. */
export type Watch = {
  /** Whether what the host stands on is there. */
  standing(): Promise<Standing>;
  /** Whether calls get through to its actors. */
  reached(): boolean;
};

export type Host = {
  readonly port: number;
  /** From now on `actors` are served, and the sidecar is told that they may come. */
  ready(actors: readonly ActorType[], watch?: Watch): void;
  /** Lets what runs end, for at most `ms`, then closes. New calls are told to come back. */
  close(ms: number): Promise<void>;
};

const ACTOR_PATH = /^\/actors\/([^/]+)\/([^/]+)(?:\/method\/([^/]+)(?:\/([^/]+))?)?$/;

export async function startHost(options: HostOptions): Promise<Host> {
  const serving = new Serving(options);
  const { headersMs = limits.headers_ms, requestMs = limits.request_ms } = options.patience ?? {};
  const server = createServer(
    {
      keepAliveTimeout: limits.host_keep_alive_ms,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      // Otherwise Node looks every 30 s, and a slow sender has so much longer.
      connectionsCheckingInterval: Math.min(headersMs, limits.senders_look_ms),
    },
    (request, response) => {
      serving.serve(request, response).catch((reason: unknown) => {
        // A request that broke off is nobody's failure here, and nobody hears an answer.
        if (request.readableAborted) return void response.destroy();
        options.events.failed("host", "serve", reason);
        if (!response.headersSent) send(response, 500, refuse("internal", "the call failed inside Strata"));
        else response.destroy();
      });
    },
  );
  // Each holds one call. The sidecar bounds nothing.
  server.maxConnections = limits.host_connections;
  await listen(server, options);
  server.on("error", (reason) => options.events.failed("host", "accept", reason));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    ready: (actors, watch) => serving.ready(actors, watch),
    close: (ms) => serving.close(server, ms),
  };
}

async function listen(server: Server, { host, port }: HostOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
}

class Serving {
  readonly #options: HostOptions;
  #actors: ReadonlyMap<string, ActorType> = new Map();
  readonly #token: Buffer | undefined;
  #state: "starting" | "ready" | "draining" = "starting";
  #watch: Watch = { standing: async () => ({ sidecar: "ok", store: "ok" }), reached: () => true };
  readonly #running = new Set<Promise<void>>();
  readonly #turnstile = new Turnstile();
  readonly #bodies: Bodies;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#bodies = new Bodies({ each: limits.bytes_per_body, together: options.room ?? limits.host_bytes_held });
    this.#token = options.appToken === undefined ? undefined : Buffer.from(options.appToken);
  }

  ready(actors: readonly ActorType[], watch = this.#watch): void {
    this.#actors = new Map(actors.map((actor) => [actor.name, actor]));
    this.#watch = watch;
    this.#state = "ready";
  }

  async close(server: Server, ms: number): Promise<void> {
    this.#state = "draining";
    const patience = AbortSignal.timeout(ms);
    await Promise.all([...this.#actors.values()].map((actor) => actor.drain(patience)));
    server.close();
    server.closeIdleConnections();
    await Promise.race([Promise.allSettled(this.#running), aborted(patience)]);
    server.closeAllConnections();
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    if (path === "/healthz" || path === "/readyz") return this.#health(path, request, response);
    if (!this.#isSidecar(request))
      return send(response, 401, refuse("denied", "this port is the sidecar's; call /v1.0/actors/… at a sidecar"));
    if (path === "/dapr/config" && request.method === "GET") return send(response, 200, this.#config());
    if (path === "/dapr/subscribe" && request.method === "GET") return send(response, 200, []);
    const [, type = "", id = "", method, reminder] = ACTOR_PATH.exec(path ?? "") ?? [];
    const actor = this.#actors.get(type);
    if (actor === undefined && this.#options.types.includes(type)) return send(response, 200, goingAway("is not ready yet"));
    if (actor === undefined)
      return send(
        response,
        404,
        refuse(
          "not_found",
          `there is nothing at this path; the sidecar calls /actors/<type>/<id>/…, and the types are ${this.#options.types.join(" and ")}`,
        ),
      );
    if (method === undefined) return this.#deactivate(actor, id, request, response);
    if (isProbe(id, method)) return send(response, 200, {});
    if (request.method !== "PUT" && request.method !== "POST")
      return send(response, 405, refuse("invalid", "actor methods are called by PUT or POST"));
    if (this.#state === "draining") return send(response, 200, goingAway("is going away"));
    const work =
      reminder === undefined
        ? this.#invoke(actor, id, method, request, response)
        : this.#remind(actor, id, method, reminder, request, response);
    this.#running.add(work);
    await work.finally(() => this.#running.delete(work));
  }

  async #invoke(actor: ActorType, id: string, method: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.#bodies.read(request, true);
    if (body === "too large" || body === "no room") return refuseBody(request, response, body);
    try {
      const call = callOf(request, response);
      // Who is alone here has nobody to let go first.
      if (this.#running.size > 1) await this.#turnstile.pass();
      sendText(response, 200, await actor.invoke(id, method, body.bytes, call));
    } finally {
      body.release();
    }
  }

  async #remind(
    actor: ActorType,
    id: string,
    method: string,
    reminder: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    // A caller can name the method "remind/x"; then the sidecar marks the call as one that came over its API. Real fires carry no such mark.
    if (request.headers["dapr-api-call"] !== undefined || method !== "remind")
      return send(response, 403, refuse("denied", "only the runtime fires reminders and timers"));
    // Nothing of it is used, so it takes no room: a fire that is answered 200 counts as delivered.
    const body = await this.#bodies.read(request, false);
    if (body === "too large" || body === "no room") return refuseBody(request, response, body);
    try {
      await actor.remind(id, reminder, callOf(request, response));
      send(response, 200, {});
    } catch (reason) {
      this.#options.events.failed(id, `remind/${reminder}`, reason);
      send(response, 500, refuse("unavailable", "the reminder could not be served; it fires again"));
    }
  }

  async #deactivate(actor: ActorType, id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "DELETE") return send(response, 405, refuse("invalid", "only DELETE goes here"));
    await actor.deactivate(id);
    send(response, 200, {});
  }

  /** /healthz is for who may restart the host or take its actors away: it speaks of what that mends. /readyz is for who watches. */
  async #health(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, refuse("invalid", "only GET goes here"));
    const running = this.#running.size;
    const status = this.#state === "ready" && !this.#watch.reached() ? "unreached" : this.#state;
    if (path === "/healthz" || status !== "ready") return send(response, status === "ready" ? 200 : 503, { status, running });
    const standing = await this.#watch.standing();
    const whole = standing.sidecar === "ok" && standing.store === "ok";
    send(response, whole ? 200 : 503, { status: whole ? "ready" : "waiting", running, ...standing });
  }

  #config() {
    return {
      entities: this.#options.types,
      actorIdleTimeout: this.#options.actorIdleTimeout,
      drainOngoingCallTimeout: this.#options.drainOngoingCallTimeout,
      drainRebalancedActors: true,
    };
  }

  #isSidecar(request: IncomingMessage): boolean {
    if (this.#token === undefined) return true;
    const sent = request.headers["dapr-api-token"];
    const token = Buffer.from(typeof sent === "string" ? sent : "");
    return token.length === this.#token.length && timingSafeEqual(token, this.#token);
  }
}

const goingAway = (what: string) =>
  refuse("unavailable", `this host ${what}; call again`, { retryAfterMs: limits.queue_retry_after_ms, details: { outcome: "none" } });

/** The decoded path, or undefined where it does not decode. */
function pathOf(request: IncomingMessage): string | undefined {
  const raw = (request.url ?? "").split("?", 1)[0] ?? "";
  if (!raw.includes("%")) return raw;
  try {
    // Segment by segment, so that an encoded slash in an id stays inside it.
    return raw
      .split("/")
      .map((part) => decodeURIComponent(part).replaceAll("/", "%2F"))
      .join("/");
  } catch {
    return undefined;
  }
}

function callOf(request: IncomingMessage, response: ServerResponse): Call {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  const traceparent = request.headers.traceparent;
  return typeof traceparent === "string" ? { signal: gone.signal, traceparent } : { signal: gone.signal };
}

/**
 * Says that the body is not taken while its sender is still sending. What goes on arriving is thrown away for a while: a connection that is closed
 * on unread bytes is reset, and its reset overtakes the answer.
 */
function refuseBody(request: IncomingMessage, response: ServerResponse, why: Exclude<Awaited<ReturnType<Bodies["read"]>>, Body>): void {
  const text = JSON.stringify(notTaken(request, why));
  // The sidecar hands on what comes with 200; of another status it makes an error of its own.
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text), connection: "close" });
  response.write(text);
  const end = (): void => {
    clearTimeout(patience);
    response.end();
  };
  const patience = setTimeout(end, limits.refused_body_ms);
  request.once("end", end).once("close", end).resume();
}

function notTaken(request: IncomingMessage, why: "too large" | "no room"): Refusal {
  if (why === "too large") {
    const said = request.headers["content-length"] ?? `more than ${limits.bytes_per_body}`;
    return refuse("too_large", `the body has ${said} bytes; at most ${limits.bytes_per_body}`);
  }
  const details = { outcome: "none" };
  const message = `the bodies of this host's calls take all ${limits.host_bytes_held} bytes that they may; try again after ${limits.queue_retry_after_ms} ms`;
  return refuse("overloaded", message, { retryAfterMs: limits.queue_retry_after_ms, details });
}

const send = (response: ServerResponse, status: number, body: unknown): void => sendText(response, status, JSON.stringify(body));

function sendText(response: ServerResponse, status: number, text: string): void {
  // Every header goes on through both sidecars to the caller, and these say nothing there.
  response.sendDate = false;
  response.removeHeader("connection");
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  // As a string it leaves together with the head, in one write.
  response.end(text);
}
