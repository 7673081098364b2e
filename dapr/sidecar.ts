// The host's sidecar, over HTTP: one pool of connections, one token, one deadline for each call.

import { type Dispatcher, Pool } from "undici";
import type { Call } from "../actors/ports.ts";
import { limits } from "../protocol/limits.ts";

export type SidecarOptions = {
  /** `http://127.0.0.1:3501` */
  readonly url: string;
  /** DAPR_API_TOKEN; the sidecar refuses who does not send it. */
  readonly token: string | undefined;
  /** How long a call may take, ms: all of it, waiting for a connection included. */
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

export class Sidecar {
  readonly #pool: Pool;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;

  constructor(options: SidecarOptions) {
    this.#timeoutMs = options.timeoutMs;
    this.#token = options.token;
    // A call has one timeout, of its own: undici's begin only once a connection is free.
    this.#pool = new Pool(options.url, {
      connections: limits.store_connections,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: limits.store_idle_ms,
    });
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
      this.#pool.dispatch({ method, path, body: body ?? null, headers: sent }, new Hearing(resolve, this.#timeoutMs));
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
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #late = false;
  #status = 0;
  #etag: string | undefined;

  constructor(resolve: (answer: SidecarAnswer) => void, timeoutMs: number) {
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#giveUp(), timeoutMs);
  }

  /** It has a connection, and is about to be sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#late) controller.abort(new Error("it waited too long for a connection"));
  }

  onResponseStart(_: unknown, status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.#status = status;
    const { etag } = headers;
    if (typeof etag === "string") this.#etag = etag;
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    const [only] = this.#chunks;
    const body = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, body, etag: this.#etag });
  }

  onResponseError(): void {
    clearTimeout(this.#timer);
    this.#resolve(NO_ANSWER);
  }

  #giveUp(): void {
    this.#late = true;
    this.#controller?.abort(new Error("no answer in time"));
    this.#resolve(NO_ANSWER);
  }
}
