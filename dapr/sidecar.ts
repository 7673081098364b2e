// The host's sidecar, over HTTP: one pool of connections, one token, one deadline for each call.

import { Pool } from "undici";
import type { Call } from "../actors/ports.ts";
import { limits } from "../protocol/limits.ts";
import { type Exchanged, type ExchangeLimits, exchange, noPartialTimeouts } from "./exchange.ts";

export type SidecarOptions = {
  /** `http://127.0.0.1:3501` */
  readonly url: string;
  /** DAPR_API_TOKEN; the sidecar refuses who does not send it. */
  readonly token: string | undefined;
  /** How long a call may take, ms: all of it, waiting for a connection included. */
  readonly timeoutMs: number;
};

/** `etag` as the sidecar sends it; `status` 0 where no answer came. */
export type SidecarAnswer = Exchanged;

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
  readonly #within: ExchangeLimits;

  constructor(options: SidecarOptions) {
    this.#within = { withinMs: options.timeoutMs, bytes: limits.store_bytes_per_answer };
    this.#token = options.token;
    this.#pool = new Pool(options.url, {
      ...noPartialTimeouts,
      connections: limits.store_connections,
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
    return exchange(this.#pool, { method, path, body: body ?? null, headers: sent }, this.#within).catch(() => NO_ANSWER);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}
