// The floor: the least that an actor application can do on the same path. A node:http server with none of our code in it, which answers
//   write    one create-only write of `recordBytes` random bytes, as base64 in JSON, under a key of its own: a record at rest, and nothing else
//   group    the same, together with those of other calls that came while the last such request was under way
//   load     the reads of a cold load, one after another, undecoded: body {"steps":[{"keys":[…]} or {"key":…}, …],"answer":n}, answered with
//            what the n-th step said
//   answer   no store at all: body {"bytes":n}, answered with so many
// Its actor type is Floor.
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Pool } from "undici";

export interface FloorOptions {
  readonly port: number;
  readonly sidecarUrl: () => string;
  readonly sidecarToken: string;
  readonly store: string;
  readonly recordBytes: number;
  /** Which request writes several keys: whichever is fast on that store. */
  readonly several: "transaction" | "post";
}

type Waiting = { readonly row: string; readonly done: (failure: string | undefined) => void };
type Step = { readonly keys: readonly string[] } | { readonly key: string };

const PATH = /^\/actors\/Floor\/([^/]+)\/method\/(write|group|load|answer)$/;
/** SQLite answers "database is locked" under load; whoever wants the write done asks again. */
const ATTEMPTS = 20;
const CONNECTIONS = 128;
const VALUES = 64;
const GROUP = 128;

/** Listens as soon as it is called. Closing the server ends it. */
export function serveFloor(options: FloorOptions): Server {
  const floor = new Floor(options);
  const server = createServer({ keepAliveTimeout: 100_000 }, (request, response) => {
    floor.serve(request, response).catch((reason: unknown) => {
      console.error(reason);
      response.writeHead(500).end();
    });
  });
  return server.listen(options.port, "127.0.0.1");
}

class Floor {
  readonly #options: FloorOptions;
  readonly #state: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #values: readonly string[];
  readonly #written = new Map<string, number>();
  readonly #waiting: Waiting[] = [];
  #flying = false;
  #sidecar: Pool | undefined;

  constructor(options: FloorOptions) {
    this.#options = options;
    this.#state = `/v1.0/state/${options.store}`;
    this.#headers = { "content-type": "application/json", "dapr-api-token": options.sidecarToken };
    this.#values = Array.from({ length: VALUES }, () => randomBytes(options.recordBytes).toString("base64"));
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, id = "", method] = PATH.exec(request.url ?? "") ?? [];
    const body = await bodyOf(request);
    if (method === "write" || method === "group") return send(response, await this.#write(id, method));
    if (method === "load") {
      const { steps, answer } = JSON.parse(body.toString()) as { steps: Step[]; answer: number };
      return send(response, await this.#load(steps, answer));
    }
    if (method === "answer") return send(response, `"${"x".repeat((JSON.parse(body.toString()) as { bytes: number }).bytes)}"`);
    const config = { entities: ["Floor"], actorIdleTimeout: "30m", drainOngoingCallTimeout: "7s", drainRebalancedActors: true };
    send(response, JSON.stringify(request.url === "/dapr/config" ? config : request.url === "/dapr/subscribe" ? [] : {}));
  }

  async #write(id: string, how: "write" | "group"): Promise<string> {
    const version = (this.#written.get(id) ?? 0) + 1;
    this.#written.set(id, version);
    const row = `{"key":"${id}/rec/${version}","value":"${this.#values[version % VALUES]}","options":{"concurrency":"first-write"}}`;
    const failure = how === "write" ? await this.#store([row]) : await this.#storeWithOthers(row);
    return failure ?? `{"ok":true,"version":${version}}`;
  }

  #storeWithOthers(row: string): Promise<string | undefined> {
    return new Promise((done) => {
      this.#waiting.push({ row, done });
      if (!this.#flying) void this.#fly();
    });
  }

  async #fly(): Promise<void> {
    this.#flying = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, GROUP);
      const failure = await this.#store(group.map(({ row }) => row));
      for (const { done } of group) done(failure);
    }
    this.#flying = false;
  }

  /** Undefined where they were written. */
  async #store(rows: readonly string[]): Promise<string | undefined> {
    const transaction = rows.length > 1 && this.#options.several === "transaction";
    const body = transaction
      ? `{"operations":[${rows.map((row) => `{"operation":"upsert","request":${row}}`).join(",")}]}`
      : `[${rows.join(",")}]`;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#ask("POST", transaction ? `${this.#state}/transaction` : this.#state, body);
      if (answer.status === 204) return undefined;
      if (attempt === ATTEMPTS) return JSON.stringify({ ok: false, status: answer.status, message: answer.body.toString().slice(0, 500) });
    }
  }

  async #load(steps: readonly Step[], wanted: number): Promise<Buffer> {
    let kept: Buffer = Buffer.alloc(0);
    for (const [i, step] of steps.entries()) {
      const { body } =
        "key" in step
          ? await this.#ask("GET", `${this.#state}/${encodeURIComponent(step.key)}`, null)
          : await this.#ask("POST", `${this.#state}/bulk`, JSON.stringify({ keys: step.keys, parallelism: 10 }));
      if (i === wanted) kept = body;
    }
    return kept;
  }

  async #ask(method: "GET" | "POST", path: string, body: string | null): Promise<{ status: number; body: Buffer }> {
    // Made at the first call: on the embedded sidecar its address is not known before.
    this.#sidecar ??= new Pool(this.#options.sidecarUrl(), { connections: CONNECTIONS, keepAliveTimeout: 60_000 });
    const answer = await this.#sidecar.request({ method, path, body, headers: this.#headers });
    return { status: answer.statusCode, body: Buffer.from(await answer.body.arrayBuffer()) };
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, text: string | Buffer): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
