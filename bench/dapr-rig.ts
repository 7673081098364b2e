// Strata on a real daprd: one host, one callers' sidecar; and the floor, with a sidecar of its own, behind the same callers' sidecar and on the
// same store component.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { type Cluster, type Host, startCluster } from "../tools/run/cluster.ts";
import { baseEnvironment, hostSidecarEnvironment } from "../tools/run/environment.ts";
import { withFreePorts } from "../tools/run/plan.ts";
import { healthy } from "../tools/run/polling.ts";
import { postgresAt } from "../tools/run/postgres.ts";
import { Process } from "../tools/run/processes.ts";
import { sidecarOf } from "../tools/run/sidecar.ts";
import { createTenant, mintGrant } from "../tools/run/tenant.ts";
import { Client, FloorClient, TENANT, texts } from "./client.ts";
import { sizeOfRecord } from "./record-size.ts";
import { type DaprRigOptions, environmentOf, type Rig } from "./rig.ts";

const FLOOR_ID = "strata-floor";
const START_MS = 60_000;
const floorProgram = fileURLToPath(new URL("floor-main.ts", import.meta.url));

export async function openDaprRig(options: DaprRigOptions): Promise<Rig> {
  const { store, dataDir, binaries, profileDir, report } = options;
  await using stack = new AsyncDisposableStack();
  const profiler = profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` };
  const env = { ...environmentOf(options.host), ...profiler };
  const cluster = stack.use(await startCluster({ binaries, store, dataDir, report, app: { env } }));
  const [host] = cluster.hosts;
  const hostProcess = host?.process;
  if (host === undefined || hostProcess === undefined) throw new Error("the cluster has no host with a process of its own");
  const patience = AbortSignal.timeout(START_MS);
  const grant = await mintGrant(TENANT, cluster.secrets.rootKey, baseEnvironment(process.env), patience);
  await createTenant(cluster.url, TENANT, grant, patience);
  const recordBytes = sizeOfRecord(texts);
  report(`${store}: a turn of ${texts[0]?.length} characters is a record of ${recordBytes} bytes at rest, and the floor writes as many`);
  const floor = stack.use(await startFloor(cluster, host, binaries.daprd, recordBytes));
  const client = stack.use(new Client(cluster.url, grant));
  const floorClient = stack.use(new FloorClient(cluster.url, (texts[0]?.length ?? 0) + grant.length));
  const whole = stack.move();
  return {
    store,
    client,
    floor: floorClient,
    hostPid: () => hostProcess.pid,
    floorPid: () => floor.pid,
    restartHost: async () => {
      await hostProcess.restart();
      await cluster.ready();
    },
    storeRequests: () => stateRequests(`http://127.0.0.1:${host.sidecar.app.metricsPort}/`),
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

interface FloorProcess extends AsyncDisposable {
  readonly pid: number;
}

/** Starts it and waits until callers reach it. Its sidecar is the host's in all but the app id, the ports and the scope of the store. */
async function startFloor(cluster: Cluster, host: Host, daprd: string, recordBytes: number): Promise<FloorProcess> {
  await using stack = new AsyncDisposableStack();
  const base = baseEnvironment({ PATH: process.env.PATH, HOME: process.env.HOME });
  const resourcesPaths = [storeFor(host, join(cluster.dataDir, "resources", FLOOR_ID))];
  const app = await withFreePorts({ ...host.sidecar.app, appID: FLOOR_ID, resourcesPaths });
  const postgres = cluster.kind === "postgres" && cluster.store !== undefined ? postgresAt(cluster.store.url) : undefined;
  const sidecar = sidecarOf({
    daprd,
    app,
    env: hostSidecarEnvironment(base, { bus: cluster.bus, postgres }, cluster.secrets),
    name: `sidecar of ${FLOOR_ID}`,
    logFile: join(cluster.dataDir, "logs", `${FLOOR_ID}-daprd.log`),
  });
  const floor = new Process({
    name: FLOOR_ID,
    command: ["node", floorProgram],
    env: {
      ...base,
      APP_PORT: String(app.appPort),
      DAPR_HTTP_PORT: String(app.daprHTTPPort),
      DAPR_API_TOKEN: cluster.secrets.daprApiToken,
      FLOOR_BYTES: String(recordBytes),
      FLOOR_SEVERAL: cluster.kind === "redis" ? "post" : "transaction",
    },
    cwd: app.appDirPath,
    logFile: join(cluster.dataDir, "logs", `${FLOOR_ID}.log`),
    ready: (signal) => healthy(`http://127.0.0.1:${app.appPort}/healthz`, signal),
  });
  stack.use(sidecar.process);
  stack.use(floor);
  await Promise.all([floor.start(), sidecar.process.start()]);
  await sidecar.process.whileRunning(`${FLOOR_ID} serves actors`, START_MS, async (signal) => {
    const { actorRuntime } = await sidecar.metadata(signal);
    return actorRuntime?.hostReady === true && (actorRuntime.activeActors ?? []).length > 0 ? true : undefined;
  });
  await cluster.ready();
  const whole = stack.move();
  return { pid: floor.pid, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** A copy of the host's store component that only the floor may use. Its keys begin with its own app id. */
function storeFor(host: Host, to: string): string {
  const files = (host.sidecar.app.resourcesPaths ?? []).flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const file = files.find((path) => path.endsWith("/store.yaml"));
  if (file === undefined) throw new Error(`no store.yaml among ${files.join(", ")}`);
  const document = parseDocument(readFileSync(file, "utf8"));
  document.setIn(["scopes"], [FLOOR_ID]);
  mkdirSync(to, { recursive: true, mode: 0o700 });
  writeFileSync(join(to, "store.yaml"), document.toString({ lineWidth: 0 }), { mode: 0o600 });
  return to;
}

/** What the host's sidecar counts: its calls of the state component, of every kind. */
async function stateRequests(metrics: string): Promise<number> {
  const response = await fetch(metrics);
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("dapr_component_state_count{"));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
