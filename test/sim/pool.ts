// Processes that work off a list of tasks, each with a time limit: a worker that does not come back was caught in a loop. They are processes,
// not threads: where a thread's memory ends Node may end with it, and all verdicts so far.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";

/** Why there is no result: the worker had to be ended, or died. */
export type Hung = { readonly hung: string };

const MEMORY_MB = 1_024;
/** How much is kept of what a worker says before it dies, in characters. */
const LAST_WORDS = 4_096;

/** A process that answers one task at a time; one that was lost is replaced when the next task comes. */
export class Worker<T extends object, R extends object> {
  readonly #script: URL;
  #process: ChildProcess | undefined;
  #said = "";

  constructor(script: URL) {
    this.#script = script;
  }

  async ask(task: T, limitMs: number): Promise<R | Hung> {
    this.#process ??= this.#start();
    const result = await answerOf<R>(this.#process, task, limitMs);
    if (!("hung" in result)) return result;
    await this.end();
    return { hung: `${result.hung}${this.#said === "" ? "" : `\n${this.#said}`}` };
  }

  async end(): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, "exit");
    ending.kill("SIGKILL");
    await ended;
  }

  #start(): ChildProcess {
    const execArgv = [`--max-old-space-size=${MEMORY_MB}`];
    const started = fork(this.#script, { execArgv, serialization: "advanced", stdio: ["ignore", "inherit", "pipe", "ipc"] });
    this.#said = "";
    started.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said = (this.#said + text).slice(-LAST_WORDS);
    });
    return started;
  }
}

function answerOf<R extends object>(worker: ChildProcess, task: object, limitMs: number): Promise<R | Hung> {
  return new Promise((resolve) => {
    const settle = (result: R | Hung): void => {
      clearTimeout(timer);
      worker.off("message", answer).off("error", fail).off("close", close);
      resolve(result);
    };
    const answer = (result: unknown): void => settle(result as R);
    const fail = (reason: Error): void => settle({ hung: reason.stack ?? reason.message });
    // Not at its exit: what it said last may come after that.
    const close = (code: number | null, signal: string | null): void => settle({ hung: `the worker ended with ${code ?? signal}` });
    const timer = setTimeout(() => settle({ hung: `it did not come back within ${limitMs} ms` }), limitMs);
    worker.on("message", answer).on("error", fail).on("close", close);
    worker.send(task);
  });
}

/** In a worker: answers every task with what `work` makes of it. */
export function serveTasks<T, R extends object>(work: (task: T) => Promise<R>): void {
  process.on("message", (task) => void work(task as T).then((result) => process.send?.(result)));
  process.once("disconnect", () => process.exit());
}

/** Runs `work` for every task, on as many workers as are wanted or as there are cores. */
export async function onWorkers<I, T extends object, R extends object>(
  script: URL,
  wanted: number | undefined,
  tasks: Iterable<I>,
  work: (task: I, worker: Worker<T, R>) => Promise<void>,
): Promise<void> {
  const left = tasks[Symbol.iterator]();
  const line = async (): Promise<void> => {
    const worker = new Worker<T, R>(script);
    try {
      for (let next = left.next(); !next.done; next = left.next()) await work(next.value, worker);
    } finally {
      await worker.end();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, wanted ?? availableParallelism()) }, line));
}
