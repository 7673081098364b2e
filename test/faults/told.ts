// What contexts told: the events as they lie on the bus, in the order in which they came there. Read from the Redis stream itself, so that what a
// subscriber's sidecar would make of them is left out.

import { Redis } from "ioredis";
import { z } from "zod";
import { EVENTS } from "../../dapr/bus.ts";
import type { Told } from "./history.ts";

const PAGE = 1_000;

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

  /** All that was told of the context with this actor id until now. */
  async told(id: string): Promise<readonly Told[]> {
    for (;;) {
      const page = await this.#client.xrange(EVENTS, this.#after, "+", "COUNT", PAGE);
      for (const [entry, fields] of page) {
        const { data } = cloudEvent.parse(JSON.parse(fields[fields.indexOf("data") + 1] ?? ""));
        const { context, version, digest } = data;
        const ofContext = this.#told.get(context);
        if (ofContext === undefined) this.#told.set(context, [{ version, digest }]);
        else ofContext.push({ version, digest });
        this.#after = `(${entry}`;
      }
      if (page.length < PAGE) return this.#told.get(id) ?? [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.disconnect();
  }
}
