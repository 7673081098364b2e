// The whole of it on a real daprd, as tools/run starts it.

import { readFile } from "node:fs/promises";
import { Redis } from "ioredis";
import { z } from "zod";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import type { Host, StoreKind } from "../../tools/run/cluster.ts";
import { until } from "../../tools/run/polling.ts";
import { type Installation, type PublishedEvent, testSettings } from "../suites/installation.ts";
import { type TemporaryCluster, temporaryCluster } from "../tools/live.ts";
import { eventIn, STREAM } from "../tools/stream.ts";

const WAIT_MS = 60_000;
const ASIDE = `${STREAM}-aside`;

class OnDaprd implements Installation {
  readonly sidecar = "daprd";
  readonly dropDelayMs = testSettings.dropDelayMs;
  readonly keyring: Keyring;
  readonly secrets: readonly string[];
  readonly #cluster: TemporaryCluster;
  readonly #redis: Redis;

  constructor(cluster: TemporaryCluster) {
    const { rootKey, ...others } = cluster.secrets;
    this.#cluster = cluster;
    this.#redis = new Redis(cluster.bus.url);
    this.keyring = new Keyring(parseRootKeys(rootKey), systemDie);
    this.secrets = [rootKey, ...Object.values(others)];
  }

  get door() {
    return { url: `${this.#cluster.url}/v1.0/actors`, headers: {} };
  }
  get host() {
    return { url: `${this.#first.url}/actors`, headers: { "dapr-api-token": this.#cluster.secrets.appApiToken } };
  }
  get #first(): Host {
    const [host] = this.#cluster.hosts;
    if (host === undefined) throw new Error("the cluster has no host");
    return host;
  }

  now(): number {
    return systemClock.now();
  }

  until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    return until(what, WAIT_MS, ask);
  }

  readonly state = {
    read: async (keys: readonly string[]) => (await Promise.all(keys.map((key) => this.#get(key)))).map((row) => row?.value),
    write: async (key: string, base64: string) => {
      // By its etag: a plain write is refused on Redis, where the key was made by a create-only one.
      const etag = (await this.#get(key))?.etag;
      const row = { key, value: base64, options: { concurrency: "first-write" }, ...(etag === undefined ? {} : { etag }) };
      await this.#ask("POST", "", JSON.stringify([row]));
    },
    drop: async (key: string) => void (await this.#ask("DELETE", `/${encodeURIComponent(key)}`)),
  };

  async #get(key: string): Promise<{ value: string; etag: string } | undefined> {
    const response = await this.#ask("GET", `/${encodeURIComponent(key)}`);
    const text = await response.text();
    return text === "" ? undefined : { value: z.string().parse(JSON.parse(text)), etag: response.headers.get("etag") ?? "" };
  }

  /** Throws where the state API refuses. */
  async #ask(method: string, path: string, body?: string): Promise<Response> {
    const headers = { "dapr-api-token": this.#cluster.secrets.daprApiToken, "content-type": "application/json" };
    const response = await fetch(`${this.#first.sidecar.url}/v1.0/state/store${path}`, { method, headers, body: body ?? null });
    if (!response.ok) throw new Error(`${method} ${path}: the state API answered ${response.status}: ${await response.text()}`);
    return response;
  }

  async killUnpublished(work: () => Promise<void>): Promise<void> {
    // Where the stream should be stands something else, so nothing can be added to it; the store is not touched.
    const kept = await this.#redis.exists(STREAM);
    if (kept > 0) await this.#redis.rename(STREAM, ASIDE);
    await this.#redis.set(STREAM, "not a stream");
    await work();
    await this.#first.process?.kill();
    await this.#redis.del(STREAM);
    if (kept > 0) await this.#redis.rename(ASIDE, STREAM);
    await this.#first.process?.start();
    await this.#cluster.ready();
  }

  async events(): Promise<readonly PublishedEvent[]> {
    if ((await this.#redis.type(STREAM)) !== "stream") return [];
    const entries = await this.#redis.xrange(STREAM, "-", "+");
    return entries.map(([, fields]) => eventIn(fields));
  }

  async log(): Promise<string> {
    return await readFile(this.#first.process?.logFile ?? "", "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect();
    await this.#cluster[Symbol.asyncDispose]();
  }
}

/** A host that is slow because the machine is busy is not taken for a dead one. */
const settings = { "strata-host": { appHealthProbeInterval: 5, appHealthProbeTimeout: 4_000, appHealthThreshold: 30 } };

export async function openOnDaprd(store: StoreKind): Promise<Installation> {
  const env = {
    STRATA_DROP_DELAY_MS: String(testSettings.dropDelayMs),
    STRATA_HOT_MS: String(testSettings.hotMs),
    STRATA_TEND_MS: String(testSettings.tendMs),
    STRATA_LOG: "debug",
  };
  return new OnDaprd(await temporaryCluster({ store, settings, app: { command: ["node", "services/host/main.ts"], env } }));
}
