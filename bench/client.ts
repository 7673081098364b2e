// Turns and reads of contexts as callers make them, and the floor's calls, with every answer checked: a fast wrong answer is no figure.
import { randomBytes } from "node:crypto";
import { Caller } from "./caller.ts";
import { makeTexts } from "./texts.ts";

export const TENANT = "main";
/** A turn is one message of so many characters. */
const TURN_BYTES = 1_024;
export const texts = makeTexts(TURN_BYTES);
const CONNECTIONS = 64;

/** Something that grows by one turn at a time. */
export interface Growing {
  readonly id: string;
  version: number;
}

const run = randomBytes(4).toString("hex");
let named = 0;
/** A name that nobody used before; the context comes to be with its first turn. */
export const unused = (): Growing => ({ id: `${TENANT}.bench-${run}-${String(named++).padStart(6, "0")}`, version: 0 });

/** Calls contexts at one sidecar. */
export class Client {
  readonly #caller: Caller;
  readonly #head: string;
  #said = 0;

  constructor(url: string, grant: string) {
    this.#caller = new Caller(url, CONNECTIONS);
    this.#head = `{"grant":${JSON.stringify(grant)}`;
  }

  /** One durable turn. Throws where the answer is not the next version. */
  async append(context: Growing): Promise<void> {
    const next = context.version + 1;
    const content = texts[this.#said++ % texts.length] ?? "";
    const body = `${this.#head},"key":"turn-${next}","items":[{"role":"user","content":"${content}"}]}`;
    const answer = await this.#caller.call("Context", context.id, "append", body);
    if (!answer.startsWith(`{"ok":true,"version":${next},`)) throw new Error(`append ${next} to ${context.id} answered ${answer}`);
    context.version = next;
  }

  /** The whole context at a version, or at its head; answers how many bytes that was. Throws where it is not all there. */
  async read({ id, version }: Growing, at?: number, fresh = false): Promise<number> {
    const body = `${this.#head}${at === undefined ? "" : `,"at":${at}`}${fresh ? ',"fresh":true' : ""}}`;
    const answer = await this.#caller.call("Context", id, "read", body);
    const items = answer.split('{"role":').length - 1;
    const expected = at ?? version;
    if (!answer.startsWith('{"ok":true,') || items !== expected || !answer.includes(`"version":${expected},`))
      throw new Error(`read of ${id} at ${expected} answered ${items} items: ${answer.slice(0, 300)}`);
    return Buffer.byteLength(answer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#caller[Symbol.asyncDispose]();
  }
}

/** Calls the floor, at the same sidecar or, where each has its own, at another. */
export class FloorClient {
  readonly #caller: Caller;
  readonly #turn: string;

  /** `turnBytes`: how large the body of a turn is, so that as much is sent. */
  constructor(url: string, turnBytes: number) {
    this.#caller = new Caller(url, CONNECTIONS);
    this.#turn = JSON.stringify({ text: "x".repeat(turnBytes) });
  }

  /** "group": together with others' writes, as far as there are any. */
  async write(written: Growing, how: "write" | "group" = "write"): Promise<void> {
    const answer = await this.#caller.call("Floor", written.id, how, this.#turn);
    if (answer !== `{"ok":true,"version":${written.version + 1}}`) throw new Error(`the floor answered ${answer}`);
    written.version++;
  }

  /** The dependent reads of a cold load of version `at`, bare: head and keys, the records, the tombstone, the next page. */
  async load({ id, version }: Growing, at: number, ahead: number): Promise<void> {
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `${id}/rec/${from + i}`);
    const records = at < version ? [...range(1, at), ...range(version, version + ahead)] : range(1, version + ahead);
    // The floor has no head and no keys: two of its records are as large or larger.
    const steps = [{ keys: range(1, 2) }, { keys: records }, { key: `${id}/tombstone` }, { key: `${id}/page/1` }];
    const answer = await this.#caller.call("Floor", id, "load", JSON.stringify({ steps, answer: 1 }));
    const found = answer.split('"data":').length - 1;
    const expected = at < version ? at + 1 : version;
    if (found !== expected) throw new Error(`the floor's bulk read found ${found} of ${expected} records: ${answer.slice(0, 300)}`);
  }

  async answer(id: string, bytes: number): Promise<void> {
    const answer = await this.#caller.call("Floor", id, "answer", JSON.stringify({ bytes }));
    if (answer.length !== bytes + 2) throw new Error(`the floor answered ${answer.length} bytes of ${bytes}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#caller[Symbol.asyncDispose]();
  }
}
