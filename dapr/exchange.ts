// One request and its whole answer, on connections that are kept. undici's `request` would make a stream of the answer first, which costs as much
// as the whole call, and the built-in `fetch` spends more on one call than all the rest of an import on one message.

import type { Dispatcher } from "undici";

export type ExchangeLimits = {
  /** From the wish for a connection to the answer's last byte, ms. */
  readonly withinMs: number;
  /** Of the answer's body. */
  readonly bytes: number;
};
export type Exchanged = { readonly status: number; readonly body: Buffer; readonly etag: string | undefined };

/** undici's own timeouts are of parts of an exchange, and begin only once a connection is free; these pools go without. */
export const noPartialTimeouts = { headersTimeout: 0, bodyTimeout: 0 } as const;

/** The answer was longer, or later, than it may be. */
export class PastLimit extends Error {
  override readonly name = "PastLimit";
  readonly limit: "bytes" | "time";

  constructor(limit: PastLimit["limit"], message: string) {
    super(message);
    this.limit = limit;
  }
}

/** Rejects with PastLimit, with the signal's reason, and with undici's error where no whole answer came. */
export function exchange(
  pool: Dispatcher,
  request: Dispatcher.DispatchOptions,
  within: ExchangeLimits,
  signal?: AbortSignal,
): Promise<Exchanged> {
  return new Promise((resolve, reject) => pool.dispatch(request, new Hearing(within, signal, resolve, reject)));
}

class Hearing implements Dispatcher.DispatchHandler {
  readonly #within: ExchangeLimits;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (answer: Exchanged) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #chunks: Buffer[] = [];
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #stopped: Error | undefined;
  #bytes = 0;
  #status = 0;
  #etag: string | undefined;

  constructor(
    within: ExchangeLimits,
    signal: AbortSignal | undefined,
    resolve: (answer: Exchanged) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#within = within;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    const ms = within.withinMs;
    this.#timer = setTimeout(() => this.#giveUp(new PastLimit("time", `no whole answer within ${ms} ms`)), ms);
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = (): void => this.#giveUp(this.#signal?.reason);

  /** At once: a connection that is still being made is not waited for. */
  #giveUp(reason: unknown): void {
    this.#end();
    this.#reject(reason);
    this.#stopped = new Error("given up");
    this.#controller?.abort(this.#stopped);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
  }

  /** It has a connection, and is about to be sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#stopped !== undefined) controller.abort(this.#stopped);
    else if (this.#signal?.aborted) this.#abort();
  }

  onResponseStart(_: unknown, status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.#status = status;
    const { etag } = headers;
    if (typeof etag === "string") this.#etag = etag;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    const max = this.#within.bytes;
    if (this.#bytes > max) controller.abort(new PastLimit("bytes", `an answer of more than ${max} bytes`));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#end();
    const [only] = this.#chunks;
    const body = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks, this.#bytes);
    this.#resolve({ status: this.#status, body, etag: this.#etag });
  }

  onResponseError(_: unknown, error: Error): void {
    this.#end();
    this.#reject(error);
  }
}
