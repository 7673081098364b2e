// One POST and its answer, on connections that are kept. The built-in `fetch` spends more on one call than all the rest of an import on one message.

import { type Dispatcher, Pool } from "undici";

export type PostLimits = {
  /** From sending to the answer's last byte, ms. */
  readonly withinMs: number;
  readonly bytes: number;
};
export type Posted = { readonly status: number; readonly text: string };

/** The answer was longer, or later, than it may be. */
export class PastLimit extends Error {
  override readonly name = "PastLimit";
  readonly limit: "bytes" | "time";

  constructor(limit: PastLimit["limit"], message: string) {
    super(message);
    this.limit = limit;
  }
}

export class Poster {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #limits: PostLimits;

  /** `url` may have a path; what is asked for stands below it. `headers` go with every request. */
  constructor(url: string, headers: Readonly<Record<string, string>>, limits: PostLimits) {
    const { origin, pathname } = new URL(url);
    // The time of a whole exchange is measured below; undici would measure from one part of it to the next.
    this.#pool = new Pool(origin, { headersTimeout: 0, bodyTimeout: 0, connectTimeout: limits.withinMs });
    this.#prefix = pathname.replace(/\/$/, "");
    this.#headers = { "content-type": "application/json", ...headers };
    this.#limits = limits;
  }

  /** Rejects with PastLimit, with the signal's reason, and with undici's error where no whole answer came. */
  post(path: string, body: string, signal: AbortSignal | undefined): Promise<Posted> {
    return new Promise((resolve, reject) => {
      const hearing = new Hearing(this.#limits, signal, resolve, reject);
      this.#pool.dispatch({ method: "POST", path: `${this.#prefix}${path}`, headers: this.#headers, body }, hearing);
    });
  }
}

class Hearing implements Dispatcher.DispatchHandler {
  readonly #limits: PostLimits;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (posted: Posted) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #chunks: Buffer[] = [];
  readonly #late: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #given: Error | undefined;
  #bytes = 0;
  #status = 0;

  constructor(limits: PostLimits, signal: AbortSignal | undefined, resolve: (posted: Posted) => void, reject: (reason: unknown) => void) {
    this.#limits = limits;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#late = setTimeout(() => this.#give(new PastLimit("time", `no whole answer within ${limits.withinMs} ms`)), limits.withinMs);
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = (): void => this.#give(this.#signal?.reason);

  /** Answers at once: a connection that is still being made is not waited for. */
  #give(reason: unknown): void {
    this.#end();
    this.#reject(reason);
    this.#given = new Error("stopped");
    this.#controller?.abort(this.#given);
  }

  #end(): void {
    clearTimeout(this.#late);
    this.#signal?.removeEventListener("abort", this.#abort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#given !== undefined) controller.abort(this.#given);
    else if (this.#signal?.aborted) this.#abort();
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    const max = this.#limits.bytes;
    if (this.#bytes > max) controller.abort(new PastLimit("bytes", `an answer of more than ${max} bytes`));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#end();
    this.#resolve({ status: this.#status, text: Buffer.concat(this.#chunks, this.#bytes).toString() });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#end();
    this.#reject(error);
  }
}
