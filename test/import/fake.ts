// The contract's append and read, in memory, over HTTP: what an import needs of Strata, with faults that the test asks for.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Append, Read } from "../../protocol/contract.ts";
import type { Refusal } from "../../protocol/errors.ts";
import { refuse } from "../../protocol/errors.ts";
import type { Item } from "../../protocol/item.ts";
import { JsonError, type RawAt, type RawJson, readAmbiguousJson, writeJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";

/** `lost`: done, but the connection breaks before the answer. `cut`: it breaks before anything is done. A refusal is answered instead. */
export type Fault = "lost" | "cut" | "gone" | Refusal;
export type Call = { readonly method: string; readonly context: string; readonly items: number; readonly expect: number | undefined };

type Context = { version: number; items: Item[]; slots: Map<string, RawJson>; keys: Map<string, { body: string; version: number }> };

const rawAt: RawAt = { keys: new Set(["value", "arguments", "meta"]), under: new Set(["set"]) };
const AT = "2026-01-31T12:00:00.000Z";
export const GRANT = "grant-for-tests";

type Body = { readonly grant: string; readonly items?: unknown[]; readonly expect?: number };

/** A body, or why it is too large. */
function readBody(text: string): Body | JsonError {
  try {
    const { value, ambiguity } = readAmbiguousJson(text, rawAt, { values: limits.json_values_per_body, members: limits.json_members });
    if (ambiguity !== undefined) throw ambiguity;
    return value as Body;
  } catch (error) {
    if (error instanceof JsonError && error.tooLarge) return error;
    throw error;
  }
}

export class Fake {
  readonly contexts = new Map<string, Context>();
  readonly calls: Call[] = [];
  /** Items in one page of a read. */
  page = 1_000;
  /** Asked before each call, with the calls so far. */
  fault: (call: Call, index: number) => Fault | undefined = () => undefined;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<Fake> {
    const fake = new Fake();
    await new Promise<void>((ready) => fake.#server.listen(0, "127.0.0.1", ready));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get versions(): number {
    return [...this.contexts.values()].reduce((sum, { version }) => sum + version, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const [, context = "", method = ""] = /^\/v1\.0\/actors\/Context\/([a-z0-9.-]+)\/method\/(\w+)$/.exec(request.url ?? "") ?? [];
    const body = readBody(Buffer.concat(chunks).toString());
    if (body instanceof JsonError)
      return void response.writeHead(200, { "content-type": "application/json" }).end(writeJson(refuse("too_large", body.message)));
    const { grant, ...args } = body;
    const call: Call = { method, context, items: args.items?.length ?? 0, expect: args.expect };
    const fault = this.fault(call, this.calls.length);
    this.calls.push(call);
    if (fault === "cut") return void request.socket.destroy();
    if (fault === "gone") return void response.writeHead(500).end('{"errorCode":"ERR_ACTOR_INVOKE_METHOD"}');
    const reply =
      typeof fault === "object"
        ? fault
        : grant === GRANT
          ? this.#answer(context, method, args)
          : refuse("denied", "the grant is not valid");
    if (fault === "lost") return void request.socket.destroy();
    response.writeHead(200, { "content-type": "application/json" }).end(writeJson(reply));
  }

  #answer(id: string, method: string, args: unknown): unknown {
    const schema = method === "append" ? Append : Read;
    const parsed = schema.safeParse(args);
    if (!parsed.success)
      return refuse("invalid", `${method}: ${parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`).join("; ")}`);
    return method === "append" ? this.#append(id, Append.parse(args)) : this.#read(id, Read.parse(args));
  }

  #append(id: string, append: Append): unknown {
    const context: Context = this.contexts.get(id) ?? { version: 0, items: [], slots: new Map(), keys: new Map() };
    const seen = context.keys.get(append.key);
    const body = writeJson({ items: append.items, set: append.set, expect: append.expect });
    if (seen !== undefined) {
      if (seen.body !== body) return refuse("conflict", "the key was used with other content");
      return { ok: true, version: seen.version, digest: "d", at: AT, duplicate: true };
    }
    if (append.expect !== undefined && append.expect !== context.version)
      return refuse("conflict", `the head is ${context.version}`, { details: { head: context.version } });
    if (append.items.length === 0 && append.set === undefined) return refuse("invalid", "items is empty and nothing is set");
    const created = context.version === 0;
    context.version++;
    context.items.push(...append.items);
    for (const [slot, value] of Object.entries(append.set ?? {}))
      value.text === "null" ? context.slots.delete(slot) : context.slots.set(slot, value);
    context.keys.set(append.key, { body, version: context.version });
    this.contexts.set(id, context);
    return { ok: true, version: context.version, digest: "d", at: AT, ...(created ? { created } : {}) };
  }

  #read(id: string, { from = 0, limit = 1_000 }: Read): unknown {
    const context = this.contexts.get(id);
    if (context === undefined) return refuse("not_found", "there is no such context");
    const end = from + Math.min(limit, this.page);
    const next = end < context.items.length ? { next: end } : {};
    return {
      ok: true,
      version: context.version,
      at: AT,
      items: context.items.slice(from, end),
      slots: Object.fromEntries(context.slots),
      digest: "d",
      ...next,
    };
  }
}
