// Files of trajectories into contexts: lines one after another, several contexts at once, the turns of one context in order.

import type { Readable } from "node:stream";
import { CallError, type Client } from "../../dapr/client.ts";
import { contextId, type TenantId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { type Line, linesOf, type Progress, sizeOf } from "./lines.ts";
import { type Recorded, record } from "./record.ts";
import { type Trajectory, TrajectoryError, trajectoryOf } from "./trajectory.ts";

export type ImportOptions = {
  readonly client: Client;
  readonly tenant: TenantId;
  /** Contexts recorded at the same time. */
  readonly concurrency: number;
  readonly stdin: Readable;
  readonly report: Report;
};

/** What an import tells while it runs. */
export type Report = {
  /** `progress` goes on with all files of the import. */
  reading(file: string, progress: Progress): void;
  /** One version was written. */
  wrote(): void;
  recorded(recorded: Recorded): void;
  /** `where` is `file:line`. The import goes on with the next line. */
  failed(where: string, problem: string): void;
};

export type Summary = { readonly contexts: number; readonly versions: number; readonly written: number; readonly failed: number };

/** Throws the reason of the client's signal when aborted, and CallError when nobody there listens to us: then no line would fare better. */
export async function importFiles(files: readonly string[], options: ImportOptions): Promise<Summary> {
  const progress: Progress = { recorded: 0, size: await sizeOf(files) };
  const run = new Run(options, progress);
  for (const file of files) {
    options.report.reading(file, progress);
    const blank = (share: number) => {
      progress.recorded += share;
    };
    const reading = { stdin: options.stdin, signal: options.client.signal, blank };
    for await (const line of linesOf(file, reading)) await run.take(file, line);
  }
  return run.end();
}

class Run {
  readonly #options: ImportOptions;
  readonly #progress: Progress;
  readonly #active = new Map<string, Promise<void>>();
  #bytes = 0;
  #fatal: unknown;
  /** Whether Strata itself has said anything yet. */
  #met = false;
  readonly #summary = { contexts: 0, versions: 0, written: 0, failed: 0 };

  constructor(options: ImportOptions, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
  }

  /** Returns when there is room for the next line. */
  async take(file: string, line: Line): Promise<void> {
    const where = `${file}:${line.number}`;
    const trajectory = this.#parse(where, line);
    if (trajectory !== undefined) {
      const context = contextId(this.#options.tenant, trajectory.name);
      // Two lines with one id are one context, and are compared one after the other.
      await this.#active.get(context);
      this.#start(where, context, trajectory, line);
    }
    while (this.#active.size >= this.#options.concurrency || (this.#bytes > limits.import_bytes_at_once && this.#active.size > 0))
      await Promise.race(this.#active.values());
    this.#stop();
  }

  async end(): Promise<Summary> {
    await Promise.all(this.#active.values());
    this.#stop();
    return { ...this.#summary };
  }

  #parse(where: string, line: Line): Trajectory | undefined {
    try {
      if ("problem" in line) throw new TrajectoryError(line.problem);
      return trajectoryOf(line.text);
    } catch (error) {
      this.#fail(where, error);
      return undefined;
    }
  }

  #start(where: string, context: string, trajectory: Trajectory, { bytes, share }: Line): void {
    this.#bytes += bytes;
    const done = this.#record(where, context, trajectory, share).finally(() => {
      this.#bytes -= bytes;
      this.#active.delete(context);
    });
    this.#active.set(context, done);
  }

  async #record(where: string, context: string, trajectory: Trajectory, share: number): Promise<void> {
    const { client, report } = this.#options;
    const { length } = trajectory.messages;
    let told = 0;
    // A line counts by its messages that stand in the context; what was only read, or was refused, does not.
    const tell = (bytes: number) => {
      this.#progress.recorded += bytes - told;
      told = bytes;
    };
    try {
      const recorded = await record(context, trajectory, client, {
        wrote: () => report.wrote(),
        holds: (messages) => {
          this.#met = true;
          tell(length === 0 ? 0 : Math.floor((share * messages) / length));
        },
      });
      tell(share);
      this.#summary.contexts++;
      this.#summary.versions += recorded.versions;
      this.#summary.written += recorded.written;
      report.recorded(recorded);
    } catch (error) {
      if (client.signal?.aborted || this.#isDeaf(error)) this.#fatal ??= error;
      else this.#fail(where, error);
    }
  }

  /** Where nothing listens, or nothing but the runtime, in front of a host that is not there. */
  #isDeaf(error: unknown): boolean {
    if (!(error instanceof CallError)) return false;
    if (DEAF.includes(error.code)) return true;
    // Who refuses is there.
    if (error.code !== "runtime") this.#met = true;
    return !this.#met;
  }

  #fail(where: string, error: unknown): void {
    if (!(error instanceof TrajectoryError || error instanceof CallError)) throw error;
    this.#summary.failed++;
    const hint = "code" in error && error.code === "denied" ? ` (${GRANT_HINT})` : "";
    this.#options.report.failed(where, error.message + hint);
  }

  #stop(): void {
    if (this.#fatal !== undefined) throw this.#fatal;
  }
}

const GRANT_HINT = "an import needs a grant that allows append and read on the contexts it makes";

const DEAF: readonly CallError["code"][] = ["unreachable", "unauthorized"];
