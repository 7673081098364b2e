// What a fault test writes down: every request with its answer, and in the end what stands. One JSON object a line; times in ms since the test
// process began, from one monotonic clock.

import { createWriteStream, readFileSync, type WriteStream } from "node:fs";

/** What came back for one attempt of an append. */
export type Answer =
  | { readonly kind: "ok"; readonly version: number; readonly digest: string; readonly at: string; readonly duplicate?: boolean }
  /** Strata refused it; `outcome` as in its details. */
  | { readonly kind: "refused"; readonly code: string; readonly outcome?: string }
  /** The runtime failed, the connection broke, or the caller went away: nothing is known. */
  | { readonly kind: "lost"; readonly why: string };

type Times = { readonly began: number; readonly ended: number };

/** One attempt of an append. Its only item is the text of its key, so a key that stands twice was doubled. */
export type Appended = Times & {
  readonly op: "append";
  readonly context: string;
  readonly key: string;
  /** The head that it must meet. */
  readonly expect?: number;
  readonly answer: Answer;
};

/** A read that was answered. Version 0: the context was not there. */
export type Read = Times & {
  readonly op: "read";
  readonly context: string;
  /** Asked to prove the head in the store. */
  readonly fresh: boolean;
  /** The version asked for; undefined for the latest. */
  readonly at?: number;
  readonly version: number;
  readonly digest: string;
  /** Index of the first of `texts` among the items. */
  readonly from: number;
  readonly texts: readonly string[];
  /** There are more items than were given. */
  readonly more: boolean;
};

/** An append that nobody may make, and that must therefore never stand; or one that was let go before it began. */
export type Forbidden = { readonly op: "forbidden"; readonly context: string; readonly key: string; readonly why: string };

/** A fault was fired, with so many turns in flight. */
export type Fault = { readonly op: "fault"; readonly fault: string; readonly what: string; readonly at: number; readonly inFlight: number };

/** An event on the bus: which version of a context it tells of. */
export type Told = { readonly version: number; readonly digest: string };

/** A context in the end. */
export type Final = {
  readonly op: "final";
  readonly context: string;
  /** Oldest first, with the texts of the items that each version added. */
  readonly versions: readonly {
    readonly number: number;
    readonly digest: string;
    readonly at: string;
    readonly texts: readonly string[];
  }[];
  readonly verified: { readonly version: number; readonly digest: string } | { readonly failed: string };
  /** What lies on the bus about it, in the order in which it came there. */
  readonly told: readonly Told[];
};

/** A context whose time to live ran out: nobody can read it any more. */
export type Ended = { readonly op: "ended"; readonly context: string };

/** What a fault looked at itself. */
export type Claim = { readonly op: "claim"; readonly holds: boolean; readonly claim: string };

export type Entry = Appended | Read | Forbidden | Fault | Final | Ended | Claim;

export const now = (): number => performance.now();

/** Keeps what happened, in memory for the checker and as lines in a file for whoever wants to know. */
export class History {
  readonly #entries: Entry[] = [];
  readonly #file: WriteStream;
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    this.#file = createWriteStream(path, { flags: "w" });
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#file.write(`${JSON.stringify(entry)}\n`);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(() => resolve()));
  }
}

/** A history as a run has left it. */
export function readHistory(path: string): Entry[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Entry);
}
