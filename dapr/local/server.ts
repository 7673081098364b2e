import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Limits, limits } from "../../protocol/limits.ts";
import { Bodies, type Body, noBody } from "../bodies.ts";
import { type Answer, notFound, plain, Refused, refused } from "./answers.ts";
import type { Faults } from "./faults.ts";
import { Leaver, type Leaving } from "./lock.ts";
import { cleanPath, unescapeSegment } from "./paths.ts";

/** One request, as a route sees it. */
export type Call = {
  readonly verb: string;
  /** What stood where the route's pattern has `{}` or `*`, escapes undone. */
  readonly params: readonly string[];
  /** After the question mark, as it came. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly caller: Leaving;
  /** Came to the host's door. */
  readonly host: boolean;
};

export type Route = {
  readonly verbs: readonly string[];
  /** Segments: text, `{}` for any one, and at the end `*` for all that follows. */
  readonly pattern: string;
  /** Who may ask: everybody even without the door's token, callers and the host, or the host alone. At the callers' door the last does not exist. */
  readonly for: "everybody" | "callers" | "host";
  /** Whether there is such a route at this moment. Default: always. */
  readonly exists?: () => boolean;
  /** How this API of daprd answers a body above the cap, by one byte or more. Without it the body is not read, whatever its size. */
  readonly tooLarge?: (params: readonly string[], byOne: boolean) => Answer;
  readonly handle: (call: Call) => Answer | Promise<Answer>;
};

/** As with daprd, where callers and host have a sidecar each: what is open at the one is not at the other, nor is its token. */
export type Side = "host" | "callers";
/** What a request has to send in `dapr-api-token` at each door. Callers may have to send nothing; the host's door opens everything. */
export type Tokens = { readonly host: string; readonly callers: string | undefined };

type ServerLimits = Pick<
  Limits,
  "headers_ms" | "request_ms" | "senders_look_ms" | "sidecar_keep_alive_ms" | "sidecar_connections" | "sidecar_bytes_held"
>;

const badUrl = plain(400, "400 Bad Request");
const invalidToken = plain(401, "invalid api token");
/** What no daprd says: it takes whatever its memory holds. */
const noRoom = refused(503, "ERR_OVERLOADED", "the bodies of calls that wait fill all the room there is for them; call again");

export class SidecarServer {
  readonly #servers: Readonly<Record<Side, Server>>;
  readonly #routes = new Map<string, { route: Route; segments: readonly string[] }[]>();
  readonly #tokens: Tokens;
  readonly #bodies: Bodies;
  readonly #maxBytes: number;
  readonly #faults: () => Faults;
  /** Requests that came over a connection and are not answered yet. */
  readonly #open = new WeakMap<Socket, number>();
  readonly #onProblem: (what: string, cause: unknown) => void;

  constructor(options: {
    routes: readonly Route[];
    tokens: Tokens;
    maxBytes: number;
    limits: ServerLimits;
    faults: () => Faults;
    onProblem: (what: string, cause: unknown) => void;
  }) {
    for (const route of options.routes) {
      const segments = route.pattern.slice(1).split("/");
      const group = segments[1] ?? "";
      const known = this.#routes.get(group);
      if (known === undefined) this.#routes.set(group, [{ route, segments }]);
      else known.push({ route, segments });
    }
    this.#tokens = options.tokens;
    this.#onProblem = options.onProblem;
    this.#maxBytes = options.maxBytes;
    this.#faults = options.faults;
    // The host's bodies are bounded by what the host does; callers must not take the room that their own turns need.
    this.#bodies = new Bodies({ each: options.maxBytes, together: options.limits.sidecar_bytes_held });
    this.#servers = { host: this.#door("host", options.limits), callers: this.#door("callers", options.limits) };
  }

  #door(side: Side, bounds: ServerLimits): Server {
    const { headers_ms, request_ms, senders_look_ms, sidecar_keep_alive_ms, sidecar_connections } = bounds;
    const server = createServer(
      {
        headersTimeout: headers_ms,
        requestTimeout: request_ms,
        // Otherwise Node looks every 30 s, and a slow sender has so much longer.
        connectionsCheckingInterval: Math.min(headers_ms, senders_look_ms),
        keepAliveTimeout: sidecar_keep_alive_ms,
      },
      (request, response) => void this.#serve(side, request, response),
    );
    server.on("clientError", refuseUnreadable);
    // Waiting calls and queued turns belong to connections, some to each, so this bounds all that come to this door.
    server.maxConnections = sidecar_connections;
    return server;
  }

  /** Opens a door. Resolves with the port. Rejects with the system's error, EADDRINUSE for one. */
  async listen(side: Side, address: string, port: number): Promise<number> {
    const server = this.#servers[side];
    const listening = once(server, "listening");
    server.listen(port, address);
    await listening;
    server.on("error", (cause) => this.#onProblem("a connection could not be taken", cause));
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("the server listens on no port");
    return bound.port;
  }

  /** Takes no more connections; those that are still at work after `withinMs` are cut. The host's door stands open until the callers' are gone. */
  async close(withinMs: number): Promise<void> {
    const { callers, host } = this.#servers;
    const cut = setTimeout(() => {
      for (const server of [callers, host]) server.closeAllConnections();
    }, withinMs);
    await closeDoor(callers);
    await closeDoor(host);
    clearTimeout(cut);
  }

  async #serve(side: Side, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const open = (this.#open.get(socket) ?? 0) + 1;
    // No answer to it could go out before those that others wait for, and each that waits costs memory.
    if (open > limits.sidecar_calls_per_connection) return void socket.destroy();
    this.#open.set(socket, open);
    response.once("close", () => this.#open.set(socket, (this.#open.get(socket) ?? 1) - 1));
    try {
      await this.#answer(side, request, response);
    } catch (cause) {
      if (response.headersSent || response.destroyed) response.destroy();
      else send(request, response, cause instanceof Refused ? cause.answer : this.#broken(cause));
    }
  }

  #broken(cause: unknown): Answer {
    this.#onProblem("a request failed inside the sidecar", cause);
    return refused(500, "ERROR", "internal error");
  }

  async #answer(side: Side, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "/";
    const mark = url.indexOf("?");
    const path = cleanPath(mark < 0 ? url : url.slice(0, mark));
    const known = this.#isKnown(side, request.headers["dapr-api-token"]);
    delete request.headers["dapr-api-token"];
    const found = this.#find(path, request.method ?? "", side, known);
    if (!("route" in found)) return void send(request, response, found);

    const params: string[] = [];
    for (const raw of found.params) {
      const param = unescapeSegment(raw);
      if (param === undefined) return void send(request, response, badUrl);
      params.push(param);
    }
    const body = await this.#read(request, found.route, params, side !== "host");
    if ("status" in body) return void send(request, response, body);
    try {
      const caller = new Leaver();
      response.once("close", () => {
        if (!response.writableFinished) caller.leave();
      });
      const query = mark < 0 ? "" : url.slice(mark + 1);
      const { method: verb = "", headers } = request;
      const answer = await found.route.handle({ verb, params, query, headers, body: body.bytes, caller, host: side === "host" });
      if (!response.destroyed) send(request, response, answer);
    } finally {
      body.release();
    }
  }

  /** What a route reads of the request, or how that is refused. */
  async #read(request: IncomingMessage, { tooLarge }: Route, params: readonly string[], counted: boolean): Promise<Body | Answer> {
    if (tooLarge === undefined) return noBody;
    const byOne = Number(request.headers["content-length"] ?? 0) === this.#maxBytes + 1;
    const cut = byOne && this.#faults().cutsLastByte;
    const body = await this.#bodies.read(request, counted, cut ? 1 : 0);
    if (body === "too large") return tooLarge(params, byOne);
    if (body === "no room") return noRoom;
    return cut ? { ...body, bytes: body.bytes.subarray(0, this.#maxBytes) } : body;
  }

  #isKnown(side: Side, token: string | string[] | undefined): boolean {
    const expected = this.#tokens[side];
    return expected === undefined || same(typeof token === "string" ? token : "", expected);
  }

  #find(path: string, verb: string, side: Side, known: boolean): { route: Route; params: readonly string[] } | Answer {
    const segments = path.slice(1).split("/");
    const allowed: string[] = [];
    for (const { route, segments: pattern } of this.#routes.get(segments[1] ?? "") ?? []) {
      if ((side === "callers" && route.for === "host") || route.exists?.() === false) continue;
      const params = match(pattern, segments);
      if (params === undefined) continue;
      if (!known && route.for !== "everybody") return invalidToken;
      if (route.verbs.includes(verb)) return { route, params };
      allowed.push(...route.verbs);
    }
    if (!known) return invalidToken;
    return allowed.length > 0 ? { status: 405, headers: { allow: allowed.join(", ") } } : notFound;
  }
}

async function closeDoor(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  await closed;
  clearInterval(idle);
}

function match(pattern: readonly string[], segments: readonly string[]): string[] | undefined {
  const open = pattern.at(-1) === "*";
  if (open ? segments.length < pattern.length : segments.length !== pattern.length) return undefined;
  const params: string[] = [];
  for (const [index, expected] of pattern.entries()) {
    if (expected === "*") params.push(segments.slice(index).join("/"));
    else if (expected === "{}") params.push(segments[index] ?? "");
    else if (expected !== segments[index]) return undefined;
  }
  // The router of daprd matches no empty segment, and no empty rest.
  return params.includes("") ? undefined : params;
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const body = answer.body ?? "";
  // Arrays are several lines of one header; Node takes them as they are.
  const headers: Record<string, string | number | readonly string[]> = { ...answer.headers };
  if (answer.status !== 204) headers["content-length"] = Buffer.byteLength(body);
  if (!request.complete) {
    headers.connection = "close";
    request.resume();
    setTimeout(() => request.destroy(), limits.refused_body_ms).unref();
  }
  response.writeHead(answer.status, headers as Record<string, string | number | string[]>);
  response.end(request.method === "HEAD" ? "" : body);
}

const unreadable: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** What cannot even be read as a request, or takes too long for one. */
function refuseUnreadable(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const line = unreadable[error.code ?? ""] ?? "400 Bad Request";
  // A request that is late must not go on to its end behind the refusal.
  const late = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  socket.end(`HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}`, () => {
    if (late) socket.destroy();
  });
  socket.resume();
  setTimeout(() => socket.destroy(), limits.refused_body_ms).unref();
}

function same(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
