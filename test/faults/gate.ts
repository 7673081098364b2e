// What stands between a host and its sidecar: an HTTP proxy that lets everything through, knows which record writes are under way, and can hold
// them back. So turns last as long as a fault needs them to, and a test knows that one is in flight, without a word of it in the host.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Pool } from "undici";

export interface Gate extends AsyncDisposable {
  /** What the host is told its sidecar is. */
  readonly url: string;
  /** Calls that write records which the host has sent and has no answer to. */
  readonly underWay: number;
  readonly closed: boolean;
  /** From now on calls that write records wait here; everything else passes. */
  close(): void;
  /** What waits goes on, even where the host has given it up: a write may land later than anybody waits for it. */
  open(): void;
  /** Resolves when a call that writes a record is under way, or when none has come for so long that none will: then nothing is in flight here. */
  arrives(): Promise<void>;
}

/** As keys of records look in a body that writes some (actors/activation.ts). */
const RECORD = /"key":"[^"]+\/rec\/\d+"/;
const CONNECTIONS = 256;
/** All contexts may live on another host, or every writer wait for one that is held back there. */
const ARRIVES_MS = 5_000;

export async function openGate(sidecarUrl: string, port: number): Promise<Gate> {
  const gate = new Passing(sidecarUrl);
  const server = createServer((request, response) => void gate.pass(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
  return Object.assign(gate, {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose](): Promise<void> {
      gate.open();
      server.close();
      server.closeAllConnections();
      await gate.end();
    },
  });
}

class Passing {
  readonly #pool: Pool;
  #waiting: (() => void)[] = [];
  #arriving: (() => void)[] = [];
  #closed = false;
  #underWay = 0;

  constructor(sidecarUrl: string) {
    this.#pool = new Pool(sidecarUrl, { connections: CONNECTIONS, headersTimeout: 0, bodyTimeout: 0 });
  }

  get underWay(): number {
    return this.#underWay;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  async arrives(): Promise<void> {
    if (this.#underWay > 0) return;
    const over = new AbortController();
    const arrived = new Promise<void>((resolve) => this.#arriving.push(resolve));
    await Promise.race([arrived, pause(ARRIVES_MS, undefined, { signal: over.signal })]);
    over.abort();
  }

  end(): Promise<void> {
    return this.#pool.destroy();
  }

  async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const writes = request.method === "POST" && (request.url ?? "").startsWith("/v1.0/state/") && RECORD.test(body.toString("latin1"));
    if (!writes) return this.#forward(request, response, body);
    this.#underWay++;
    let counted = true;
    response.once("close", () => {
      if (counted) this.#underWay--;
      counted = false;
    });
    for (const tell of this.#arriving.splice(0)) tell();
    if (this.#closed) await new Promise<void>((go) => this.#waiting.push(go));
    await this.#forward(request, response, body);
  }

  async #forward(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const { host: _, connection: __, "content-length": ___, ...headers } = request.headers;
    try {
      const answer = await this.#pool.request({
        path: request.url ?? "/",
        method: request.method === undefined ? "GET" : (request.method as "GET"),
        headers,
        body: body.length === 0 ? null : body,
      });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      const { connection: ____, "transfer-encoding": _____, "keep-alive": ______, ...answered } = answer.headers;
      response.writeHead(answer.statusCode, { ...answered, "content-length": bytes.length });
      response.end(bytes);
    } catch {
      // The sidecar is not there, or went away: to the host it looks the same as without us.
      response.destroy();
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}
