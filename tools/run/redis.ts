import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { RunError } from "./errors.ts";
import { type Process, startProcess } from "./processes.ts";
import { findProgram } from "./programs.ts";

const ANSWER_MS = 1_000;

/** A Redis to keep state, or the bus, or both. */
export interface RedisServer {
  /** `redis://:password@host:port`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Empty where it asks for none. */
  readonly password: string;
  /** Undefined when it ran already: then it is not ours to stop. */
  readonly process?: Process;
}

export interface RedisOptions {
  readonly port: number;
  readonly password: string;
  /** Everything it keeps. */
  readonly dir: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A Redis of our own on loopback, that keeps what it acknowledged: append-only file, synced on every write, nothing evicted. */
export async function startRedis({
  port,
  password,
  dir,
  logFile,
  env,
}: RedisOptions): Promise<RedisServer & { readonly process: Process }> {
  const program = findProgram("redis-server", env);
  if (program === undefined)
    throw new RunError("there is no redis-server on PATH; install Redis, or name a running one in STRATA_REDIS_URL");
  mkdirSync(dir, { recursive: true });
  const file = join(dir, "redis.conf");
  const settings = [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir "${dir}"`,
    // In a file and not on the command line, which every user of the machine can read.
    `requirepass "${password}"`,
    "appendonly yes",
    "appendfsync always",
    // A rewrite of the append-only file must not lift the promise while it lasts.
    "no-appendfsync-on-rewrite no",
    "aof-use-rdb-preamble yes",
    'save ""',
    "maxmemory-policy noeviction",
    "daemonize no",
  ];
  writeFileSync(file, `${settings.join("\n")}\n`, { mode: 0o600 });
  const server = { url: redisUrl("127.0.0.1", port, password), host: "127.0.0.1", port, password };
  const process = await startProcess({
    name: `redis on ${port}`,
    command: [program, file],
    env,
    cwd: dir,
    logFile,
    ready: async () => ((await askRedis(server.url)) === "ready" ? true : undefined),
  });
  return { ...server, process };
}

export function redisUrl(host: string, port: number, password: string): string {
  return `redis://${password === "" ? "" : `:${encodeURIComponent(password)}@`}${host}:${port}`;
}

/** The one that runs there. Throws RunError when the text is no such URL. */
export function redisAt(url: string): RedisServer {
  if (!URL.canParse(url)) throw new RunError("STRATA_REDIS_URL is no URL; expected redis://[:password@]host[:port]");
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  if (protocol !== "redis:" || hostname === "" || pathname.length > 1 || !["", "default"].includes(username))
    throw new RunError("STRATA_REDIS_URL: expected redis://[:password@]host[:port], without TLS, a user and a database number");
  const number = port === "" ? 6379 : Number(port);
  return { url, host: hostname, port: number, password: decodeURIComponent(password) };
}

export type RedisAnswer = "ready" | "closed" | "locked" | "other";

/** What listens there: "locked" is a Redis that wants another password, "other" is no Redis, or one that is still loading. */
export async function askRedis(url: string): Promise<RedisAnswer> {
  return withRedis(url, async (client, heard) => {
    try {
      await client.connect();
      return (await client.ping()) === "PONG" ? "ready" : "other";
    } catch (reason) {
      const text = `${reason} ${heard()}`;
      if (/NOAUTH|WRONGPASS|without any password/.test(text)) return "locked";
      return /ECONNREFUSED|ETIMEDOUT/.test(text) ? "closed" : "other";
    }
  });
}

/** What of it could lose an acknowledged write. Empty: nothing. */
export async function weaknessesOf(url: string): Promise<string[]> {
  return withRedis(url, async (client) => {
    const [appendonly, appendfsync, policy, memory] = await Promise.all(
      ["appendonly", "appendfsync", "maxmemory-policy", "maxmemory"].map(async (name) => String((await client.config("GET", name))[1])),
    );
    return [
      appendonly !== "yes" && `appendonly is ${appendonly}: what is acknowledged is lost when it crashes`,
      appendonly === "yes" && appendfsync !== "always" && `appendfsync is ${appendfsync}: the last second is lost when the machine crashes`,
      memory !== "0" && policy !== "noeviction" && `maxmemory-policy is ${policy}: it throws data away when it is full`,
    ].filter((found) => found !== false);
  });
}

async function withRedis<T>(url: string, ask: (client: Redis, heard: () => string) => Promise<T>): Promise<T> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  // A failed call says only that the connection is closed; why, comes this way, and would end the process if nobody listened.
  let reason = "";
  client.on("error", (error) => {
    reason = String(error);
  });
  try {
    return await ask(client, () => reason);
  } finally {
    client.disconnect();
  }
}
