import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request of the sidecar to the app, as the app saw it. */
export type Heard = {
  readonly verb: string;
  /** As it stood in the request line: escapes are not undone. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** ms, monotonic */
  readonly at: number;
  /** Turns true when the sidecar hangs up before it was answered. */
  abandoned: boolean;
};
export type Reply = { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: string };
export type Handler = (heard: Heard) => Reply | Promise<Reply>;

export type Subscribed = {
  readonly pubsubname: string;
  readonly topic: string;
  readonly route?: string;
  readonly routes?: { readonly rules?: readonly { readonly match: string; readonly path: string }[]; readonly default?: string };
  readonly deadLetterTopic?: string;
  readonly metadata?: Readonly<Record<string, string>>;
};

/** A request that waits inside the app until the test lets it go. */
export type Held = { readonly heard: Heard; reply(reply?: Reply): void };

/** An app that a test can script: what it answers, when, and what it heard. */
export class SidecarApp {
  readonly heard: Heard[] = [];
  healthy = true;
  config: unknown = {};
  subscriptions: readonly Subscribed[] = [];
  readonly #handlers = new Map<string, Handler>();
  readonly #marked = new Map<string, Handler>();
  readonly #watchers = new Set<() => void>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async listen(port = 0): Promise<number> {
    this.#server.keepAliveTimeout = 120_000;
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Stops listening, as an app that crashed. `reopen` brings it back on its port. */
  async vanish(): Promise<{ port: number; reopen(): Promise<unknown> }> {
    const { port } = this.#server.address() as AddressInfo;
    await this.close();
    return { port, reopen: () => this.listen(port) };
  }

  /** Answers requests for this path (all of it, escapes and query included) with `handler`. */
  on(path: string, handler: Handler): void {
    this.#handlers.set(path, handler);
  }

  /** Answers requests whose body holds `mark` with `handler`, where their path has none of its own. */
  onMark(mark: string, handler: Handler): void {
    this.#marked.set(mark, handler);
  }

  /** Keeps every request for this path waiting; `next()` gives them in order of arrival. */
  hold(path: string): { next(): Promise<Held>; count(): number } {
    const held: Held[] = [];
    let given = 0;
    this.on(path, (heard) => {
      const reply = Promise.withResolvers<Reply>();
      held.push({ heard, reply: (with_ = {}) => reply.resolve(with_) });
      this.#changed();
      return reply.promise;
    });
    return {
      count: () => held.length,
      next: async () => {
        const index = given++;
        await this.until(() => held.length > index, `request ${index + 1} for ${path}`);
        const found = held[index];
        if (found === undefined) throw new Error("unreachable: the wait above saw it");
        return found;
      },
    };
  }

  /** What arrived at paths that begin so. */
  at(prefix: string): Heard[] {
    return this.heard.filter((heard) => heard.path.startsWith(prefix));
  }

  /** Resolves when `check` holds, looked at whenever the app hears something; a wait of `withinMs` is a failure. */
  async until(check: () => boolean, what: string, withinMs = 20_000): Promise<void> {
    if (check()) return;
    await new Promise<void>((resolve, reject) => {
      const watch = () => {
        if (!check()) return;
        done();
        resolve();
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`the app did not see within ${withinMs} ms: ${what}`));
      }, withinMs);
      const done = () => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
      };
      this.#watchers.add(watch);
    });
  }

  #handlerOf({ path, body }: Heard): Handler | undefined {
    const own = this.#handlers.get(path);
    if (own !== undefined) return own;
    for (const [mark, handler] of this.#marked) if (body.includes(mark)) return handler;
    return undefined;
  }

  #changed(): void {
    for (const watch of [...this.#watchers]) watch();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (path === "/healthz") return void response.writeHead(this.healthy ? 200 : 500).end();
    if (path === "/dapr/config") return json(response, this.config);
    if (path === "/dapr/subscribe" && !this.#handlers.has(path)) return json(response, this.subscriptions);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // Hung up on half way: no request.
      return;
    }
    const heard: Heard = {
      verb: request.method ?? "",
      path,
      headers: request.headers,
      body: Buffer.concat(chunks).toString("utf8"),
      at: performance.now(),
      abandoned: false,
    };
    response.on("close", () => {
      heard.abandoned = !response.writableFinished;
      this.#changed();
    });
    this.heard.push(heard);
    const replying = this.#handlerOf(heard)?.(heard);
    this.#changed();
    const reply: Reply = (await replying) ?? {};
    if (response.destroyed) return;
    response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers }).end(reply.body ?? "");
  }
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}
