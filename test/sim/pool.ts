// Threads that work off a list of tasks, each with a time limit: a thread that does not come back was caught in a loop.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** Why there is no result: the thread had to be ended, or died. */
export type Hung = { readonly hung: string };

const MEMORY_MB = 1_024;

/** A thread that answers one task at a time; one that was lost is replaced when the next task comes. */
export class Thread<T, R extends object> {
  readonly #script: URL;
  #worker: Worker | undefined;

  constructor(script: URL) {
    this.#script = script;
  }

  async ask(task: T, limitMs: number): Promise<R | Hung> {
    this.#worker ??= new Worker(this.#script, { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } });
    const result = await answerOf<R>(this.#worker, task, limitMs);
    if ("hung" in result) await this.end();
    return result;
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }
}

function answerOf<R extends object>(worker: Worker, task: unknown, limitMs: number): Promise<R | Hung> {
  return new Promise((resolve) => {
    const settle = (result: R | Hung): void => {
      clearTimeout(timer);
      worker.off("message", settle).off("error", fail).off("exit", end);
      resolve(result);
    };
    const fail = (reason: unknown): void => settle({ hung: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason) });
    const end = (code: number): void => settle({ hung: `the thread ended with code ${code}` });
    const timer = setTimeout(() => settle({ hung: `it did not come back within ${limitMs} ms` }), limitMs);
    worker.on("message", settle).on("error", fail).on("exit", end);
    worker.postMessage(task);
  });
}

/** Runs `work` for every task, on as many threads as are wanted or as there are cores. */
export async function onThreads<I, T, R extends object>(
  script: URL,
  wanted: number | undefined,
  tasks: Iterable<I>,
  work: (task: I, thread: Thread<T, R>) => Promise<void>,
): Promise<void> {
  const left = tasks[Symbol.iterator]();
  const line = async (): Promise<void> => {
    const thread = new Thread<T, R>(script);
    try {
      for (let next = left.next(); !next.done; next = left.next()) await work(next.value, thread);
    } finally {
      await thread.end();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, wanted ?? availableParallelism()) }, line));
}
