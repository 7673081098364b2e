// One POST and its answer, on connections that are kept. The built-in `fetch` spends more on one call than all the rest of an import on one message.

import { type Dispatcher, Pool } from "undici";

export type PostLimits = {
  /** How long is waited for the answer to begin, and between two parts of it, ms. */
  readonly withinMs: number;
  readonly bytes: number;
};
export type Posted = { readonly status: number; readonly text: string };

/** The answer was longer than it may be. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}

export class Poster {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #limits: PostLimits;

  /** `url` may have a path; what is asked for stands below it. */
  constructor(url: string, limits: PostLimits) {
    const { origin, pathname } = new URL(url);
    this.#pool = new Pool(origin, { headersTimeout: limits.withinMs, bodyTimeout: limits.withinMs, connectTimeout: limits.withinMs });
    this.#prefix = pathname.replace(/\/$/, "");
    this.#limits = limits;
  }

  /** Rejects with TooLong, with the signal's reason, and with undici's error where no whole answer came. */
  post(path: string, body: string, signal: AbortSignal | undefined): Promise<Posted> {
    return new Promise((resolve, reject) => {
      const hearing = new Hearing(this.#limits.bytes, signal, resolve, reject);
      const headers = { "content-type": "application/json" };
      this.#pool.dispatch({ method: "POST", path: `${this.#prefix}${path}`, headers, body }, hearing);
    });
  }
}

class Hearing implements Dispatcher.DispatchHandler {
  readonly #max: number;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (posted: Posted) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #bytes = 0;
  #status = 0;

  constructor(max: number, signal: AbortSignal | undefined, resolve: (posted: Posted) => void, reject: (reason: unknown) => void) {
    this.#max = max;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** Answers at once: a connection that is still being made is not waited for. */
  readonly #abort = (): void => {
    this.#reject(this.#signal?.reason);
    this.#controller?.abort(new Error("stopped"));
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal?.aborted) controller.abort(new Error("stopped"));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#max) controller.abort(new TooLong(`an answer of more than ${this.#max} bytes`));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#resolve({ status: this.#status, text: Buffer.concat(this.#chunks, this.#bytes).toString() });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#reject(error);
  }
}
