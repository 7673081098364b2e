// What a cluster needs beside its sidecars: placement, scheduler, a Redis for the bus, and a store. Started, or found where they run already.
import { join } from "node:path";
import type { Binaries } from "./binaries.ts";
import { findService, type Service, startPlacement, startScheduler } from "./control-plane.ts";
import { RunError } from "./errors.ts";
import { answers } from "./polling.ts";
import { freePorts, isFree } from "./ports.ts";
import { askPostgres, type PostgresServer, postgresAt, startPostgres } from "./postgres.ts";
import type { Process } from "./processes.ts";
import { askRedis, type RedisServer, redisAt, redisUrl, startRedis, weaknessesOf } from "./redis.ts";
import type { Secrets } from "./secrets.ts";

export interface Site {
  readonly binaries: Binaries;
  readonly dataDir: string;
  readonly secrets: Secrets;
  /** What every process gets. */
  readonly env: Readonly<Record<string, string>>;
  /** Use what runs already, and start the rest at the usual ports; else start everything at free ports. */
  readonly share: boolean;
  /** Of the runner itself: STRATA_REDIS_URL and the like. */
  readonly given: Readonly<Record<string, string | undefined>>;
  readonly report: (line: string) => void;
  /** Every process is registered here as soon as it is there, and stopped in the opposite order. */
  readonly own: (process: Process) => void;
}

export async function placement(site: Site, address: string): Promise<Service> {
  const running = await runningService(site, "placement", address);
  if (running !== undefined) return running;
  const binary = needed(site.binaries.placement, "placement", address);
  const [free = 0, raft = 0, healthz = 0, metrics = 0] = await freePorts(4);
  const port = site.share ? portOf(address) : free;
  const started = await startPlacement({ binary, port, ports: { raft, healthz, metrics }, ...place(site, "placement") });
  return owned(site, started, `placement on ${port}`);
}

export async function scheduler(site: Site, address: string): Promise<Service> {
  const running = await runningService(site, "scheduler", address);
  if (running !== undefined) return running;
  const binary = needed(site.binaries.scheduler, "scheduler", address);
  const [free = 0, etcdClient = 0, etcdPeer = 0, healthz = 0, metrics = 0] = await freePorts(5);
  const port = site.share ? portOf(address) : free;
  const started = await startScheduler({ binary, port, ports: { etcdClient, etcdPeer, healthz, metrics }, ...place(site, "scheduler") });
  return owned(site, started, `scheduler on ${port}`);
}

async function runningService(site: Site, kind: "placement" | "scheduler", address: string): Promise<Service | undefined> {
  if (!site.share) return undefined;
  const found = (await answers(hostOf(address), portOf(address))) ? { address } : await findService(kind);
  if (found !== undefined) site.report(`${kind}: the one that runs at ${found.address}`);
  if (found === undefined && !isLoopback(hostOf(address)))
    throw new RunError(
      `${kind} does not answer at ${address}, where dapr.yaml says it is (${kind}HostAddress); start it there, or correct the address`,
    );
  return found;
}

/** The bus, and the store where that is Redis. `address` is what the component file says. */
export async function redis(site: Site, address: string, isStore: boolean): Promise<RedisServer> {
  if (!site.share) return startOwnRedis(site, (await freePorts(1))[0] ?? 0);
  const given = site.given.STRATA_REDIS_URL;
  const server =
    given === undefined ? redisAt(redisUrl(hostOf(address), portOf(address), site.given.STRATA_REDIS_PASSWORD ?? "")) : redisAt(given);
  const where = `${server.host}:${server.port}`;
  const answer = await askRedis(server.url);
  if (answer === "closed" && given === undefined && isLoopback(server.host)) return startOwnRedis(site, server.port);
  if (answer === "locked")
    throw new RunError(`the Redis at ${where} asks for another password; give it in STRATA_REDIS_URL (redis://:password@${where})`);
  const source = given === undefined ? "components/shared/bus.yaml" : "STRATA_REDIS_URL";
  if (answer !== "ready")
    throw new RunError(`no Redis answers at ${where} (${answer}), where ${source} says it is; start it, or correct the address`);
  site.report(`redis: the one that runs at ${where}`);
  for (const weakness of await weaknessesOf(server.url))
    site.report(`redis at ${where}${isStore ? ", which is the store" : ""}: ${weakness}`);
  return server;
}

async function startOwnRedis(site: Site, port: number): Promise<RedisServer> {
  const started = await startRedis({ port, password: site.secrets.redisPassword, ...place(site, "redis") });
  return owned(site, started, `redis on ${port}`);
}

const POSTGRES_PORT = 5432;
const urlForm = "postgres://user:password@host:port/database";

export async function postgres(site: Site): Promise<PostgresServer> {
  if (!site.share) return startOwnPostgres(site, (await freePorts(1))[0] ?? 0);
  const given = site.given.STRATA_POSTGRES_URL;
  if (given !== undefined) {
    const server = postgresAt(given);
    if (!(await answers(server.host, server.port)))
      throw new RunError(`nothing answers at ${server.host}:${server.port}, where STRATA_POSTGRES_URL says that PostgreSQL is`);
    site.report(`postgres: the one that runs at ${server.host}:${server.port}`);
    return server;
  }
  if (await isFree(POSTGRES_PORT)) return startOwnPostgres(site, POSTGRES_PORT);
  const url = `postgres://postgres@127.0.0.1:${POSTGRES_PORT}/postgres`;
  const answer = await askPostgres("127.0.0.1", POSTGRES_PORT, "postgres");
  if (answer === "password")
    throw new RunError(`the PostgreSQL on port ${POSTGRES_PORT} asks for a password; give it in STRATA_POSTGRES_URL (${urlForm})`);
  if (answer !== "trusted")
    throw new RunError(
      `what listens on port ${POSTGRES_PORT} is no PostgreSQL for us (${answer}); stop it, or set STRATA_POSTGRES_URL (${urlForm})`,
    );
  site.report(`postgres: the one that runs on ${POSTGRES_PORT}, which asks for no password`);
  return postgresAt(url);
}

async function startOwnPostgres(site: Site, port: number): Promise<PostgresServer> {
  const started = await startPostgres({ port, password: site.secrets.postgresPassword, ...place(site, "postgres") });
  return owned(site, started, `postgres on ${port}`);
}

function place({ dataDir, env }: Site, name: string): { dir: string; logFile: string; env: Readonly<Record<string, string>> } {
  return { dir: join(dataDir, name), logFile: join(dataDir, "logs", `${name}.log`), env };
}

function owned<T extends { readonly process: Process }>(site: Site, started: T, name: string): T {
  site.own(started.process);
  site.report(`${name}: started`);
  return started;
}

function needed(binary: string | undefined, name: string, address: string): string {
  if (binary === undefined)
    throw new RunError(`no ${name} runs at ${address}, and none was found to start; run tools/dapr/build.sh, or \`dapr init\``);
  return binary;
}

const hostOf = (address: string): string => /^(.*?)(?::\d+)?$/.exec(address)?.[1] ?? address;
const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
const isLoopback = (host: string): boolean => ["127.0.0.1", "localhost", "::1"].includes(host);
