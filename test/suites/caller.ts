// A caller, as the contract has it: every answer is held against its schema before a test looks at it.

import { Agent, request } from "node:http";
import type { z } from "zod";
import { Refused, replies } from "../../protocol/contract.ts";
import { type Claims, ofHosts } from "../../protocol/grant.ts";
import type { TenantId } from "../../protocol/ids.ts";
import { type RawAt, readJson, writeJson } from "../../protocol/json.ts";
import type { Keyring } from "../../stores/keyring.ts";
import type { Door, Installation } from "./installation.ts";

export type Answer = { readonly status: number; readonly text: string };
export type Refusal = z.infer<typeof Refused>;
export type Reply<M extends keyof typeof replies> = z.infer<(typeof replies)[M]>;
export type Method = keyof typeof replies | "fork" | "hold" | "release" | "erase";
type Args = Readonly<Record<string, unknown>>;

const agent = new Agent({ keepAlive: true, maxSockets: 128 });
/** Callers' values inside an answer, whose source text is kept. */
const rawInReply: RawAt = { keys: new Set(["value", "arguments", "meta"]), under: new Set(["slots"]) };
const rawInDiff: RawAt = { keys: new Set(["value", "arguments", "meta", "before", "after"]), under: new Set() };
const NEVER = 4_000_000_000_000;

/** One request; its path is sent as it stands. Rejects where no answer came. */
export function send(
  { url, headers }: Door,
  path: string,
  body: string | Uint8Array,
  more: { readonly verb?: string; readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {},
): Promise<Answer> {
  const base = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        hostname: base.hostname,
        port: base.port,
        path: base.pathname + path,
        method: more.verb ?? "PUT",
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers, ...more.headers },
        ...(more.signal === undefined ? {} : { signal: more.signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

export const pathOf = (id: string, method: string): string => `/${id.includes(".") ? "Context" : "Tenant"}/${id}/method/${method}`;

/** A grant for all of a tenant, unless `claims` say less. */
export const grantFor = (keyring: Keyring, tenant: string, claims: Partial<Omit<Claims, "tenant">> = {}): string =>
  keyring.grants.mint({
    v: 1,
    subject: "suite",
    contexts: ["*"],
    methods: ["*", ...ofHosts],
    expires: NEVER,
    ...claims,
    tenant: tenant as TenantId,
  });

/** Throws where the answer is neither the reply that the contract names nor a refusal. */
export function readReply(method: Method, { status, text }: Answer): unknown {
  if (status !== 200) throw new Error(`${method}: the runtime answered ${status}: ${text.slice(0, 500)}`);
  const json = readJson(text, method === "diff" ? rawInDiff : rawInReply);
  const refused = Refused.safeParse(json);
  if (refused.success) return refused.data;
  if (!(method in replies)) throw new Error(`${method}: no such reply is known, and it was not refused: ${text.slice(0, 500)}`);
  const reply = replies[method as keyof typeof replies].safeParse(json);
  if (!reply.success) throw new Error(`${method}: not the contract's answer: ${reply.error.message}\n${text.slice(0, 500)}`);
  return reply.data;
}

export class Caller {
  readonly installation: Installation;
  readonly grant: string;

  constructor(installation: Installation, grant: string) {
    this.installation = installation;
    this.grant = grant;
  }

  async #ask(id: string, method: Method, args: Args): Promise<unknown> {
    const body = writeJson({ grant: this.grant, ...args });
    return readReply(method, await send(this.installation.door, pathOf(id, method.replace("tenant.", "")), body));
  }

  /** Throws where it is refused. */
  async call<M extends keyof typeof replies>(id: string, method: M, args: Args = {}): Promise<Reply<M>> {
    const reply = (await this.#ask(id, method, args)) as Reply<M> | Refusal;
    if (!reply.ok) throw new Error(`${method} of ${id}: [${reply.code}] ${reply.message}`);
    return reply as Reply<M>;
  }

  /** Throws where it is not refused. */
  async refused(id: string, method: Method, args: Args = {}): Promise<Refusal> {
    const reply = (await this.#ask(id, method, args)) as { ok: boolean };
    if (reply.ok) throw new Error(`${method} of ${id} was not refused: ${JSON.stringify(reply).slice(0, 500)}`);
    return reply as Refusal;
  }

  /** The reply, or undefined where it is refused with `code`. */
  async unless<M extends keyof typeof replies>(code: string, id: string, method: M, args: Args = {}): Promise<Reply<M> | undefined> {
    const reply = (await this.#ask(id, method, args)) as Reply<M> | Refusal;
    if (reply.ok) return reply as Reply<M>;
    if (reply.code !== code) throw new Error(`${method} of ${id}: [${reply.code}] ${reply.message}`);
    return undefined;
  }
}

/** What a chapter of a suite works with. */
export type Setting = {
  readonly installation: Installation;
  /** The tenant that chapters share; contexts in it are named by `name`. */
  readonly tenant: string;
  /** May do everything in that tenant. */
  readonly caller: Caller;
  /** A context that nothing else uses. */
  name(about: string): string;
  /** A new tenant, and one who may do everything in it. */
  newTenant(about: string): Promise<{ readonly tenant: string; readonly caller: Caller }>;
};

let last = 0;
const unique = (about: string): string => `${about}-${(++last).toString(36)}`;

export async function settle(installation: Installation): Promise<Setting> {
  const newTenant = async (about: string) => {
    const tenant = unique(about);
    const caller = new Caller(installation, grantFor(installation.keyring, tenant));
    await caller.call(tenant, "tenant.create");
    return { tenant, caller };
  };
  const { tenant, caller } = await newTenant("suite");
  return { installation, tenant, caller, newTenant, name: (about) => `${tenant}.${unique(about)}` };
}

export const text = (content: string) => ({ role: "user", content });
/** `count` items that say which they are. */
export const texts = (count: number, from = 0) => Array.from({ length: count }, (_, i) => text(`item ${from + i}`));
export const writeItems = (items: readonly unknown[]): string => writeJson(items);

/** Takes a context away from its host, as the runtime does with an idle one: what it knew it has to read again. */
export async function forget({ installation }: Setting, id: string): Promise<void> {
  const { status, text: body } = await send(installation.host, `/Context/${id}`, "", { verb: "DELETE" });
  if (status !== 200) throw new Error(`the host did not let ${id} go: ${status} ${body}`);
}
