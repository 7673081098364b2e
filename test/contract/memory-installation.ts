// A host with its actors on in-memory ports: everything but a sidecar and a store.

import { setImmediate as turnOver } from "node:timers/promises";
import { cloudEvent } from "../../dapr/bus.ts";
import { type Host, type HostOptions, startHost } from "../../dapr/host.ts";
import { iso } from "../../protocol/units.ts";
import { makeEvents } from "../../services/telemetry/events.ts";
import { jsonLog } from "../../services/telemetry/log.ts";
import { send } from "../suites/caller.ts";
import { type Door, type Installation, testSettings } from "../suites/installation.ts";
import { type MemoryWorld, makeMemoryWorld, startActors } from "../support/memory-ports.ts";

const TOKEN = "token-between-sidecar-and-host";
/** How far time is moved on between two questions, and how often. */
const STEP_MS = 100;
const STEPS = 2_000;

export type MemoryInstallation = Installation & { readonly world: MemoryWorld };

/** One life of the host: what ends with kill -9. */
type Life = { readonly host: Host; readonly end: AbortController };

type Bounds = Pick<HostOptions, "patience" | "room">;

class InMemory implements Installation {
  readonly #bounds: Bounds;
  readonly world = makeMemoryWorld();
  readonly sidecar = "none";
  readonly dropDelayMs = testSettings.dropDelayMs;
  readonly keyring = this.world.keyring;
  readonly secrets = [TOKEN];
  #life: Life | undefined;
  #log = "";

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  async start(): Promise<void> {
    const end = new AbortController();
    const log = jsonLog(
      "debug",
      (line) => {
        this.#log += line;
      },
      () => iso(this.world.clock.now()),
    );
    const events = makeEvents(log);
    const { contexts, tenants } = startActors(this.world, { events, life: end.signal, settings: { ...testSettings, events: true } });
    const types = [contexts.name, tenants.name];
    const host = await startHost({
      types,
      host: "127.0.0.1",
      port: 0,
      appToken: TOKEN,
      actorIdleTimeout: "1h",
      drainOngoingCallTimeout: "1s",
      events,
      ...this.#bounds,
    });
    host.ready([contexts, tenants]);
    this.#life = { host, end };
  }

  get door(): Door {
    return { url: `http://127.0.0.1:${this.#life?.host.port}/actors`, headers: { "dapr-api-token": TOKEN } };
  }
  get host(): Door {
    return this.door;
  }

  now(): number {
    return this.world.clock.now();
  }

  async until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    for (let step = 0; step < STEPS; step++) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      await this.#pass();
    }
    throw new Error(`${what}: not within ${STEPS * STEP_MS} ms`);
  }

  /** Moves time on, and lets everything happen that was due. */
  async #pass(): Promise<void> {
    this.world.clock.advance(STEP_MS);
    for (const { type, id, name } of this.world.reminders.takeDue()) await send(this.door, `/${type}/${id}/method/remind/${name}`, "{}");
    await turnOver();
  }

  readonly state = {
    read: async (keys: readonly string[]) =>
      keys.map((key) => {
        const row = this.world.store.rows.get(key);
        return row === undefined ? undefined : Buffer.from(row.value).toString("base64");
      }),
    write: async (key: string, base64: string) => this.world.store.set(key, Buffer.from(base64, "base64")),
    drop: async (key: string) => void this.world.store.rows.delete(key),
  };

  async killUnpublished(work: () => Promise<void>): Promise<void> {
    this.world.bus.open = false;
    await work();
    this.#life?.end.abort();
    this.world.bus.open = true;
    await this.#life?.host.close(1);
    await this.start();
  }

  async events() {
    return this.world.bus.published.map(cloudEvent);
  }

  async log(): Promise<string> {
    return this.#log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life?.end.abort();
    await this.#life?.host.close(1);
  }
}

export async function openInMemory(bounds: Bounds = {}): Promise<MemoryInstallation> {
  const installation = new InMemory(bounds);
  await installation.start();
  return installation;
}
