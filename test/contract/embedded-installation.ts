// The embedded sidecar as `npm start` composes it, with the host in a process of its own, which can be killed. Between the two stands a proxy that
// hears what is published and can refuse it.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type Dispatcher, Pool } from "undici";
import { z } from "zod";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { type LocalSidecar, startLocalSidecar } from "../../dapr/local.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { healthy, until } from "../../tools/run/polling.ts";
import { freePorts } from "../../tools/run/ports.ts";
import { Process } from "../../tools/run/processes.ts";
import { type Door, type Installation, PublishedEvent, testSettings } from "../suites/installation.ts";

const WAIT_MS = 60_000;
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const root = fileURLToPath(new URL("../..", import.meta.url));
const token = (): string => Buffer.from(systemDie.bytes(24)).toString("base64url");

/** What the host takes for its sidecar. */
class Between {
  readonly published: PublishedEvent[] = [];
  open = true;
  #sidecar: Pool | undefined;
  readonly #server = createServer((request, response) => void this.#pass(request, response).catch(() => response.destroy()));

  async listen(port: number, sidecar: string): Promise<void> {
    this.#sidecar = new Pool(sidecar, { connections: 128 });
    this.#server.keepAliveTimeout = 120_000;
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#sidecar?.destroy();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url: path = "/" } = request;
    const body = await buffer(request);
    const publishes = path.includes("/publish/");
    if (publishes && !this.open) return void response.writeHead(500).end();
    const { connection: _, "content-length": __, ...headers } = request.headers;
    const answer = await this.#sidecar?.request({
      method: method as Dispatcher.HttpMethod,
      path,
      headers,
      body: body.length > 0 ? body : null,
    });
    if (answer === undefined) return void response.writeHead(503).end();
    const text = Buffer.from(await answer.body.arrayBuffer());
    if (publishes && answer.statusCode < 300) this.published.push(...eventsIn(body));
    const { etag } = answer.headers;
    response.writeHead(answer.statusCode, { "content-type": "application/json", ...(typeof etag === "string" ? { etag } : {}) }).end(text);
  }
}

const eventsIn = (body: Buffer): PublishedEvent[] =>
  z
    .array(z.object({ event: PublishedEvent }))
    .parse(JSON.parse(body.toString()))
    .map(({ event }) => event);

class Embedded implements Installation {
  readonly sidecar = "embedded";
  readonly dropDelayMs = testSettings.dropDelayMs;
  readonly keyring: Keyring;
  readonly secrets: readonly string[];
  readonly #tokens = { host: token(), app: token() };
  readonly #rootKey = Buffer.from(systemDie.bytes(32)).toString("base64");
  readonly #between = new Between();
  readonly #folder: string;
  readonly #ports: { readonly host: number; readonly between: number };
  readonly #process: Process;
  #local: LocalSidecar | undefined;

  constructor(folder: string, ports: { readonly host: number; readonly between: number }) {
    this.#folder = folder;
    this.#ports = ports;
    this.keyring = new Keyring(parseRootKeys(this.#rootKey), systemDie);
    this.secrets = [this.#rootKey, ...Object.values(this.#tokens)];
    const url = `http://127.0.0.1:${ports.host}`;
    this.#process = new Process({
      name: "host",
      command: [process.execPath, "services/host/main.ts"],
      cwd: root,
      logFile: join(folder, "host.log"),
      ready: (signal) => healthy(`${url}/healthz`, signal),
      env: {
        STRATA_PORT: String(ports.host),
        DAPR_HTTP_PORT: String(ports.between),
        DAPR_API_TOKEN: this.#tokens.host,
        APP_API_TOKEN: this.#tokens.app,
        STRATA_ROOT_KEY: this.#rootKey,
        STRATA_DROP_DELAY_MS: String(testSettings.dropDelayMs),
        STRATA_HOT_MS: String(testSettings.hotMs),
        STRATA_TEND_MS: String(testSettings.tendMs),
        STRATA_LOG: "debug",
      },
    });
  }

  async start(): Promise<void> {
    this.#local = await startLocalSidecar({
      appId: "strata-host",
      callersId: "strata-callers",
      appPort: this.#ports.host,
      port: 0,
      dataFile: join(this.#folder, "state.db"),
      hostToken: this.#tokens.host,
      appToken: this.#tokens.app,
      maxBodyBytes: MAX_BODY_BYTES,
      components: { stateStores: ["store"], pubsubs: [{ name: "bus", callerTopics: ["untrusted"], retries: 3 }] },
    });
    await this.#between.listen(this.#ports.between, this.#local.host.url);
    await this.#serve();
  }

  async #serve(): Promise<void> {
    await this.#process.start();
    await this.#local?.ready(WAIT_MS);
  }

  get door(): Door {
    return { url: `${this.#local?.url}/v1.0/actors`, headers: {} };
  }
  get host(): Door {
    return { url: `http://127.0.0.1:${this.#ports.host}/actors`, headers: { "dapr-api-token": this.#tokens.app } };
  }

  now(): number {
    return systemClock.now();
  }

  until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    return until(what, WAIT_MS, ask);
  }

  readonly state = {
    read: (keys: readonly string[]) => Promise.all(keys.map((key) => this.#get(key))),
    write: async (key: string, base64: string) => void (await this.#ask("POST", "", JSON.stringify([{ key, value: base64 }]))),
    drop: async (key: string) => void (await this.#ask("DELETE", `/${encodeURIComponent(key)}`)),
  };

  async #get(key: string): Promise<string | undefined> {
    const text = await this.#ask("GET", `/${encodeURIComponent(key)}`);
    return text === "" ? undefined : z.string().parse(JSON.parse(text));
  }

  /** Throws where the state API refuses. */
  async #ask(method: string, path: string, body?: string): Promise<string> {
    const headers = { "dapr-api-token": this.#tokens.host, "content-type": "application/json" };
    const response = await fetch(`${this.#local?.host.url}/v1.0/state/store${path}`, { method, headers, body: body ?? null });
    if (!response.ok) throw new Error(`${method} ${path}: the state API answered ${response.status}`);
    return await response.text();
  }

  async killUnpublished(work: () => Promise<void>): Promise<void> {
    this.#between.open = false;
    await work();
    await this.#process.kill();
    this.#between.open = true;
    await this.#serve();
  }

  async events(): Promise<readonly PublishedEvent[]> {
    return [...this.#between.published];
  }

  async log(): Promise<string> {
    return await readFile(this.#process.logFile, "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await this.#local?.close();
    await this.#between.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export async function openEmbedded(): Promise<Installation> {
  const [host = 0, between = 0] = await freePorts(2);
  const installation = new Embedded(await mkdtemp(join(tmpdir(), "strata-embedded-")), { host, between });
  await installation.start();
  return installation;
}
