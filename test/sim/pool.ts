// Threads that work off a list of tasks, each with a time limit: a thread that does not come back was caught in a loop.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

export type Pool<T, R> = {
  /** Results in the order in which they come; `hung` stands for a thread that had to be ended, or died. */
  run(tasks: Iterable<T>, done: (task: T, result: R | { readonly hung: string }) => void): Promise<void>;
};

export const threads = (wanted: number | undefined): number => Math.max(1, wanted ?? availableParallelism());

export function makePool<T, R>(script: URL, count: number, limitMs: number): Pool<T, R> {
  return {
    async run(tasks, done) {
      const left = tasks[Symbol.iterator]();
      await Promise.all(Array.from({ length: count }, () => work<T, R>(script, left, limitMs, done)));
    },
  };
}

async function work<T, R>(
  script: URL,
  left: Iterator<T>,
  limitMs: number,
  done: (task: T, result: R | { readonly hung: string }) => void,
): Promise<void> {
  let worker: Worker | undefined;
  try {
    for (let next = left.next(); !next.done; next = left.next()) {
      worker ??= new Worker(script, { execArgv: [] });
      const result = await ask<R>(worker, next.value, limitMs);
      if (typeof result === "object" && result !== null && "hung" in result) {
        await worker.terminate();
        worker = undefined;
      }
      done(next.value, result);
    }
  } finally {
    await worker?.terminate();
  }
}

function ask<R>(worker: Worker, task: unknown, limitMs: number): Promise<R | { readonly hung: string }> {
  return new Promise((resolve) => {
    const settle = (result: R | { readonly hung: string }): void => {
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
