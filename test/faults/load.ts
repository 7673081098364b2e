// Callers at work: writers that repeat each turn under its key until it is acknowledged, and readers beside them.

import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../sim/random.ts";
import type { Caller } from "./caller.ts";
import { passing } from "./check.ts";
import { type Answer, now } from "./history.ts";

const AGAIN_MS = 20;
const AGAIN_MAX_MS = 250;
const READ_EVERY_MS = 10;
/** Items that a reader asks for at most: enough to see what came before, few enough to be cheap. */
const ITEMS = 64;

export interface LoadOptions {
  readonly caller: Caller;
  readonly random: Random;
  /** Where writers write and readers read. Several writers share a context. */
  readonly contexts: readonly string[];
  readonly writers: number;
  readonly readers: number;
  /** How long a writer rests before its next turn, ms: more while the load is ahead of the faults. */
  readonly rest: () => number;
  /** When nothing is waited for any longer. */
  readonly signal: AbortSignal;
}

export class Load {
  readonly #options: LoadOptions;
  readonly #versions = new Map<string, number>();
  readonly #working: Promise<void>[] = [];
  readonly #failing: Promise<unknown>;
  readonly #listening = new Set<(began: number) => void>();
  #acknowledged = 0;
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    for (let i = 0; i < options.writers; i++) this.#working.push(this.#write(i));
    for (let i = 0; i < options.readers; i++) this.#working.push(this.#read());
    // A turn that can never be acknowledged ends the run: nobody waits for what else there may be to wait for. stop() tells of it as well.
    this.#failing = Promise.all(this.#working);
    this.#failing.catch(() => {});
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Resolves when a turn that begins from now on is acknowledged: things work again. Throws where that never comes, or another's never does. */
  async flows(): Promise<void> {
    const from = now();
    const { signal } = this.#options;
    const flowing = new Promise<void>((resolve, reject) => {
      const over = (): void => reject(overdue());
      const listen = (began: number): void => {
        if (began < from) return;
        this.#listening.delete(listen);
        signal.removeEventListener("abort", over);
        resolve();
      };
      this.#listening.add(listen);
      signal.addEventListener("abort", over, { once: true });
    });
    await Promise.race([flowing, this.#failing]);
  }

  /** Nobody begins anything new; resolves when every turn that was begun is acknowledged, and throws where one never is. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const ended = await Promise.allSettled(this.#working);
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  }

  async #write(writer: number): Promise<void> {
    const { caller, random, contexts, rest, signal } = this.#options;
    for (let turn = 0; !this.#stopped; turn++) {
      const context = random.one(contexts);
      const began = now();
      const version = await persist(caller, context, `w${writer}-${turn}`, signal);
      this.#versions.set(context, Math.max(this.#versions.get(context) ?? 0, version));
      this.#acknowledged++;
      for (const tell of [...this.#listening]) tell(began);
      const ms = rest();
      if (ms > 0) await pause(ms * random.between(0.5, 1.5));
    }
  }

  async #read(): Promise<void> {
    const { random, contexts, caller, signal } = this.#options;
    while (!this.#stopped && !signal.aborted) {
      const context = random.one(contexts);
      const head = this.#versions.get(context) ?? 0;
      if (head > 0 && random.chance(0.4)) {
        const at = 1 + random.below(head);
        await caller.read(context, { at, from: random.below(at), limit: ITEMS });
      } else await caller.read(context, { fresh: random.chance(0.5), from: Math.max(0, head - 3), limit: ITEMS });
      await pause(READ_EVERY_MS);
    }
  }
}

const overdue = (last?: Answer): Error => {
  const heard = last === undefined ? "" : `; the last answer: ${JSON.stringify(last)}`;
  return new Error(`nothing was acknowledged any more, for longer than anyone waits${heard}`);
};

/** `expect`: the head that it must meet. `patienceMs`: how long one attempt is waited for, where that is not as long as any other. */
type Persistence = { readonly expect?: number; readonly patienceMs?: number };

/** Repeats a turn under its key until it is acknowledged; answers its version. Throws when `signal` aborts, and where it can never succeed. */
export async function persist(
  caller: Caller,
  context: string,
  key: string,
  signal: AbortSignal,
  { expect, patienceMs }: Persistence = {},
): Promise<number> {
  const asking = expect === undefined ? {} : { expect };
  let answer: Answer | undefined;
  for (let attempt = 0; !signal.aborted; attempt++) {
    const patience = patienceMs === undefined ? {} : { signal: AbortSignal.timeout(patienceMs) };
    answer = await caller.append(context, key, { ...asking, ...patience });
    if (answer.kind === "ok") return answer.version;
    if (answer.kind === "refused" && !passing.has(answer.code)) throw new Error(`${context}: ${key} was refused with ${answer.code}`);
    await pause(Math.min(AGAIN_MS * 2 ** Math.min(attempt, 8), AGAIN_MAX_MS));
  }
  throw overdue(answer);
}
