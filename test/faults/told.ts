// What contexts told: the events as they lie on the bus, in the order in which they came there. Read from the Redis stream itself, so that what a
// subscriber's sidecar would make of them is left out.

import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { z } from "zod";
import { aborted } from "../../actors/actor.ts";
import { EVENTS } from "../../dapr/bus.ts";
import type { Told } from "./history.ts";

const PAGE = 1_000;
const AGAIN_MS = 100;

const cloudEvent = z.object({ data: z.object({ context: z.string(), version: z.int(), digest: z.string() }) });

export class Bus implements AsyncDisposable {
  readonly #client: Redis;
  /** By actor id. */
  readonly #told = new Map<string, Told[]>();
  #after = "-";

  constructor(url: string) {
    // It is killed and started again by what is tested here.
    this.#client = new Redis(url, { maxRetriesPerRequest: null });
  }

  /** All that was told of the context with this actor id, as soon as so many versions were, and when `signal` aborts: whether they are all there is for the checker to say. */
  async told(id: string, versions: number, signal: AbortSignal): Promise<readonly Told[]> {
    for (;;) {
      await this.#read(signal);
      const told = this.#told.get(id) ?? [];
      if (signal.aborted || new Set(told.map(({ version }) => version)).size >= versions) return told;
      await pause(AGAIN_MS);
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    for (;;) {
      const page = await Promise.race([this.#client.xrange(EVENTS, this.#after, "+", "COUNT", PAGE), aborted(signal)]);
      if (page === undefined) return;
      for (const [entry, fields] of page) {
        const { data } = cloudEvent.parse(JSON.parse(fields[fields.indexOf("data") + 1] ?? ""));
        const { context, version, digest } = data;
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
