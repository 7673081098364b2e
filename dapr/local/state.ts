import type { Die } from "../../actors/ports.ts";
import { type Answer, errorInfo, fieldViolation, json, nothing, Refused, refused, refusedWith, resourceInfo } from "./answers.ts";
import type { Disk } from "./disk.ts";
import { drawn, type Faults } from "./faults.ts";
import { compareUtf8, GoJsonError, goString, isObject, member, parseGoJson, writeGoJson } from "./go-json.ts";
import { type Delete, EtagMismatch, type Held, type Rows, type Upsert } from "./rows.ts";
import type { Call, Route } from "./server.ts";

const malformed = (message: string): Answer => refused(400, "ERR_MALFORMED_REQUEST", message);
const malformedBody = (message: string): Answer => malformed(`failed deserializing HTTP body: ${message}`);
const tooLarge = "stream too large";

/** A change that the store itself refuses, after the request was understood. */
class StoreError extends Error {
  override readonly name = "StoreError";
}

export class State {
  readonly #stores: ReadonlySet<string>;
  readonly #appId: string;
  readonly #rows: Rows;
  readonly #disk: Disk;
  readonly #die: Die;
  readonly #faults: () => Faults;

  constructor(options: { stores: readonly string[]; appId: string; rows: Rows; disk: Disk; die: Die; faults: () => Faults }) {
    this.#stores = new Set(options.stores);
    this.#appId = options.appId;
    this.#rows = options.rows;
    this.#disk = options.disk;
    this.#die = options.die;
    this.#faults = options.faults;
  }

  get routes(): readonly Route[] {
    const put = ["POST", "PUT"];
    const host = { for: "host" } as const;
    return [
      { ...host, verbs: put, pattern: "/v1.0/state/{}", tooLarge: () => malformed(tooLarge), handle: (call) => this.#save(call) },
      { ...host, verbs: put, pattern: "/v1.0/state/{}/bulk", tooLarge: () => malformedBody(tooLarge), handle: (call) => this.#bulk(call) },
      {
        ...host,
        verbs: put,
        pattern: "/v1.0/state/{}/transaction",
        tooLarge: () => malformedBody(tooLarge),
        handle: (call) => this.#transact(call),
      },
      { ...host, verbs: ["GET"], pattern: "/v1.0/state/{}/{}", handle: (call) => this.#get(call) },
      { ...host, verbs: ["DELETE"], pattern: "/v1.0/state/{}/{}", handle: (call) => this.#delete(call) },
    ];
  }

  #get(call: Call): Answer {
    const [store, key] = this.#storeAndKey(call);
    const held = this.#rows.get(this.#rowKey(store, key, key));
    if (held === undefined) return nothing;
    const expiry = held.expiresAt === undefined ? {} : { "metadata.ttlExpireTime": seconds(held.expiresAt) };
    return json(200, held.value, { etag: held.etag, ...expiry });
  }

  async #save(call: Call): Promise<Answer> {
    const store = this.#store(call);
    const changes = understood(call, malformed, (body) => this.#saves(store, body, call.query));
    if (changes.length === 0) return nothing;
    const failures = await this.#write(changes, "each");
    if (failures === undefined) return unknown("ERR_STATE_SAVE", `failed saving state in state store ${store}`);
    if (failures.length === 0) return nothing;
    // With several keys each stands for itself: those that could be written are.
    const mismatch = failures.find((failure) => failure instanceof EtagMismatch);
    const message = failures.map((failure) => failure.message).join("\n");
    const prefix = changes.length > 1 && mismatch !== undefined ? `${mismatch.message}: ` : "";
    return refused(
      mismatch === undefined ? 500 : 409,
      "ERR_STATE_SAVE",
      `failed saving state in state store ${store}: ${prefix}${message}`,
    );
  }

  async #delete(call: Call): Promise<Answer> {
    const [store, key] = this.#storeAndKey(call);
    const query = new URLSearchParams(call.query);
    const [concurrency, consistency] = [query.get("concurrency") ?? "", query.get("consistency") ?? ""];
    const change = deletion(this.#rowKey(store, key, key), call.headers["if-match"] ?? "", concurrency, consistency);
    const failures = await this.#write([change], "each");
    if (failures === undefined) return unknown("ERR_STATE_DELETE", `failed deleting state with key ${key}`);
    const failure = failures[0];
    if (failure === undefined) return nothing;
    const message = `failed deleting state with key ${key}: ${failure.message}`;
    return refused(failure instanceof EtagMismatch ? 409 : 500, "ERR_STATE_DELETE", message);
  }

  async #bulk(call: Call): Promise<Answer> {
    const store = this.#store(call);
    const keys = understood(call, malformedBody, (body) => {
      const list = body === null ? [] : (member(object(body, "BulkGetRequest"), "keys") ?? []);
      if (!Array.isArray(list)) throw new GoJsonError("keys must be an array of strings");
      return list.map((key) => string(key, "keys"));
    });
    const wanted = [...new Set(keys)];
    const held = await this.#read(store, wanted);
    // In the order of SQLite's index, what is absent at the end, each key once: what daprd's SQLite store answers.
    const present = wanted.filter((key) => held.get(key) !== undefined).sort(compareUtf8);
    const absent = wanted.filter((key) => held.get(key) === undefined);
    const entries = [...present, ...absent].map((key) => bulkEntry(key, held.get(key)));
    while (entries.length < keys.length) entries.push(bulkEntry("", undefined));
    return json(200, `[${entries.join(",")}]\n`);
  }

  /** All at one moment, or, under a fault, some of them later: what a bulk read is not bound to be. */
  async #read(store: string, keys: readonly string[]): Promise<ReadonlyMap<string, Held | undefined>> {
    const read = (some: readonly string[]) => some.map((key) => [key, this.#rows.get(this.#rowKey(store, key, key))] as const);
    const faults = this.#faults();
    if (!drawn(faults.tornBulk, this.#die)) return new Map(read(keys));
    const early = new Map(read(keys.filter(() => drawn(0.5, this.#die))));
    await new Promise((resolve) => setTimeout(resolve, faults.tornBulkMs));
    return new Map([...early, ...read(keys.filter((key) => !early.has(key)))]);
  }

  async #transact(call: Call): Promise<Answer> {
    const store = this.#store(call);
    const changes = understood(call, malformedBody, (body) => this.#operations(store, body, call.query));
    if (changes.length === 0) return nothing;
    const loose = this.#faults().transactionsAsOnRedis;
    const failures = await this.#write(loose ? changes.map(unfenced) : changes, loose ? "each" : "together");
    if (failures === undefined) return unknown("ERR_STATE_TRANSACTION", "error while executing state transaction");
    const failure = failures[0];
    if (failure === undefined) return nothing;
    return refused(500, "ERR_STATE_TRANSACTION", `error while executing state transaction: ${failure.message}`);
  }

  /** What the changes failed with, or `undefined` where a fault leaves open what became of them. */
  async #write(changes: readonly Change[], how: "each" | "together"): Promise<readonly Error[] | undefined> {
    const faults = this.#faults();
    if (drawn(faults.writeLost, this.#die)) return undefined;
    if (drawn(faults.writeLate, this.#die)) {
      // Its outcome is nobody's any more, a refusal included.
      setTimeout(() => void this.#perform(changes, how).catch(() => {}), faults.writeLateMs);
      return undefined;
    }
    if (how === "each" && changes.length > 1 && drawn(faults.writePart, this.#die)) {
      const part = changes.filter(() => drawn(0.5, this.#die));
      await this.#perform(part, how);
      return undefined;
    }
    const failures = await this.#perform(changes, how);
    return drawn(faults.writeAppliedYet500, this.#die) ? undefined : failures;
  }

  async #perform(changes: readonly Change[], how: "each" | "together"): Promise<readonly Error[]> {
    const apply = (change: Change) => {
      if (change instanceof StoreError) throw change;
      this.#rows.apply(change);
    };
    if (how === "together" && changes.length > 1) {
      const all = () => {
        for (const change of changes) apply(change);
      };
      return await failuresOf([this.#disk.write(all, true)]);
    }
    return await failuresOf(changes.map((change) => this.#disk.write(() => apply(change))));
  }

  #saves(store: string, body: unknown, query: string): Change[] {
    if (body === null) return [];
    if (!Array.isArray(body)) throw new GoJsonError("the body must be an array of {key, value}");
    const common = queryMetadata(query);
    return body.map((one) => {
      const request = object(one ?? {}, "SetRequest");
      const key = string(member(request, "key"), "key");
      if (key === "") throw new GoJsonError('"key" is a required field');
      return upsert(request, this.#rowKey(store, key, key), common);
    });
  }

  #operations(store: string, body: unknown, query: string): Change[] {
    if (body === null) return [];
    const operations = member(object(body, "stateTransactionRequestBody"), "operations") ?? [];
    if (!Array.isArray(operations)) throw new GoJsonError("operations must be an array");
    const common = queryMetadata(query);
    return operations.map((one) => {
      const operation = object(one ?? {}, "operation");
      const kind = string(member(operation, "operation"), "operation");
      if (kind !== "upsert" && kind !== "delete")
        throw new Refused(refused(400, "ERR_NOT_SUPPORTED_STATE_OPERATION", `operation type ${kind} not supported`));
      const request = object(member(operation, "request") ?? {}, "request");
      const key = this.#rowKey(store, string(member(request, "key"), "Key"), "");
      if (kind === "upsert") return upsert(request, key, common);
      return deletion(key, string(member(request, "etag"), "etag"), ...optionsOf(request));
    });
  }

  #store(call: Call): string {
    const [store = ""] = call.params;
    if (this.#stores.has(store)) return store;
    const [code, reason, status] =
      this.#stores.size === 0
        ? ["ERR_STATE_STORE_NOT_CONFIGURED", "DAPR_STATE_NOT_CONFIGURED", 500]
        : ["ERR_STATE_STORE_NOT_FOUND", "DAPR_STATE_NOT_FOUND", 400];
    const message = `state store ${store} is not ${status === 500 ? "configured" : "found"}`;
    throw new Refused(refusedWith(Number(status), String(code), message, [errorInfo(String(reason), { appID: this.#appId })]));
  }

  #storeAndKey(call: Call): [store: string, key: string] {
    return [this.#store(call), call.params[1] ?? ""];
  }

  #rowKey(store: string, key: string, field: string): string {
    if (!key.includes("||")) return `${store}||${this.#appId}||${key}`;
    const message = `api error: code = InvalidArgument desc = input key/keyPrefix '${key}' can't contain '||'`;
    const details = [fieldViolation(field, message), resourceInfo("state", store, ""), errorInfo("DAPR_STATE_ILLEGAL_KEY", null)];
    throw new Refused(refusedWith(400, "ERR_MALFORMED_REQUEST", message, details));
  }
}

/** A change that overwrites what stands, unless it names an etag. */
const unfenced = (change: Change): Change =>
  !(change instanceof StoreError) && change.kind === "upsert" ? { ...change, createOnly: false } : change;

function bulkEntry(key: string, held: Held | undefined): string {
  if (held === undefined) return `{"key":${goString(key)}}`;
  const expiry = held.expiresAt === undefined ? "" : `,"metadata":{"ttlExpireTime":"${seconds(held.expiresAt)}"}`;
  return `{"key":${goString(key)},"data":${held.value},"etag":"${held.etag}"${expiry}}`;
}

/** A StoreError is a change that was understood and will be refused by the store: among several keys the others are still written. */
type Change = Upsert | Delete | StoreError;

/** `read`s the body as JSON; what it cannot make sense of is the caller's fault. */
function understood<T>(call: Call, fault: (message: string) => Answer, read: (body: unknown) => T): T {
  try {
    return read(parseGoJson(call.body.toString("utf8")));
  } catch (reason) {
    if (reason instanceof GoJsonError) throw new Refused(fault(reason.message));
    throw reason;
  }
}

function object(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new GoJsonError(`json: cannot unmarshal into Go value of type ${what}`);
  return value;
}

function string(value: unknown, field: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string")
    throw new GoJsonError(`json: cannot unmarshal ${typeof value} into Go struct field ${field} of type string`);
  return value;
}

function upsert(request: Readonly<Record<string, unknown>>, key: string, common: Readonly<Record<string, string>>): Change {
  const etag = string(member(request, "etag"), "etag");
  const metadata = { ...strings(member(request, "metadata")), ...common };
  const value = writeGoJson(member(request, "value"));
  const [concurrency, consistency] = optionsOf(request);
  return unlessRefused(() => {
    checkOptions(concurrency, consistency);
    const ttlSeconds = readTtl(metadata.ttlInSeconds);
    return { kind: "upsert", key, value, etag: etag || undefined, createOnly: concurrency === "first-write", ttlSeconds };
  });
}

function deletion(key: string, etag: string, concurrency: string, consistency: string): Change {
  return unlessRefused(() => {
    checkOptions(concurrency, consistency);
    return { kind: "delete", key, etag: etag || undefined };
  });
}

function unlessRefused(make: () => Upsert | Delete): Change {
  try {
    return make();
  } catch (reason) {
    if (reason instanceof StoreError) return reason;
    throw reason;
  }
}

function optionsOf(request: Readonly<Record<string, unknown>>): [concurrency: string, consistency: string] {
  const options = object(member(request, "options") ?? {}, "options");
  return [string(member(options, "concurrency"), "concurrency"), string(member(options, "consistency"), "consistency")];
}

function strings(value: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, one] of Object.entries(object(value ?? {}, "metadata"))) found[key] = string(one, "metadata");
  return found;
}

function checkOptions(concurrency: string, consistency: string): void {
  if (!["", "strong", "eventual"].includes(consistency)) throw new StoreError(`unrecognized consistency model '${consistency}'`);
  if (!["", "first-write", "last-write"].includes(concurrency)) throw new StoreError(`unrecognized concurrency model '${concurrency}'`);
}

function readTtl(given: string | undefined): number | undefined {
  if (given === undefined || given === "") return undefined;
  const ttl = /^[+-]?\d+$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isNaN(ttl))
    throw new StoreError(`error parsing TTL: incorrect value for metadata 'ttlInSeconds': parsing "${given}": invalid syntax`);
  if (ttl < -1 || ttl > 2 ** 31 - 1)
    throw new StoreError("error parsing TTL: incorrect value for metadata 'ttlInSeconds': must be -1 or greater");
  return ttl;
}

/** `?metadata.x=y` of a request's URL. */
export function queryMetadata(query: string): Record<string, string> {
  const found: Record<string, string> = {};
  if (query === "") return found;
  for (const [parameter, value] of new URLSearchParams(query)) {
    const name = parameter.startsWith("metadata.") ? parameter.slice("metadata.".length) : undefined;
    // Of several the first one counts.
    if (name !== undefined && !Object.hasOwn(found, name)) found[name] = value;
  }
  return found;
}

const unknown = (code: string, message: string): Answer => refused(500, code, `${message}: the outcome is unknown`);

/** ISO 8601 without fractions of a second. */
export const seconds = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

async function failuresOf(writes: readonly Promise<unknown>[]): Promise<Error[]> {
  const settled = await Promise.allSettled(writes);
  return settled.flatMap((one) =>
    one.status === "rejected" ? [one.reason instanceof Error ? one.reason : new Error(String(one.reason))] : [],
  );
}
