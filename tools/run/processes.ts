import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RunError, textOf } from "./errors.ts";
import { until } from "./polling.ts";
import { forget, watch } from "./reaping.ts";

/** How a process is started, how one sees that it serves, and how it is asked to stop. */
export interface Command {
  /** Stands in messages. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** The whole environment; nothing is added to it. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Output and errors are appended to it. Its folder is made. */
  readonly logFile: string;
  /** Asked until it says true; a throw counts as not yet. */
  readonly ready: (signal: AbortSignal) => Promise<true | undefined>;
  readonly readyMs?: number;
  /** When it ends before it is ready and its log says this, it is started again, within readyMs: something of its last life is still there. */
  readonly again?: RegExp;
  /** SIGTERM unless the program means something slower by it (PostgreSQL does). */
  readonly stopSignal?: "SIGTERM" | "SIGINT";
  /** After that long the process is killed. */
  readonly stopMs?: number;
  /** As whom it runs, where that is not the runner itself. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not even be started. */
  readonly failure?: string;
  /** True when it ended by itself, not because it was stopped or killed here. */
  readonly unexpected: boolean;
}

/** One life of a program. */
interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** Where in the log it begins. */
  readonly logged: number;
  asked: boolean;
  ended: boolean;
}

const READY_MS = 30_000;
const STOP_MS = 10_000;
const KILL_MS = 5_000;
const AGAIN_MS = 100;
const ANSWER_MS = 1_000;
// What of a log stands in a message.
const TAIL_BYTES = 16_384;
const LOG_LINES = 12;
const LINE_CHARS = 500;

/** Starts it and waits until it is ready. Throws RunError with the end of its log when it ends before, or is not ready in time. */
export async function startProcess(command: Command): Promise<Process> {
  const started = new Process(command);
  await started.start();
  return started;
}

/** One program that can be started, stopped, killed, frozen and started again the same way. Disposing of it stops it. */
export class Process implements AsyncDisposable {
  readonly name: string;
  readonly logFile: string;
  readonly #command: Command;
  #run: Run | undefined;
  /** False once it was asked to stop: a start that is under way must not bring it up after that. */
  #wanted = false;

  constructor(command: Command) {
    this.#command = command;
    this.name = command.name;
    this.logFile = command.logFile;
  }

  /** Of the life at hand, or of the last one. 0 before the first. */
  get pid(): number {
    return this.#run?.child.pid ?? 0;
  }

  get running(): boolean {
    return this.#run !== undefined && !this.#run.ended;
  }

  /** How the life at hand ends. Throws before the first. */
  get exited(): Promise<Exit> {
    if (this.#run === undefined) throw new RunError(`${this.name} was never started`);
    return this.#run.exited;
  }

  /** Starts it, or starts it again, with the same command, environment and folder. Does nothing while it runs. */
  async start(): Promise<void> {
    const { readyMs = READY_MS, again, name } = this.#command;
    const deadline = AbortSignal.timeout(readyMs);
    this.#wanted = true;
    while (!this.running) {
      const failure = await this.#attempt(readyMs);
      if (failure === undefined) return;
      if (!this.#wanted) throw new RunError(`${name} was stopped while it was starting`);
      if (deadline.aborted || again?.test(failure) !== true) throw new RunError(failure);
      await pause(AGAIN_MS);
    }
  }

  /** Asks it to stop, and kills it after the command's bound. A frozen one is thawed, so that it hears. */
  async stop(): Promise<void> {
    const { stopSignal = "SIGTERM", stopMs = STOP_MS } = this.#command;
    this.#wanted = false;
    if (!this.#end(stopSignal)) return;
    this.thaw();
    if (!(await this.#goneWithin(stopMs))) await this.#destroy();
  }

  /** kill -9, to its whole process group. */
  async kill(): Promise<void> {
    this.#wanted = false;
    await this.#destroy();
  }

  /** SIGSTOP: it keeps its connections and its memory and does nothing. */
  freeze(): void {
    this.#send("SIGSTOP");
  }

  /** SIGCONT. */
  thaw(): void {
    this.#send("SIGCONT");
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Why it did not come up, or undefined. */
  async #attempt(readyMs: number): Promise<string | undefined> {
    const { name, ready, logFile } = this.#command;
    // Else its answer would be taken for that of the process that is about to find its port taken.
    if (await ready(AbortSignal.timeout(ANSWER_MS)).catch(() => undefined)) return `${name}: something else answers in its place already`;
    if (!this.#wanted) return "it is not wanted any more";
    const run = launch(this.#command);
    this.#run = run;
    try {
      await this.whileRunning(`${name} is ready`, readyMs, ready);
      return undefined;
    } catch (reason) {
      await this.#destroy();
      return `${textOf(reason)}\n${lastLines(logFile, run.logged)}`.trimEnd();
    }
  }

  /** Asks until there is an answer. Throws RunError past the deadline, and as soon as the life at hand ends. */
  async whileRunning<T>(what: string, ms: number, ask: (signal: AbortSignal) => Promise<T | undefined>): Promise<T> {
    const over = new AbortController();
    const ended = this.exited.then((exit) => {
      throw new RunError(`${what}: it ended before (${describe(exit)})`);
    });
    try {
      return await Promise.race([until(what, ms, ask, over.signal), ended]);
    } finally {
      over.abort();
      ended.catch(() => {});
    }
  }

  async #destroy(): Promise<void> {
    if (!this.#end("SIGKILL")) return;
    if (!(await this.#goneWithin(KILL_MS))) throw new RunError(`${this.name} (pid ${this.pid}) outlived SIGKILL by ${KILL_MS} ms`);
  }

  #end(signal: NodeJS.Signals): boolean {
    if (this.#run !== undefined) this.#run.asked = true;
    return this.#send(signal);
  }

  #send(signal: NodeJS.Signals): boolean {
    return this.running && toGroup(this.pid, signal);
  }

  async #goneWithin(ms: number): Promise<boolean> {
    const late = new AbortController();
    try {
      return await Promise.race([this.exited.then(() => true), pause(ms, false, { signal: late.signal })]);
    } finally {
      late.abort();
    }
  }
}

function launch({ command, env, cwd, logFile, user, stopSignal = "SIGTERM" }: Command): Run {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "a", 0o600);
  const logged = fstatSync(log).size;
  const [program, ...args] = command;
  // A group of its own: a Ctrl-C in the terminal reaches the runner alone, which then stops everything in order.
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", log, log], detached: true, ...user });
  closeSync(log);
  const { promise, resolve } = Promise.withResolvers<Exit>();
  const run: Run = { child, exited: promise, logged, asked: false, ended: false };
  const end = (exit: Omit<Exit, "unexpected">): void => {
    if (run.ended) return;
    run.ended = true;
    if (child.pid !== undefined) {
      // What it started itself goes with it.
      toGroup(child.pid, "SIGKILL");
      forget(child.pid);
    }
    resolve({ ...exit, unexpected: !run.asked });
  };
  child.once("exit", (code, signal) => end({ code, signal }));
  // A program that is not there never exits.
  child.once("error", (reason) => end({ code: null, signal: null, failure: reason.message }));
  if (child.pid !== undefined) watch(child.pid, stopSignal);
  return run;
}

function toGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return pid > 0 && process.kill(-pid, signal);
  } catch {
    return false;
  }
}

function describe(exit: Exit): string {
  return exit.failure ?? (exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`);
}

/** The end of what was logged since that place: what an operator looks for first. */
export function lastLines(logFile: string, since = 0): string {
  const log = openSync(logFile, "r");
  try {
    const { size } = fstatSync(log);
    const tail = Buffer.alloc(Math.min(size - since, TAIL_BYTES));
    readSync(log, tail, 0, tail.length, size - tail.length);
    const text = tail.toString("utf8").trimEnd();
    if (text === "") return `(${logFile} says nothing)`;
    const lines = text.split("\n").slice(-LOG_LINES);
    return [`the end of ${logFile}:`, ...lines.map((line) => `  ${line.slice(0, LINE_CHARS)}`)].join("\n");
  } finally {
    closeSync(log);
  }
}
