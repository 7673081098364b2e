// The host's sidecar, over HTTP: one pool of connections, one token, one deadline for each call.

import { Pool } from "undici";
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
  async call(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    body: string | undefined,
    call: Call = {},
    headers: Record<string, string> = {},
  ): Promise<SidecarAnswer> {
    const sent: Record<string, string> = { ...headers };
    if (body !== undefined) sent["content-type"] ??= "application/json";
    if (this.#token !== undefined) sent["dapr-api-token"] = this.#token;
    if (call.traceparent !== undefined) sent["traceparent"] = call.traceparent;
    try {
      const answer = await this.#pool.request({ method, path, body: body ?? null, headers: sent });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      const etag = answer.headers["etag"];
      return { status: answer.statusCode, body: bytes, etag: typeof etag === "string" ? etag : undefined };
    } catch {
      return NO_ANSWER;
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}
