// The contract's callers' side: one method call on one context, repeated while it may yet succeed.

import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { z } from "zod";
import { type ContextMethod, Refused, replies, type TenantMethod } from "../../protocol/contract.ts";
import type { Code } from "../../protocol/errors.ts";
import { JsonError, type RawAt, readJson, writeJson } from "../../protocol/json.ts";
import { importLimits } from "./limits.ts";
import { type Posted, Poster, TooLong } from "./post.ts";

/** How often a call is tried, and how long at first and at most is waited in between. */
export type Patience = Pick<typeof importLimits, "attempts" | "attempts_at_first" | "pause_ms" | "pause_max_ms">;
export type ClientOptions = {
  readonly url: string;
  readonly grant: string;
  /** Ends waiting and calls; both then throw its reason. */
  readonly signal?: AbortSignal;
  readonly patience?: { readonly [K in keyof Patience]: number };
};
export type Reply<M extends keyof typeof replies> = z.infer<(typeof replies)[M]>;

/** `unreachable`: nothing answers at the URL; `runtime`: something did, and it was not Strata. The others are the contract's codes. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: Code | "unreachable" | "runtime";

  constructor(code: CallError["code"], message: string, options?: { cause?: unknown }) {
    super(`[${code}] ${message}`, options);
    this.code = code;
  }
}

/** Callers' values inside an answer; see protocol/json.ts. */
const rawAt: RawAt = { keys: new Set(["value", "arguments", "meta"]), under: new Set(["slots"]) };
/** Safe to send again, because every change carries a key. */
const passing: readonly CallError["code"][] = ["overloaded", "unavailable", "internal", "unreachable", "runtime"];

type Answer<T> = { readonly reply: T } | { readonly error: CallError; readonly retryAfterMs?: number | undefined };

export class Client {
  readonly #options: ClientOptions;
  readonly #patience: { readonly [K in keyof Patience]: number };
  readonly #poster: Poster;
  #answered = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#patience = options.patience ?? importLimits;
    this.#poster = new Poster(options.url, { withinMs: importLimits.call_ms, bytes: importLimits.bytes_per_reply });
  }

  get aborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  /** Throws CallError when the answer is a refusal, or when it still fails after the last attempt. */
  call<M extends ContextMethod>(context: string, method: M, args: Readonly<Record<string, unknown>>): Promise<Reply<M>> {
    return this.#repeat(`Context/${context}/method/${method}`, method, args);
  }

  /** As `call`, of a tenant. */
  callTenant<M extends TenantMethod>(tenant: string, method: M, args: Readonly<Record<string, unknown>>): Promise<Reply<`tenant.${M}`>> {
    return this.#repeat(`Tenant/${tenant}/method/${method}`, `tenant.${method}`, args);
  }

  async #repeat<M extends keyof typeof replies>(path: string, name: M, args: Readonly<Record<string, unknown>>): Promise<Reply<M>> {
    const { grant, signal } = this.#options;
    const body = writeJson({ grant, ...args });
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const answer = await this.#send<M>(path, name, body);
      if ("reply" in answer) return answer.reply;
      // Where nothing ever answered it is the URL that is wrong, and waiting long does not mend it.
      const attempts = this.#answered ? this.#patience.attempts : this.#patience.attempts_at_first;
      if (!passing.includes(answer.error.code) || attempt >= attempts) throw answer.error;
      await pause(this.#waitFor(attempt, answer.retryAfterMs, body), undefined, signal === undefined ? {} : { signal });
    }
  }

  /** Doubling pauses, spread by the body's own hash so that contexts that were refused together do not come back together. */
  #waitFor(attempt: number, retryAfterMs: number | undefined, body: string): number {
    const grown = Math.min(this.#patience.pause_ms * 2 ** (attempt - 1), this.#patience.pause_max_ms);
    const asked = Math.min(retryAfterMs ?? 0, importLimits.retry_after_max_ms);
    const spread = createHash("sha256").update(`${attempt} ${body}`).digest().readUInt16BE() / 0xffff;
    return Math.max(asked, grown / 2) + (spread * grown) / 2;
  }

  async #send<M extends keyof typeof replies>(path: string, name: M, body: string): Promise<Answer<Reply<M>>> {
    const { url, signal } = this.#options;
    let posted: Posted;
    try {
      posted = await this.#poster.post(`/v1.0/actors/${path}`, body, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TooLong) return { error: new CallError("runtime", error.message) };
      const why = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
      return { error: new CallError("unreachable", `no answer from ${url}${why}; is Strata running there?`, { cause: error }) };
    }
    const { status, text } = posted;
    this.#answered = true;
    if (status !== 200) return { error: runtimeError(url, status, text) };
    try {
      return answerIn(name, text);
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      return { error: new CallError("runtime", `${url} answered 200 with something that is no reply: ${error.message}`) };
    }
  }
}

function answerIn<M extends keyof typeof replies>(method: M, text: string): Answer<Reply<M>> {
  const json = readJson(text, rawAt);
  const refused = Refused.safeParse(json);
  if (refused.success) {
    const { code, message, retryAfterMs } = refused.data;
    const hint = code === "denied" ? " (an import needs a grant that allows append and read on the contexts it makes)" : "";
    return { error: new CallError(code, message + hint), retryAfterMs };
  }
  const reply = replies[method].safeParse(json);
  if (reply.success) return { reply: reply.data as Reply<M> };
  const where = reply.error.issues[0]?.path.map(String).join(".") ?? "";
  return { error: new CallError("runtime", `the answer to ${method} does not follow the contract${where === "" ? "" : ` at ${where}`}`) };
}

/** Below 500 the runtime found fault with the request itself; the same request will not fare better, except where it asks to wait. */
function runtimeError(url: string, status: number, text: string): CallError {
  const message = `${url} answered ${status}, not Strata's reply: ${text.slice(0, importLimits.chars_shown)}`;
  return new CallError(status >= 500 || status === 429 || status === 408 ? "runtime" : status === 413 ? "too_large" : "invalid", message);
}
