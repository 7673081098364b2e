// The host's sidecar, over HTTP: one pool of connections, one token, one deadline for each call.

import { type Dispatcher, Pool } from "undici";
import type { Call } from "../actors/ports.ts";

export type SidecarOptions = {
  /** `http://127.0.0.1:3501` */
  readonly url: string;
  /** DAPR_API_TOKEN; the sidecar refuses who does not send it. */
  readonly token: string | undefined;
  /** How long a call may take, ms. */
  readonly timeoutMs: number;
};

/** `etag` as the sidecar sends it; `status` 0 where no answer came. */
export type SidecarAnswer = { readonly status: number; readonly body: Buffer; readonly etag: string | undefined };

/** The JSON of an answer; undefined where it holds none. */
export function jsonOf({ body }: Pick<SidecarAnswer, "body">): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

const NO_ANSWER: SidecarAnswer = { status: 0, body: Buffer.alloc(0), etag: undefined };
/** Connections kept to the sidecar; group commit keeps the number of calls under way small. */
const CONNECTIONS = 128;

export class Sidecar {
  readonly #pool: Pool;
  readonly #token: string | undefined;

  constructor(options: SidecarOptions) {
    const timeout = options.timeoutMs;
    this.#pool = new Pool(options.url, {
      connections: CONNECTIONS,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      keepAliveTimeout: 60_000,
    });
    this.#token = options.token;
  }

  /** Never throws: no answer is an answer too. The caller's signal is not handed on, since a write that was begun is seen to its end. */
  call(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    body: string | undefined,
    call: Call = {},
    headers: Record<string, string> = {},
  ): Promise<SidecarAnswer> {
    const sent: Record<string, string> = { ...headers };
    if (body !== undefined) sent["content-type"] ??= "application/json";
    if (this.#token !== undefined) sent["dapr-api-token"] = this.#token;
    if (call.traceparent !== undefined) sent.traceparent = call.traceparent;
    return new Promise((resolve) => {
      this.#pool.dispatch({ method, path, body: body ?? null, headers: sent }, new Hearing(resolve));
    });
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

/** Puts one answer together. undici's `request` would make a stream of it first, which costs as much as the whole call. */
class Hearing implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: SidecarAnswer) => void;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #etag: string | undefined;

  constructor(resolve: (answer: SidecarAnswer) => void) {
    this.#resolve = resolve;
  }

  onRequestStart(): void {}

  onResponseStart(_: unknown, status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.#status = status;
    const { etag } = headers;
    if (typeof etag === "string") this.#etag = etag;
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [only] = this.#chunks;
    const body = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, body, etag: this.#etag });
  }

  onResponseError(): void {
    this.#resolve(NO_ANSWER);
  }
}
