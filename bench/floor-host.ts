// The floor beside Strata: floor.ts with a sidecar of its own, which is the host's in all but its app id and ports, on the same store.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import type { Cluster, Host } from "../tools/run/cluster.ts";
import { baseEnvironment, hostSidecarEnvironment } from "../tools/run/environment.ts";
import { withFreePorts } from "../tools/run/plan.ts";
import { healthy } from "../tools/run/polling.ts";
import { Process } from "../tools/run/processes.ts";
import { sidecarOf } from "../tools/run/sidecar.ts";

const APP_ID = "strata-floor";
const READY_MS = 60_000;
const floorApp = fileURLToPath(new URL("floor.ts", import.meta.url));

export interface Floor extends AsyncDisposable {
  readonly processes: readonly Process[];
}

/** Starts it and waits until callers reach it. `host` is the one whose sidecar it copies. */
export async function startFloor(cluster: Cluster, host: Host, daprd: string, recordBytes: number): Promise<Floor> {
  await using stack = new AsyncDisposableStack();
  const base = baseEnvironment({ PATH: process.env.PATH, HOME: process.env.HOME });
  const app = await withFreePorts({
    ...host.sidecar.app,
    appID: APP_ID,
    resourcesPaths: [storeFor(host, join(cluster.dataDir, "resources", APP_ID))],
  });
  const postgres = cluster.store !== undefined && "url" in cluster.store && cluster.kind === "postgres" ? cluster.store : undefined;
  const logs = join(cluster.dataDir, "logs");
  const sidecar = sidecarOf({
    daprd,
    app,
    env: hostSidecarEnvironment(base, { bus: cluster.bus, postgres: postgres as never }, cluster.secrets),
    name: `sidecar of ${APP_ID}`,
    logFile: join(logs, `${APP_ID}-daprd.log`),
  });
  const floor = new Process({
    name: APP_ID,
    command: ["node", floorApp],
    env: {
      ...base,
      APP_PORT: String(app.appPort),
      DAPR_HTTP_PORT: String(app.daprHTTPPort),
      DAPR_API_TOKEN: cluster.secrets.daprApiToken,
      FLOOR_BYTES: String(recordBytes),
    },
    cwd: app.appDirPath,
    logFile: join(logs, `${APP_ID}.log`),
    ready: (signal) => healthy(`http://127.0.0.1:${app.appPort}/healthz`, signal),
  });
  stack.use(sidecar.process);
  stack.use(floor);
  await Promise.all([floor.start(), sidecar.process.start()]);
  await sidecar.process.whileRunning(`${APP_ID} serves actors`, READY_MS, async (signal) => {
    const { actorRuntime } = await sidecar.metadata(signal);
    return actorRuntime?.hostReady === true && (actorRuntime.activeActors ?? []).length > 0 ? true : undefined;
  });
  const whole = stack.move();
  return { processes: [sidecar.process, floor], [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** The host's store component, with the floor in its scope, and under the host's keys: the bare reads are of the very records that Strata wrote. */
function storeFor(host: Host, to: string): string {
  const files = (host.sidecar.app.resourcesPaths ?? []).flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const file = files.find((path) => path.endsWith("/store.yaml"));
  if (file === undefined) throw new Error(`no store.yaml among ${files.join(", ")}`);
  const document = parseDocument(readFileSync(file, "utf8"));
  document.setIn(["scopes"], [APP_ID]);
  document.addIn(["spec", "metadata"], document.createNode({ name: "keyPrefix", value: host.sidecar.app.appID }));
  mkdirSync(to, { recursive: true, mode: 0o700 });
  writeFileSync(join(to, "store.yaml"), document.toString({ lineWidth: 0 }), { mode: 0o600 });
  return to;
}
