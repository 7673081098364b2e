// What is measured: an installation of Strata on a real daprd, and the floor beside it, behind the same callers' sidecar and on the same store.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Binaries } from "../tools/run/binaries.ts";
import { type Cluster, type Host, type HostApp, startCluster } from "../tools/run/cluster.ts";
import { baseEnvironment } from "../tools/run/environment.ts";
import { createTenant, mintGrant } from "../tools/run/tenant.ts";
import { Caller } from "./caller.ts";
import { Client, TENANT } from "./client.ts";
import { startFloor } from "./floor-host.ts";
import { median } from "./statistics.ts";

export const stores = ["sqlite", "redis", "postgres"] as const;
export type Store = (typeof stores)[number];

const PROBES = 9;
const CONNECTIONS = 64;
const START_MS = 60_000;
const hostProgram = fileURLToPath(new URL("../services/host/main.ts", import.meta.url));

export interface RigOptions {
  readonly store: Store;
  readonly dataDir: string;
  readonly binaries: Binaries;
  /** Whether the host publishes events; the floor has none. */
  readonly events: boolean;
  /** Where the host's CPU profiles go, one each time it ends. Undefined: it runs without the profiler. */
  readonly profileDir?: string | undefined;
  readonly report: (line: string) => void;
}

/** Disposing of it stops everything. */
export interface Rig extends AsyncDisposable {
  readonly store: Store;
  readonly caller: Caller;
  readonly client: Client;
  /** Bytes at rest of the record of one turn: what the floor writes. */
  readonly recordBytes: number;
  /** What runs for it, by name; this process too. */
  readonly pids: ReadonlyMap<string, number>;
  /** Stops the host and starts it again, so that it has nothing in memory. */
  restartHost(): Promise<void>;
  /** Resident memory of the host's process, bytes. */
  hostMemory(): number;
  /** Requests that the host's sidecar has made to the state store so far. */
  storeRequests(): Promise<number>;
}

export async function openRig(options: RigOptions): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const { store, dataDir, binaries, report } = options;
  const cluster = stack.use(await startCluster({ binaries, store, dataDir, report, app: appOf(options) }));
  const [host] = cluster.hosts;
  if (host?.process === undefined) throw new Error("the host runs in no process of its own");
  const { process: hostProcess } = host;
  const patience = AbortSignal.timeout(START_MS);
  const grant = await mintGrant(TENANT, cluster.secrets.rootKey, baseEnvironment(process.env), patience);
  await createTenant(cluster.url, TENANT, grant, patience);
  const caller = stack.use(new Caller(cluster.url, CONNECTIONS));
  const client = new Client(caller, grant);
  const recordBytes = await measureRecord(cluster, host, client);
  const floor = stack.use(await startFloor(cluster, host, binaries.daprd, recordBytes));
  await cluster.ready();
  report(`${store}: a turn of 1 KB is a record of ${recordBytes} bytes at rest; the floor writes as many`);
  const whole = stack.move();
  return {
    store,
    caller,
    client,
    recordBytes,
    get pids() {
      return new Map([...[...cluster.processes, ...floor.processes].map((one) => [one.name, one.pid] as const), ["bench", process.pid]]);
    },
    restartHost: async () => {
      await hostProcess.restart();
      await cluster.ready();
    },
    hostMemory: () => memoryOf(hostProcess.pid),
    storeRequests: () => stateRequests(`http://127.0.0.1:${host.sidecar.app.metricsPort}/`),
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

function appOf({ events, profileDir }: RigOptions): HostApp {
  const profiler = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  return { command: ["node", ...profiler, hostProgram], env: { STRATA_EVENTS: events ? "on" : "off", STRATA_LOG: "warn" } };
}

/** Asks the host's own sidecar for some records of a context, as they rest. */
async function measureRecord(cluster: Cluster, host: Host, client: Client): Promise<number> {
  const context = client.context();
  const sizes: number[] = [];
  for (let version = 1; version <= PROBES; version++) {
    await client.append(context);
    const key = encodeURIComponent(`${context.id}/rec/${version}`);
    const response = await fetch(`${host.sidecar.url}/v1.0/state/store/${key}`, {
      headers: { "dapr-api-token": cluster.secrets.daprApiToken },
    });
    const value: unknown = await response.json();
    if (typeof value !== "string") throw new Error(`record ${version} of ${context.id} does not stand as base64`);
    sizes.push(Buffer.from(value, "base64").length);
  }
  return median(sizes);
}

/** VmRSS, in kB in /proc. */
function memoryOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1_024;
}

async function stateRequests(metrics: string): Promise<number> {
  const response = await fetch(metrics);
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("dapr_component_state_count{"));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
