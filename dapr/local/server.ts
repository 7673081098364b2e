import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type Answer, BodyTooLarge, notFound, plain, Refused, refused } from "./answers.ts";
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
  /** Came with the host's token. */
  readonly host: boolean;
};

export type Route = {
  readonly verbs: readonly string[];
  /** Segments: text, `{}` for any one, and at the end `*` for all that follows. */
  readonly pattern: string;
  /** Who may ask: everybody even without a token, callers, or the host alone. To others the route does not exist. */
  readonly for: "everybody" | "callers" | "host";
  /** How this API of daprd answers a body above the cap. */
  readonly tooLarge?: (params: readonly string[]) => Answer;
  readonly handle: (call: Call) => Answer | Promise<Answer>;
};

export type Tokens = { readonly host: string | undefined; readonly callers: string | undefined };

/** ms that an unread body may go on arriving after its refusal, so that its sender reads the refusal instead of a reset. */
const lingerMs = 2_000;
const badUrl = plain(400, "400 Bad Request");
const invalidToken = plain(401, "invalid api token");

export class SidecarServer {
  readonly #server: Server;
  readonly #routes = new Map<string, { route: Route; segments: readonly string[] }[]>();
  readonly #tokens: Tokens;
  readonly #maxBytes: number;
  readonly #onProblem: (what: string, cause: unknown) => void;

  constructor(options: {
    routes: readonly Route[];
    tokens: Tokens;
    maxBytes: number;
    maxConnections: number;
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
    this.#maxBytes = options.maxBytes;
    this.#onProblem = options.onProblem;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on("clientError", refuseUnreadable);
    this.#server.headersTimeout = 10_000;
    // Longer than any client's pool keeps an idle connection: the side that sends must be the one that lets go.
    this.#server.keepAliveTimeout = 120_000;
    // Waiting calls, held bodies and queued turns each belong to a connection, so this bounds them all.
    this.#server.maxConnections = options.maxConnections;
  }

  /** Resolves with the port. Rejects with the system's error, EADDRINUSE for one. */
  async listen(host: string, port: number): Promise<number> {
    const listening = once(this.#server, "listening");
    this.#server.listen(port, host);
    await listening;
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server listens on no port");
    return address.port;
  }

  /** Takes no more connections; those that are still at work after `withinMs` are cut. */
  async close(withinMs: number): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeIdleConnections();
    const idle = setInterval(() => this.#server.closeIdleConnections(), 20);
    const cut = setTimeout(() => this.#server.closeAllConnections(), withinMs);
    await closed;
    clearInterval(idle);
    clearTimeout(cut);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (cause) {
      if (response.headersSent || response.destroyed) response.destroy();
      else send(request, response, cause instanceof Refused ? cause.answer : this.#broken(cause));
    }
  }

  #broken(cause: unknown): Answer {
    this.#onProblem("a request failed inside the sidecar", cause);
    return refused(500, "ERROR", "internal error");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "/";
    const mark = url.indexOf("?");
    const path = cleanPath(mark < 0 ? url : url.slice(0, mark));
    const who = this.#who(request.headers["dapr-api-token"]);
    delete request.headers["dapr-api-token"];
    const found = this.#find(path, request.method ?? "", who);
    if (!("route" in found)) return void send(request, response, found);

    const params: string[] = [];
    for (const raw of found.params) {
      const param = unescapeSegment(raw);
      if (param === undefined) return void send(request, response, badUrl);
      params.push(param);
    }
    const body = await this.#read(request);
    if (body === undefined) {
      const answer =
        found.route.tooLarge?.(params) ?? refused(400, "ERR_BODY_READ", `failed to read request body: ${new BodyTooLarge().message}`);
      return void send(request, response, answer);
    }
    const caller = new Leaver();
    response.once("close", () => {
      if (!response.writableFinished) caller.leave();
    });
    const answer = await found.route.handle({
      verb: request.method ?? "",
      params,
      query: mark < 0 ? "" : url.slice(mark + 1),
      headers: request.headers,
      body,
      caller,
      host: who === "host",
    });
    if (!response.destroyed) send(request, response, answer);
  }

  #who(token: string | string[] | undefined): "host" | "callers" | "nobody" {
    const given = typeof token === "string" ? token : "";
    if (this.#tokens.host !== undefined && same(given, this.#tokens.host)) return "host";
    if (this.#tokens.callers === undefined || same(given, this.#tokens.callers)) return "callers";
    return "nobody";
  }

  #find(path: string, verb: string, who: "host" | "callers" | "nobody"): { route: Route; params: readonly string[] } | Answer {
    const segments = path.slice(1).split("/");
    const allowed: string[] = [];
    for (const { route, segments: pattern } of this.#routes.get(segments[1] ?? "") ?? []) {
      if (who === "callers" && route.for === "host") continue;
      const params = match(pattern, segments);
      if (params === undefined) continue;
      if (who === "nobody" && route.for !== "everybody") return invalidToken;
      if (route.verbs.includes(verb)) return { route, params };
      allowed.push(...route.verbs);
    }
    if (who === "nobody") return invalidToken;
    return allowed.length > 0 ? { status: 405, headers: { allow: allowed.join(", ") } } : notFound;
  }

  /** The whole body, or `undefined` as soon as it is longer than the cap. */
  async #read(request: IncomingMessage): Promise<Buffer | undefined> {
    const length = Number(request.headers["content-length"] ?? 0);
    if (length > this.#maxBytes) return undefined;
    if (length === 0 && request.headers["transfer-encoding"] === undefined) return Buffer.alloc(0);
    const chunks: Buffer[] = [];
    let size = 0;
    return await new Promise((resolve, reject) => {
      request.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size <= this.#maxBytes) return void chunks.push(chunk);
        request.removeAllListeners("data");
        resolve(undefined);
      });
      request.on("end", () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size)));
      // Nobody is left to hear an answer: the error, which comes when the sender hangs up half way too, only ends the request.
      request.on("error", reject);
    });
  }
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
    setTimeout(() => request.destroy(), lingerMs).unref();
  }
  response.writeHead(answer.status, headers as Record<string, string | number | string[]>);
  response.end(request.method === "HEAD" ? "" : body);
}

/** What cannot even be read as a request: too many headers, or no HTTP. */
function refuseUnreadable(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const line = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  socket.end(`HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}`);
  socket.resume();
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

function same(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
