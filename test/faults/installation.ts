// An installation on a real daprd as faults need it: hosts whose record writes pass a gate, that can be stopped, killed and started in other ways
// than shipped, a second host, and a foreign sidecar.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import type { Binaries } from "../../tools/run/binaries.ts";
import { type Cluster, type Host, startCluster } from "../../tools/run/cluster.ts";
import type { Environment } from "../../tools/run/environment.ts";
import { baseEnvironment } from "../../tools/run/environment.ts";
import { freePorts } from "../../tools/run/ports.ts";
import { Process } from "../../tools/run/processes.ts";
import type { Sidecar } from "../../tools/run/sidecar.ts";
import { createTenant, mintGrant } from "../../tools/run/tenant.ts";
import { startForeign, writeConfigs } from "../tools/foreign.ts";
import { briefDrain, type Cure } from "./cures.ts";
import { type Gate, openGate } from "./gate.ts";
import { TENANT } from "./stage.ts";
import { supervise } from "./supervise.ts";

export type FaultStore = "redis" | "postgres";

const START_MS = 60_000;
/** A host that drains waits for calls at a sidecar that has turned away from it already; what they would tell is found again later. */
const DRAIN_MS = 3_000;
const STOP_MS = 8_000;
/** What a crash left untold is found by a reminder, once a minute where nobody says otherwise: a run looks at its end whether it was. */
const TEND_MS = 10_000;
/** S, as the host has it when nobody says otherwise (protocol/limits.ts). */
export const HOT_MS = 2_000;
const root = fileURLToPath(new URL("../..", import.meta.url));
const preload = new URL("without.ts", import.meta.url).href;

export interface InstallationOptions {
  readonly binaries: Binaries;
  readonly store: FaultStore;
  readonly dataDir: string;
  /** What of Strata is switched off. */
  readonly without: readonly Cure[];
  readonly report: (line: string) => void;
}

/** A host of ours: its process can be started again with other settings. */
export interface FaultHost {
  readonly name: string;
  readonly gate: Gate;
  readonly host: Host;
  /** The application. */
  readonly process: Process;
  /** The address at which the sidecar calls it. */
  readonly url: string;
  /** Its logs: of the application, and of its sidecar. */
  readonly logs: { readonly app: string; readonly sidecar: string };
}

export interface Installation extends AsyncDisposable {
  readonly store: FaultStore;
  readonly cluster: Cluster;
  /** Where callers call. */
  readonly url: string;
  /** Everything on every context of the tenant. */
  readonly grant: string;
  readonly dataDir: string;
  readonly binaries: Binaries;
  readonly first: FaultHost;
  /** The second host. It is there from the first call on; whether it runs is the caller's business. */
  second(): Promise<FaultHost>;
  /** Where the sidecar of another application answers, one with everything open, as anyone on this machine could start it. */
  foreign(): Promise<string>;
  /** Starts the first host again with these settings; the second gets them when it is started. */
  settle(settings: Environment): Promise<void>;
  /** S, as the hosts have it now. */
  readonly hotMs: number;
}

type Made = { readonly gate: Gate; readonly url: string; readonly env: Environment; process: Process };

class Making {
  readonly #options: InstallationOptions;
  readonly made: Made[] = [];
  settings: Environment = {};

  constructor(options: InstallationOptions) {
    this.#options = options;
  }

  /** As the cluster asks for an application: it gets the environment, and listens when the promise is kept. */
  readonly start = async (env: Environment): Promise<void> => {
    const [port = 0] = await freePorts(1);
    const gate = await openGate(`http://127.0.0.1:${env.DAPR_HTTP_PORT}`, port);
    const made: Made = {
      gate,
      url: `http://127.0.0.1:${env.STRATA_PORT}`,
      env,
      process: this.#process(this.made.length, gate, env),
    };
    this.made.push(made);
    await made.process.start();
  };

  /** The same applications with other settings; those that run are started again. */
  async change(settings: Environment): Promise<void> {
    this.settings = settings;
    await Promise.all(
      this.made.map(async (made, i) => {
        const { running } = made.process;
        await made.process.stop();
        made.process = this.#process(i, made.gate, made.env);
        if (running) await made.process.start();
      }),
    );
  }

  #process(index: number, gate: Gate, env: Environment): Process {
    const { without, dataDir } = this.#options;
    const name = index === 0 ? "host" : `host-${index + 1}`;
    const patches = [briefDrain, ...without].map((cure) => cure.name);
    const altered = Object.assign({}, ...without.map(({ env: own }) => own ?? {})) as Environment;
    return new Process({
      name,
      command: [process.execPath, "--import", preload, join(root, "services/host/main.ts")],
      env: present({
        ...env,
        DAPR_HTTP_ENDPOINT: gate.url,
        STRATA_TEND_MS: String(TEND_MS),
        STRATA_LOG: "info",
        STRATA_DRAIN_MS: String(DRAIN_MS),
        ...this.settings,
        STRATA_WITHOUT: patches.join(","),
        ...altered,
      }),
      cwd: root,
      logFile: join(dataDir, "logs", `${name}-app.log`),
      ready: async (signal) => ((await fetch(`http://127.0.0.1:${env.STRATA_PORT}/healthz`, { signal })).ok ? true : undefined),
      readyMs: START_MS,
      stopMs: STOP_MS,
    });
  }
}

/** A variable that is empty is not there. */
const present = (env: Environment): Environment => Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));

export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  await using stack = new AsyncDisposableStack();
  const { binaries, store, dataDir, without, report } = options;
  const making = new Making(options);
  stack.defer(async () => void (await Promise.all(making.made.map(({ gate }) => gate[Symbol.asyncDispose]()))));
  const gone = without.map(({ hostConfig }) => hostConfig).filter((path) => path !== undefined);
  const configs = writeConfigs(join(dataDir, "altered"), gone);
  const cluster = stack.use(
    await startCluster({
      binaries,
      store,
      dataDir,
      report,
      app: { start: making.start },
      settings: { "strata-host": hostSettings(configs.host) },
    }),
  );
  stack.defer(async () => {
    await Promise.all(
      making.made.map(async ({ gate, process: app }) => {
        gate.open();
        await app.kill();
      }),
    );
  });
  const patience = AbortSignal.timeout(START_MS);
  const grant = await mintGrant(TENANT, cluster.secrets.rootKey, baseEnvironment(process.env), patience);
  await createTenant(cluster.url, TENANT, grant, patience);
  await weaken(cluster, without);
  const [made] = making.made;
  const [host] = cluster.hosts;
  if (made === undefined || host === undefined) throw new Error("the cluster has no host");
  const first = faultHost(made, host);
  stack.use(supervise(() => [cluster.callers, ...cluster.hosts.map(({ sidecar }) => sidecar)].map(({ process }) => process), report));
  let second: FaultHost | undefined;
  let foreign: Sidecar | undefined;
  stack.defer(() => foreign?.process.kill());
  const whole = stack.move();
  return {
    store,
    cluster,
    url: cluster.url,
    grant,
    dataDir,
    binaries,
    first,
    get hotMs() {
      return Number(making.settings.STRATA_HOT_MS ?? HOT_MS);
    },
    second: async () => {
      if (second === undefined) {
        const added = await cluster.addHost();
        const own = making.made[1];
        if (own === undefined) throw new Error("the second host did not start here");
        second = faultHost(own, added);
      }
      return second;
    },
    foreign: async () => {
      foreign ??= await startForeign(cluster, configs, binaries.daprd);
      return foreign.url;
    },
    settle: async (settings) => {
      if (JSON.stringify(settings) === JSON.stringify(making.settings)) return;
      await making.change(settings);
      await host.ready();
    },
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

/** An installation in a temporary folder, which goes with it unless it is to be kept. */
export async function withInstallation<T>(
  options: Omit<InstallationOptions, "dataDir"> & { readonly keep: boolean },
  work: (site: Installation) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), "strata-faults-"));
  try {
    await using site = await openInstallation({ ...options, dataDir });
    return await work(site);
  } finally {
    if (options.keep) options.report(`kept: ${dataDir}`);
    else await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function weaken({ kind, store }: Cluster, without: readonly Cure[]): Promise<void> {
  const settings = without.flatMap(({ redis }) => Object.entries(redis ?? {}));
  if (kind !== "redis" || store === undefined || settings.length === 0) return;
  const client = new Redis(store.url);
  for (const [name, value] of settings) await client.config("SET", name, value);
  client.disconnect();
}

/** A host that hangs is found within two seconds. */
const hostSettings = (configFilePath: string) => ({
  appHealthProbeInterval: 1,
  appHealthProbeTimeout: 500,
  appHealthThreshold: 1,
  configFilePath,
});

function faultHost(made: Made, host: Host): FaultHost {
  return {
    name: host.name,
    gate: made.gate,
    host,
    url: made.url,
    get process() {
      return made.process;
    },
    get logs() {
      return { app: made.process.logFile, sidecar: host.sidecar.process.logFile };
    },
  };
}
