// The state API of the sidecar as the store of records. How a key is created and never replaced differs between the kinds of stores:
// docs/decisions/0011.

import { z } from "zod";
import type { Call, Store, Stored } from "../actors/ports.ts";
import { ContextError } from "../protocol/errors.ts";
import { jsonOf, type Sidecar } from "./sidecar.ts";

/** How keys are created. */
export type Creating = {
  /** Which call creates several at once. */
  readonly several: "transaction" | "post";
  /** What is sent with every key so that one that stands is refused: the option for it, or an etag that no key ever has. */
  readonly fence: "first-write" | "etag";
};

/** Redis counts a key's writes as its etag, from 1; a record is written once. */
const NO_KEYS_ETAG = "9007199254740991";
const FENCES = {
  "first-write": `"options":{"concurrency":"first-write"}`,
  etag: `"etag":"${NO_KEYS_ETAG}","options":{"concurrency":"first-write"}`,
};
const QUOTE = 0x22;
const BulkRow = z.object({ key: z.string(), data: z.unknown().optional(), etag: z.string().nullish(), error: z.string().nullish() });
const Bulk = z.array(BulkRow);

export class StateStore implements Store {
  readonly #sidecar: Sidecar;
  readonly #path: string;
  readonly #several: Creating["several"];
  readonly #fence: string;

  constructor(sidecar: Sidecar, component: string, { several, fence }: Creating) {
    this.#sidecar = sidecar;
    this.#path = `/v1.0/state/${encodeURIComponent(component)}`;
    this.#several = several;
    this.#fence = FENCES[fence];
  }

  async read(keys: readonly string[], call: Call = {}): Promise<(Stored | undefined)[]> {
    const [only] = keys;
    if (keys.length === 1 && only !== undefined) return [await this.#get(only, call)];
    const answer = await this.#sidecar.call("POST", `${this.#path}/bulk`, JSON.stringify({ keys, parallelism: 10 }), call);
    const { status } = answer;
    if (status === 204) return keys.map(() => undefined);
    const bulk = status === 200 ? Bulk.safeParse(jsonOf(answer)) : undefined;
    if (bulk?.success !== true) throw unreachable("read", status);
    const rows = new Map(bulk.data.map((row) => [row.key, row]));
    return keys.map((key) => {
      const row = rows.get(key);
      if (row === undefined || row.error) throw unreachable("read", status);
      if (row.data === undefined || row.data === null) return undefined;
      return { value: decode(row.data), etag: row.etag ?? "" };
    });
  }

  async #get(key: string, call: Call): Promise<Stored | undefined> {
    const { status, body, etag } = await this.#sidecar.call("GET", `${this.#path}/${encodeURIComponent(key)}`, undefined, call);
    if (status === 204 || (status === 200 && body.length === 0)) return undefined;
    if (status !== 200) throw unreachable("read", status);
    // The answer is a JSON string of base64: cut off its quotes, the rest needs no parser.
    if (body[0] !== QUOTE || body[body.length - 1] !== QUOTE) throw notOurs();
    return { value: Buffer.from(body.subarray(1, body.length - 1).toString("latin1"), "base64"), etag: etag ?? "" };
  }

  async create(entries: readonly { readonly key: string; readonly value: Uint8Array }[], call: Call = {}): Promise<"created" | "unknown"> {
    const transaction = entries.length > 1 && this.#several === "transaction";
    const rows = entries.map(({ key, value }) => `{"key":${JSON.stringify(key)},"value":"${encode(value)}",${this.#fence}}`);
    const body = transaction
      ? `{"operations":[${rows.map((row) => `{"operation":"upsert","request":${row}}`).join(",")}]}`
      : `[${rows.join(",")}]`;
    const { status } = await this.#sidecar.call("POST", transaction ? `${this.#path}/transaction` : this.#path, body, call);
    return status === 204 ? "created" : "unknown";
  }

  async put(key: string, value: Uint8Array, call: Call = {}): Promise<"written" | "unknown"> {
    const { status } = await this.#sidecar.call("POST", this.#path, `[{"key":${JSON.stringify(key)},"value":"${encode(value)}"}]`, call);
    return status === 204 ? "written" : "unknown";
  }

  async replace(key: string, value: Uint8Array, etag: string, call: Call = {}): Promise<"written" | "unknown"> {
    const row = `{"key":${JSON.stringify(key)},"value":"${encode(value)}","etag":${JSON.stringify(etag)},"options":{"concurrency":"first-write"}}`;
    const { status } = await this.#sidecar.call("POST", this.#path, `[${row}]`, call);
    return status === 204 ? "written" : "unknown";
  }

  async drop(key: string, call: Call = {}): Promise<"dropped" | "unknown"> {
    const { status } = await this.#sidecar.call("DELETE", `${this.#path}/${encodeURIComponent(key)}`, undefined, call);
    return status === 204 || status === 200 ? "dropped" : "unknown";
  }
}

/** Values travel through the sidecar as JSON and come back with sorted keys and other numbers; base64 in a string comes back as it was. */
const encode = (value: Uint8Array): string => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");

function decode(data: unknown): Uint8Array {
  if (typeof data !== "string") throw notOurs();
  return Buffer.from(data, "base64");
}

const notOurs = (): ContextError => new ContextError("internal", "the store holds something that is not ours under one of our keys");

const unreachable = (doing: string, status: number): ContextError =>
  new ContextError("unavailable", `the store could not be ${doing}: the sidecar answered ${status === 0 ? "nothing in time" : status}`, {
    details: { outcome: "none" },
  });
