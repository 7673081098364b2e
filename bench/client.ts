// Turns and reads of contexts as callers make them, with every answer checked: a fast wrong answer is no figure.
import { Buffer } from "node:buffer";
import { systemDie } from "../dapr/clock.ts";
import type { Caller } from "./caller.ts";
import { makeTexts } from "./texts.ts";

export const TENANT = "main";
/** A turn is one message of so many characters. */
export const TURN_BYTES = 1_024;

/** A context that grows by one turn at a time. */
export interface Growing {
  readonly id: string;
  version: number;
}

export class Client {
  readonly #caller: Caller;
  readonly #head: string;
  readonly #texts = makeTexts(TURN_BYTES);
  readonly #run = Buffer.from(systemDie.bytes(4)).toString("hex");
  #named = 0;
  #said = 0;

  constructor(caller: Caller, grant: string) {
    this.#caller = caller;
    this.#head = `{"grant":${JSON.stringify(grant)}`;
  }

  /** A name that nobody used before; the context comes to be with its first turn. */
  context(): Growing {
    return { id: `${TENANT}.bench-${this.#run}-${this.#named++}`, version: 0 };
  }

  /** One durable turn. Throws where the answer is not the next version. */
  async append(context: Growing): Promise<void> {
    const text = this.#texts[this.#said++ % this.#texts.length] ?? "";
    const next = context.version + 1;
    const body = `${this.#head},"key":"turn-${next}","items":[{"role":"user","content":"${text}"}]}`;
    const answer = await this.#caller.call("Context", context.id, "append", body);
    if (!answer.startsWith(`{"ok":true,"version":${next},`)) throw new Error(`append ${next} to ${context.id} answered ${answer}`);
    context.version = next;
  }

  /** The whole context at a version, or at its head. Throws where it is not all there. */
  async read(context: Growing, at?: number): Promise<void> {
    const answer = await this.#caller.call("Context", context.id, "read", `${this.#head}${at === undefined ? "" : `,"at":${at}`}}`);
    const items = answer.split('{"role":').length - 1;
    const version = at ?? context.version;
    if (!answer.startsWith('{"ok":true,') || items !== version || !answer.includes(`"version":${version},`))
      throw new Error(`read of ${context.id} at ${version} answered ${items} items: ${answer.slice(0, 300)}`);
  }
}
