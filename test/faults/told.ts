// What contexts told: the events as they lie on the bus, in the order in which they came there. Read from the Redis stream itself, so that what a
// subscriber's sidecar would make of them is left out.

import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { z } from "zod";
import { aborted } from "../../actors/actor.ts";
import { eventIn, STREAM } from "../tools/stream.ts";
import type { Told } from "./history.ts";

const PAGE = 1_000;
const AGAIN_MS = 100;

const Data = z.object({ context: z.string(), version: z.int(), digest: z.string() });

export class Bus implements AsyncDisposable {
  readonly #client: Redis;
  /** By actor id. */
  readonly #told = new Map<string, Told[]>();
  readonly #signal: AbortSignal;
  readonly #late: Promise<void>;
  #after = "-";

  /** When `signal` aborts nothing is waited for any longer. */
  constructor(url: string, signal: AbortSignal) {
    // It is killed and started again by what is tested here.
    this.#client = new Redis(url, { maxRetriesPerRequest: null });
    this.#signal = signal;
    this.#late = aborted(signal);
  }

  /** All that was told of the context with this actor id, as soon as so many versions were, or when it is late: whether they are all there is for the checker to say. */
  async told(id: string, versions: number): Promise<readonly Told[]> {
    for (;;) {
      await this.#read();
      const told = this.#told.get(id) ?? [];
      if (this.#signal.aborted || new Set(told.map(({ version }) => version)).size >= versions) return told;
      await pause(AGAIN_MS);
    }
  }

  async #read(): Promise<void> {
    for (;;) {
      const page = await Promise.race([this.#client.xrange(STREAM, this.#after, "+", "COUNT", PAGE), this.#late]);
      if (page === undefined) return;
      for (const [entry, fields] of page) {
        const { context, version, digest } = Data.parse(eventIn(fields).data);
        const ofContext = this.#told.get(context);
        if (ofContext === undefined) this.#told.set(context, [{ version, digest }]);
        else ofContext.push({ version, digest });
        this.#after = `(${entry}`;
      }
      if (page.length < PAGE) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.disconnect();
  }
}
