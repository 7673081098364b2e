// A caller of contexts who writes down what it asked and heard.

import { Pool } from "undici";
import { z } from "zod";
import { Refused, replies } from "../../protocol/contract.ts";
import type { Answer, History } from "./history.ts";
import { now } from "./history.ts";
import { TENANT } from "./stage.ts";

const CONNECTIONS = 256;
/** How long a caller waits for one attempt. Shorter than some faults last, as callers' patience is. */
const PATIENCE_MS = 8_000;

export type Reply<T> = { readonly kind: "ok"; readonly reply: T } | Exclude<Answer, { kind: "ok" }>;
type Method = "append" | "read" | "history" | "configure" | "verify";
/** `expect`: the head that the append must meet. A repeated one says the same. */
export type Asking = { readonly expect?: number; readonly signal?: AbortSignal };
type Read = { readonly at?: number; readonly fresh?: boolean; readonly from?: number; readonly limit?: number };

const refusal = z.looseObject({ ok: z.literal(false), code: Refused.shape.code, details: Refused.shape.details });
/** Of items only the text is looked at: it is the key of the turn that wrote them. */
const Seen = z.looseObject({
  ok: z.literal(true),
  version: z.int(),
  digest: z.string(),
  items: z.array(z.looseObject({ content: z.string() })),
  next: z.int().optional(),
});
const answers = {
  append: replies.append,
  read: Seen,
  history: replies.history,
  configure: replies.configure,
  verify: replies.verify,
} as const;

export class Caller implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #grant: string;
  readonly #history: History;

  constructor(url: string, grant: string, history: History) {
    this.#pool = new Pool(url, { connections: CONNECTIONS, headersTimeout: 0, bodyTimeout: 0 });
    this.#grant = grant;
    this.#history = history;
  }

  /** One attempt. Never throws. */
  async call<M extends Method>(
    context: string,
    method: M,
    body: object,
    signal: AbortSignal = AbortSignal.timeout(PATIENCE_MS),
  ): Promise<Reply<z.infer<(typeof answers)[M]>>> {
    try {
      const answer = await this.#pool.request({
        method: "PUT",
        path: `/v1.0/actors/Context/${TENANT}.${context}/method/${method}`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ grant: this.#grant, ...body }),
        signal,
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) return { kind: "lost", why: `${answer.statusCode} ${text.slice(0, 200)}` };
      const json: unknown = JSON.parse(text);
      const refused = refusal.safeParse(json);
      if (refused.success) return refusedAs(refused.data);
      const reply = answers[method].safeParse(json);
      // Not the contract's answer: as bad as a refusal without a reason, and counted as one.
      if (!reply.success) return { kind: "refused", code: "malformed" };
      return { kind: "ok", reply: reply.data as z.infer<(typeof answers)[M]> };
    } catch (reason) {
      return { kind: "lost", why: reason instanceof Error ? `${reason.name}: ${reason.message}`.slice(0, 200) : "?" };
    }
  }

  /** One attempt of an append, written down. */
  async append(context: string, key: string, { expect, signal }: Asking = {}): Promise<Answer> {
    const began = now();
    const body = { key, items: [{ role: "user", content: key }], ...(expect === undefined ? {} : { expect }) };
    const heard = await this.call(context, "append", body, signal);
    const answer: Answer =
      heard.kind !== "ok"
        ? heard
        : {
            kind: "ok",
            version: heard.reply.version,
            digest: heard.reply.digest,
            at: heard.reply.at,
            ...(heard.reply.duplicate === true ? { duplicate: true } : {}),
          };
    this.#history.add({ op: "append", context, key, ...(expect === undefined ? {} : { expect }), began, ended: now(), answer });
    return answer;
  }

  /** A read, written down where it was answered. */
  async read(context: string, { at, fresh, from = 0, limit }: Read): Promise<void> {
    const began = now();
    const heard = await this.call(context, "read", { at, fresh, from, limit });
    const seen = heard.kind === "ok" ? heard.reply : undefined;
    const absent = heard.kind === "refused" && heard.code === "not_found" && at === undefined;
    if (seen === undefined && !absent) return;
    this.#history.add({
      op: "read",
      context,
      began,
      ended: now(),
      fresh: fresh === true,
      ...(at === undefined ? {} : { at }),
      version: seen?.version ?? 0,
      digest: seen?.digest ?? "",
      from,
      texts: (seen?.items ?? []).map(({ content }) => content),
      more: seen?.next !== undefined,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

function refusedAs({ code, details }: z.infer<typeof refusal>): Exclude<Answer, { kind: "ok" | "lost" }> {
  const outcome = details?.outcome;
  return { kind: "refused", code, ...(typeof outcome === "string" ? { outcome } : {}) };
}
