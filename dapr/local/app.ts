import { type Dispatcher, Pool } from "undici";
import { limits } from "../../protocol/limits.ts";
import type { Leaving } from "./lock.ts";

/** What the app answered, read to its end. */
export type AppReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
};

export type AppRequest = {
  readonly verb: "GET" | "PUT" | "POST" | "DELETE";
  /** Escaped, from the first slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer | string;
  /** Whose leaving closes the connection to the app. */
  readonly until?: Leaving;
  /** ms; without it the app may take as long as it likes. */
  readonly within?: number;
};

/** The app could not be reached, hung up, or sent more than it may. */
export class AppError extends Error {
  override readonly name = "AppError";
}

const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "te",
  "trailer",
  "proxy-authorization",
  "proxy-authenticate",
]);

/** Headers that go on to the other side: none that belongs to one connection, none that is written anew. */
export function passedOn(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  drop: ReadonlySet<string>,
): Record<string, string | string[]> {
  const nominated = String(headers.connection ?? "").toLowerCase();
  const passed: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || hopByHop.has(name) || drop.has(name)) continue;
    if (nominated !== "" && nominated.split(",").some((token) => token.trim() === name)) continue;
    passed[name] = value;
  }
  return passed;
}

/** The way to the app: HTTP to its port on this machine, as daprd speaks it. */
export class AppChannel {
  readonly #pool: Pool;
  readonly #token: string | undefined;
  readonly #maxBytes: number;

  constructor(options: { host: string; port: number; token: string | undefined; maxBytes: number }) {
    // No bound on connections: a turn that waits for another turn must never wait for its connection. Every request here stands for a
    // caller's call, a firing reminder or a delivery, and those are bounded.
    this.#pool = new Pool(`http://${options.host}:${options.port}`, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: limits.sidecar_app_keep_alive_ms,
      maxHeaderSize: limits.sidecar_bytes_of_app_headers,
    });
    this.#token = options.token;
    this.#maxBytes = options.maxBytes;
  }

  /** Throws AppError. */
  async call(request: AppRequest): Promise<AppReply> {
    const headers: Record<string, string | string[]> = { ...request.headers };
    if (this.#token !== undefined) headers["dapr-api-token"] = this.#token;
    const abort = request.until === undefined && request.within === undefined ? undefined : new AbortController();
    const stay = request.until?.onLeave(() => abort?.abort());
    const timer = request.within === undefined ? undefined : setTimeout(() => abort?.abort(), request.within);
    try {
      const reply = await this.#pool.request({
        method: request.verb,
        path: request.path,
        headers,
        body: request.body ?? null,
        signal: abort?.signal ?? null,
      });
      return { status: reply.statusCode, headers: reply.headers, body: await this.#read(reply) };
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError(cause instanceof Error ? cause.message : "the app did not answer", { cause });
    } finally {
      stay?.();
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #read({ headers, body }: Dispatcher.ResponseData): Promise<Buffer> {
    const told = Number(headers["content-length"] ?? Number.NaN);
    if (told <= this.#maxBytes) {
      const whole = await body.bytes();
      return Buffer.from(whole.buffer, whole.byteOffset, whole.length);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body) {
      if (!(chunk instanceof Uint8Array)) continue;
      size += chunk.length;
      if (size > this.#maxBytes || told > this.#maxBytes) {
        body.destroy();
        throw new AppError(`the app's answer is larger than max (${Math.max(size, told || 0)} vs. ${this.#maxBytes})`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  }
}
