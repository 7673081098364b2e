// A whole installation on one machine: store, bus, placement, scheduler, hosts with their sidecars, and the callers' sidecar.
//
// It is what dapr.yaml says, started from the same file and the same components. What a run has otherwise than these files is written into copies
// of them, under `<dataDir>/resources` and `<dataDir>/config`:
//   bus    redisHost          where the Redis of this run listens
//   store  redisHost          the same, where the store is Redis
//   store  connectionString   SQLite: `<dataDir>/store.db`
//   tracing.samplingRate      "1" where the environment names an OTLP endpoint
//   and what the caller asks for in `metadata`
// Passwords are not among them; those reach the sidecars by their environment, as the shipped files say (envRef).

import { chmodSync } from "node:fs";
import { join, resolve } from "node:path";
import { makeFolder } from "../../services/start/data.ts";
import type { Binaries } from "./binaries.ts";
import type { Service } from "./control-plane.ts";
import {
  baseEnvironment,
  callersSidecarEnvironment,
  type Environment,
  hostEnvironment,
  hostSidecarEnvironment,
  type Stores,
} from "./environment.ts";
import { RunError } from "./errors.ts";
import { type Apps, busAddressOf, onCopies, planApps, type StoreKind, withFreePorts } from "./plan.ts";
import { healthy } from "./polling.ts";
import type { PostgresServer } from "./postgres.ts";
import { Process } from "./processes.ts";
import type { RedisServer } from "./redis.ts";
import type { Changes } from "./resources.ts";
import type { RunApp } from "./run-file.ts";
import { loadSecrets, type Secrets } from "./secrets.ts";
import { placement, postgres, redis, type Site, scheduler } from "./services.ts";
import { type Sidecar, sidecarOf } from "./sidecar.ts";

export type { StoreKind } from "./plan.ts";

const READY_MS = 60_000;
/** A host is given 20 s to let its turns end (STRATA_DRAIN_MS). */
const DRAIN_MS = 25_000;

/** What answers for the actors: a command, or something in this process, which is told the same environment and listens when its promise is kept. */
export type HostApp =
  | { readonly command?: readonly [string, ...string[]]; readonly env?: Environment }
  | { readonly start: (env: Environment) => Promise<void>; readonly env?: Environment };

export interface ClusterOptions {
  readonly binaries: Binaries;
  readonly store: StoreKind;
  /** Everything that it keeps; may be deleted when it has stopped. */
  readonly dataDir: string;
  /** Default: dapr.yaml of this repository. */
  readonly runFile?: string;
  /** Default: the command that the run file names. Its `env` is added to what the run file says. */
  readonly app?: HostApp;
  /** Default 1. */
  readonly hosts?: number;
  /** "free" (default): at free ports, so that several clusters run side by side. "file": at the ports of the run file. */
  readonly ports?: "free" | "file";
  /** Instead of the callers' port in the run file, with ports "file". */
  readonly callersPort?: number;
  /** Use the placement, scheduler, Redis and PostgreSQL that run already, and start the others at their usual ports. Default false: all its own. */
  readonly share?: boolean;
  /** The environment of every process. Default: PATH and HOME of this one, and where its Node keeps compiled code. What the runner hands out itself is taken out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By component, then by metadata name: what this run has otherwise, `{bus: {processingTimeout: "2s"}}`. */
  readonly metadata?: Changes["metadata"];
  /** By app id, keys of the run file: `{"strata-host": {logLevel: "debug"}}`. */
  readonly settings?: Readonly<Record<string, Partial<RunApp>>>;
  /** Hears what is going on. */
  readonly report?: (line: string) => void;
  /** Aborted while it starts: everything is stopped again, and startCluster throws. */
  readonly signal?: AbortSignal;
}

/** One application with its sidecar. All hosts have the same app id. Disposing of it takes it away: it drains, and its actors move. */
export interface Host extends AsyncDisposable {
  readonly name: string;
  /** Undefined where the application is in the caller's own process. */
  readonly process: Process | undefined;
  readonly sidecar: Sidecar;
  /** `http://127.0.0.1:<port>` of the application itself. */
  readonly url: string;
  /** What the application was told. */
  readonly env: Environment;
  /** Waits until it serves actors. */
  ready(): Promise<void>;
}

/** Disposing of it stops everything that it started, callers' side first, and nothing else. */
export interface Cluster extends AsyncDisposable {
  /** Where callers call: the callers' sidecar. */
  readonly url: string;
  readonly callers: Sidecar;
  /** In the order in which they came. */
  readonly hosts: readonly Host[];
  readonly kind: StoreKind;
  /** Undefined with SQLite, where the sidecars keep the store. The same as the bus with Redis. */
  readonly store: RedisServer | PostgresServer | undefined;
  readonly bus: RedisServer;
  readonly placement: Service;
  readonly scheduler: Service;
  readonly secrets: Secrets;
  readonly dataDir: string;
  /** Everything that was started and is ours to stop, in the order in which it was. */
  readonly processes: readonly Process[];
  /** One host more, at free ports. */
  addHost(app?: HostApp): Promise<Host>;
  /** Waits until callers reach the actors of every host: after something was restarted, for one. */
  ready(): Promise<void>;
}

/** Starts it and waits until callers reach the actors. On a failure everything that was started is stopped again. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const starting = new Starting(options);
  const abort = (): void => void starting.stop();
  options.signal?.addEventListener("abort", abort);
  try {
    options.signal?.throwIfAborted();
    return await starting.run();
  } catch (reason) {
    await starting.stop();
    throw options.signal?.aborted === true ? new RunError("stopped while it was starting") : reason;
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
}

class Starting implements AsyncDisposable {
  readonly #options: ClusterOptions;
  readonly #site: Site;
  readonly #stack = new AsyncDisposableStack();
  readonly #processes: Process[] = [];
  readonly #hosts: Host[] = [];
  #callers: Process | undefined;
  #named = 0;

  constructor(options: ClusterOptions) {
    const { binaries, share = false, report = () => {} } = options;
    const dataDir = resolve(options.dataDir);
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
    const given = options.env ?? { PATH, HOME, NODE_COMPILE_CACHE };
    makeFolder(dataDir);
    // What is secret lies in files of mode 0600. The folder itself must be passable for the user as whom PostgreSQL runs.
    chmodSync(dataDir, 0o711);
    const own = (one: Process): void => {
      if (this.#stack.disposed) {
        void one.kill();
        throw new RunError(`${one.name} came too late: everything is being stopped`);
      }
      this.#processes.push(one);
      this.#stack.use(one);
    };
    const secrets = loadSecrets(dataDir, given, report);
    this.#options = options;
    this.#site = { binaries, dataDir, secrets, env: baseEnvironment(given), share, given, report, own };
  }

  async stop(): Promise<void> {
    // No new calls while the hosts drain; then everything in the opposite order of its start.
    await this.#callers?.stop();
    await this.#stack.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async run(): Promise<Cluster> {
    const { hosts: count = 1, store: kind, runFile, ports = "free", callersPort, settings = {} } = this.#options;
    const apps = await planApps({ runFile, ports, callersPort, settings });
    const [placed, scheduled] = await this.#together([
      placement(this.#site, apps.host.placementHostAddress ?? "127.0.0.1:50005"),
      scheduler(this.#site, apps.host.schedulerHostAddress ?? "127.0.0.1:50006"),
    ]);
    const bus = await redis(this.#site, busAddressOf(apps.callers), kind === "redis");
    const stores: Stores = { bus, postgres: kind === "postgres" ? await postgres(this.#site) : undefined };
    const { host, callers } = this.#settled(apps, bus, { placementHostAddress: placed.address, schedulerHostAddress: scheduled.address });

    const callersSidecar = this.#sidecar(callers, callersSidecarEnvironment(this.#site.env, stores), callers.appID);
    this.#callers = callersSidecar.process;
    const hosts = Array.from({ length: count }, async (_, i) =>
      this.#host(i === 0 ? host : await withFreePorts(host), stores, this.#options.app),
    );
    await this.#together([callersSidecar.process.start(), ...hosts]);

    const cluster: Cluster = {
      url: callersSidecar.url,
      callers: callersSidecar,
      hosts: this.#hosts,
      kind,
      store: kind === "redis" ? bus : stores.postgres,
      bus,
      placement: placed,
      scheduler: scheduled,
      secrets: this.#site.secrets,
      dataDir: this.#site.dataDir,
      processes: this.#processes,
      addHost: async (app = this.#options.app) => {
        const added = await this.#host(await withFreePorts(host), stores, app);
        await added.ready();
        return added;
      },
      ready: async () => {
        await Promise.all([servesActors(callersSidecar, false), ...this.#hosts.map((one) => one.ready())]);
      },
      [Symbol.asyncDispose]: () => this.stop(),
    };
    await cluster.ready();
    return cluster;
  }

  #settled({ host, callers }: Apps, bus: RedisServer, addresses: Partial<RunApp>): Apps {
    const { store, metadata = {}, env = {} } = this.#options;
    const traced = env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined;
    const copying = { store, bus, metadata, traced, dataDir: this.#site.dataDir };
    return { host: onCopies({ ...host, ...addresses }, copying), callers: onCopies({ ...callers, ...addresses }, copying) };
  }

  #sidecar(app: RunApp, env: Environment, name: string): Sidecar {
    const { dataDir, binaries, own } = this.#site;
    const made = sidecarOf({
      daprd: binaries.daprd,
      app,
      env,
      name: `sidecar of ${name}`,
      logFile: join(dataDir, "logs", `${name}-daprd.log`),
    });
    own(made.process);
    return made;
  }

  async #host(app: RunApp, stores: Stores, hostApp: HostApp | undefined): Promise<Host> {
    const { dataDir, own, report, env: base, secrets } = this.#site;
    this.#named++;
    const name = this.#named === 1 ? app.appID : `${app.appID}-${this.#named}`;
    const sidecar = this.#sidecar(app, hostSidecarEnvironment(base, stores, secrets), name);
    const url = `http://${app.appChannelAddress ?? "127.0.0.1"}:${app.appPort}`;
    const env = { ...hostEnvironment(base, app, secrets, this.#options.store === "redis" ? stores.bus : undefined), ...hostApp?.env };
    const inProcess = hostApp !== undefined && "start" in hostApp ? hostApp.start : undefined;
    const command = (hostApp !== undefined && "command" in hostApp ? hostApp.command : undefined) ?? app.command;
    if (inProcess === undefined && command === undefined)
      throw new RunError(`${app.appID} has no command in the run file, and none was given`);
    const ready = (signal: AbortSignal) => healthy(`${url}${app.appHealthCheckPath ?? "/healthz"}`, signal);
    const process =
      inProcess !== undefined || command === undefined
        ? undefined
        : new Process({ name, command, env, cwd: app.appDirPath, logFile: join(dataDir, "logs", `${name}.log`), ready, stopMs: DRAIN_MS });
    if (process !== undefined) own(process);
    const host: Host = {
      name,
      process,
      sidecar,
      url,
      env,
      ready: () => servesActors(sidecar, true),
      [Symbol.asyncDispose]: async () => {
        // The application first: while it drains it still needs its sidecar.
        await process?.stop();
        await sidecar.process.stop();
        const at = this.#hosts.indexOf(host);
        if (at !== -1) this.#hosts.splice(at, 1);
      },
    };
    this.#hosts.push(host);
    // Each waits for the other: daprd for the application's port, the application for its sidecar.
    await this.#together([sidecar.process.start(), inProcess?.(env) ?? process?.start()], host);
    report(`${name}: serves on ${app.appPort}, its sidecar on ${app.daprHTTPPort}`);
    return host;
  }

  /** All of them. At the first failure the others, which may be waiting for the one that failed, are stopped at once. */
  async #together<const P extends readonly unknown[]>(starts: P, whole: AsyncDisposable = this) {
    try {
      return await Promise.all(starts);
    } catch (reason) {
      await whole[Symbol.asyncDispose]();
      await Promise.allSettled(starts);
      throw reason;
    }
  }
}

/** A sidecar with an application hosts at least one type; any sidecar knows from placement where the types are. */
async function servesActors({ process, metadata }: Sidecar, hosts: boolean): Promise<void> {
  await process.whileRunning(`${process.name} is ready for actors`, READY_MS, async (signal) => {
    const { actorRuntime } = await metadata(signal);
    if (actorRuntime?.hostReady !== true || (hosts && (actorRuntime.activeActors ?? []).length === 0)) return undefined;
    return true;
  });
}
