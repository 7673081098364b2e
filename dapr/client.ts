// Callers' side of the contract: one method call of an actor at a callers' sidecar, repeated while it may yet succeed.

import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Pool } from "undici";
import { z } from "zod";
import { type ContextMethod, Refused, replies, type TenantMethod } from "../protocol/contract.ts";
import type { Code } from "../protocol/errors.ts";
import { Raw } from "../protocol/item.ts";
import { JsonError, type RawAt, readJson, writeJson } from "../protocol/json.ts";
import { type Limits, limits } from "../protocol/limits.ts";
import { type Exchanged, exchange, noPartialTimeouts, PastLimit } from "./exchange.ts";

/** How often a call is tried, and how long at first and at most is waited in between. */
export type Patience = Pick<Limits, "caller_attempts" | "caller_attempts_at_first" | "caller_pause_ms" | "caller_pause_max_ms">;

export type ClientOptions = {
  /** Of the callers' sidecar. */
  readonly url: string;
  readonly grant: string;
  /** DAPR_API_TOKEN of the callers' sidecar, where it has one. */
  readonly token?: string | undefined;
  /** Of what the calls are made for, where that is traced. */
  readonly traceparent?: string | undefined;
  /** Ends waiting and calls; both then throw its reason. */
  readonly signal?: AbortSignal;
  readonly patience?: Patience;
};
export type Reply<M extends keyof typeof replies> = z.infer<(typeof replies)[M]>;

/**
 * `unreachable`: nothing answers at the URL; `unauthorized`: the sidecar there asks for another token; `runtime`: something answered, and it was
 * not Strata. The others are the contract's codes.
 */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: Code | "unreachable" | "unauthorized" | "runtime";

  constructor(code: CallError["code"], message: string, options?: { cause?: unknown }) {
    super(`[${code}] ${message}`, options);
    this.code = code;
  }
}

/** A callers' sidecar as an operator writes it, without the slashes at its end; undefined where it is no address of one. */
export function sidecarUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined;
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** Callers' values inside an answer; see protocol/json.ts. */
const rawAt: RawAt = { keys: new Set(["value", "arguments", "meta"]), under: new Set(["slots"]) };
/** In a read a slot is a caller's value; in a diff it is the contract's, with such values inside. */
const pairAt: RawAt = { keys: new Set(["before", "after"]), under: new Set() };
const SlotsOfDiff = z.looseObject({
  slots: z.record(
    z.string(),
    Raw.transform((slot) => readJson(slot.text, pairAt)),
  ),
});
/** Safe to send again, because every change of a context carries a key, and one of a tenant is the same twice. */
const passing: readonly CallError["code"][] = ["overloaded", "unavailable", "internal", "unreachable", "runtime"];

const within = { withinMs: limits.caller_call_ms, bytes: limits.caller_bytes_per_reply };

type Answer<T> = { readonly reply: T } | { readonly error: CallError; readonly retryAfterMs?: number | undefined };

export class Client {
  readonly #options: ClientOptions;
  readonly #patience: Patience;
  readonly #pool: Pool;
  readonly #path: string;
  readonly #headers: Readonly<Record<string, string>>;
  #answered = false;

  constructor(options: ClientOptions) {
    const { url, token, traceparent, patience = limits } = options;
    this.#options = options;
    this.#patience = patience;
    const { origin, pathname } = new URL(url);
    this.#pool = new Pool(origin, { ...noPartialTimeouts, connectTimeout: within.withinMs });
    this.#path = `${pathname.replace(/\/$/, "")}/v1.0/actors`;
    this.#headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { "dapr-api-token": token }),
      ...(traceparent === undefined ? {} : { traceparent }),
    };
  }

  /** What ends its calls, for whoever waits for something beside them. */
  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** Throws CallError when the answer is a refusal, or when it still fails after the last attempt. */
  call<M extends ContextMethod>(context: string, method: M, args: Readonly<Record<string, unknown>>): Promise<Reply<M>> {
    return this.#repeat(`Context/${encodeURIComponent(context)}/method/${method}`, method, args);
  }

  /** As `call`, of a tenant. */
  callTenant<M extends TenantMethod>(tenant: string, method: M, args: Readonly<Record<string, unknown>>): Promise<Reply<`tenant.${M}`>> {
    return this.#repeat(`Tenant/${encodeURIComponent(tenant)}/method/${method}`, `tenant.${method}`, args);
  }

  /** The contexts of a tenant, page by page in the order of their names. */
  async *listPages(tenant: string, filter: Readonly<Record<string, unknown>>): AsyncGenerator<Reply<"tenant.list">> {
    for (let after = ""; ; ) {
      const page = await this.callTenant(tenant, "list", { ...filter, ...(after === "" ? {} : { after }) });
      yield page;
      if (page.next === undefined) return;
      // Else whoever answers could keep us for ever.
      if (page.next <= after)
        throw new CallError("runtime", `a page of ${tenant}'s contexts ends at "${page.next}", the one before at "${after}"`);
      after = page.next;
    }
  }

  async #repeat<M extends keyof typeof replies>(path: string, name: M, args: Readonly<Record<string, unknown>>): Promise<Reply<M>> {
    const { grant, signal } = this.#options;
    const body = writeJson({ grant, ...args });
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const answer = await this.#send<M>(path, name, body);
      if ("reply" in answer) return answer.reply;
      // Where nothing ever answered it is the URL that is wrong, and waiting long does not mend it.
      const attempts = this.#answered ? this.#patience.caller_attempts : this.#patience.caller_attempts_at_first;
      if (!passing.includes(answer.error.code) || attempt >= attempts) throw answer.error;
      await pause(this.#waitFor(attempt, answer.retryAfterMs, body), undefined, signal === undefined ? {} : { signal });
    }
  }

  /** Doubling pauses, spread by the body's own hash so that contexts that were refused together do not come back together. */
  #waitFor(attempt: number, retryAfterMs: number | undefined, body: string): number {
    const grown = Math.min(this.#patience.caller_pause_ms * 2 ** (attempt - 1), this.#patience.caller_pause_max_ms);
    const asked = Math.min(retryAfterMs ?? 0, limits.caller_retry_after_max_ms);
    const spread = createHash("sha256").update(`${attempt} ${body}`).digest().readUInt16BE() / 0xffff;
    return Math.max(asked, grown / 2) + (spread * grown) / 2;
  }

  async #send<M extends keyof typeof replies>(path: string, name: M, body: string): Promise<Answer<Reply<M>>> {
    const { url, signal } = this.#options;
    let answer: Exchanged;
    try {
      const request = { method: "POST", path: `${this.#path}/${path}`, headers: this.#headers, body } as const;
      answer = await exchange(this.#pool, request, within, signal);
    } catch (error) {
      signal?.throwIfAborted();
      return { error: unanswered(url, error) };
    }
    this.#answered = true;
    const text = answer.body.toString();
    if (answer.status !== 200) return { error: unlikeStrata(this.#options, answer.status, text) };
    try {
      return answerIn(name, text);
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      return { error: new CallError("runtime", `${url} answered 200 with something that is no reply: ${error.message}`) };
    }
  }
}

function unanswered(url: string, error: unknown): CallError {
  if (error instanceof PastLimit && error.limit === "bytes") return new CallError("runtime", `${url} sent ${error.message}`);
  const why = error instanceof PastLimit ? error.message : error instanceof Error && "code" in error ? String(error.code) : "";
  return new CallError("unreachable", `no answer from ${url}${why === "" ? "" : ` (${why})`}; is Strata running there?`, { cause: error });
}

function answerIn<M extends keyof typeof replies>(method: M, text: string): Answer<Reply<M>> {
  const read = readJson(text, rawAt);
  const json = method === "diff" ? (SlotsOfDiff.safeParse(read).data ?? read) : read;
  const refused = Refused.safeParse(json);
  if (refused.success) return { error: new CallError(refused.data.code, refused.data.message), retryAfterMs: refused.data.retryAfterMs };
  const reply = replies[method].safeParse(json);
  if (reply.success) return { reply: reply.data as Reply<M> };
  const where = reply.error.issues[0]?.path.map(String).join(".") ?? "";
  return { error: new CallError("runtime", `the answer to ${method} does not follow the contract${where === "" ? "" : ` at ${where}`}`) };
}

const Failure = z.object({ errorCode: z.string(), message: z.string().default("") });

/** Another status than 200 is the sidecar's own, or that of something else which answers at the URL. */
function unlikeStrata({ url, token, grant }: ClientOptions, status: number, text: string): CallError {
  if (status === 401) return new CallError("unauthorized", `${url} answered 401: ${token === undefined ? NO_TOKEN : WRONG_TOKEN}`);
  const failure = failureIn(text);
  const said = withoutSecrets(failure?.message ?? text, [grant, token]).slice(0, limits.caller_chars_shown);
  const code = failure === undefined ? "" : ` ${withoutSecrets(failure.errorCode, [grant, token]).slice(0, limits.caller_chars_shown)}`;
  const message = `${url} answered ${status}${code}, not Strata's reply${said === "" ? "" : `: ${said.replaceAll(/\s+/g, " ")}`}`;
  if (status === 404 || status === 405) return new CallError("invalid", `${message}; is that the HTTP port of the callers' sidecar?`);
  if (status === 413) return new CallError("too_large", message);
  // Below 500 the runtime found fault with the request itself; the same request will not fare better, except where it asks to wait.
  if (status < 500 && status !== 408 && status !== 429) return new CallError("invalid", message);
  return new CallError("runtime", `${message}; is a host running behind that sidecar? Its log says more`);
}

const NO_TOKEN = "it asks for a dapr-api-token and was sent none; set DAPR_API_TOKEN to that of the callers' sidecar";
const WRONG_TOKEN = "it refuses the dapr-api-token that it was sent; DAPR_API_TOKEN must be that of the callers' sidecar, not the host's";

/** What the sidecar says of a failure of its own. */
function failureIn(text: string): z.infer<typeof Failure> | undefined {
  try {
    return Failure.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Whatever answers may repeat what it was sent, and what is printed may be kept. */
const withoutSecrets = (text: string, secrets: readonly (string | undefined)[]): string =>
  secrets.reduce<string>((kept, secret) => (secret === undefined || secret === "" ? kept : kept.replaceAll(secret, "(secret)")), text);
