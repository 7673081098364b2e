// From the run file to the two apps of one run: ports, settings, and copies of the resources with the addresses of this run.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { RunError } from "./errors.ts";
import { freePorts, isFree } from "./ports.ts";
import type { RedisServer } from "./redis.ts";
import { type Changes, copyResources, readResource } from "./resources.ts";
import { type RunApp, readRunFile } from "./run-file.ts";

export type StoreKind = "sqlite" | "redis" | "postgres";

/** The host, which has an application behind it, and the callers' sidecar, which has none. */
export interface Apps {
  readonly host: RunApp;
  readonly callers: RunApp;
}

export interface Planning {
  /** Default: dapr.yaml of this repository. */
  readonly runFile?: string | undefined;
  readonly ports: "free" | "file";
  readonly callersPort?: number | undefined;
  readonly settings: Readonly<Record<string, Partial<RunApp>>>;
}

const shipped = fileURLToPath(new URL("../../dapr.yaml", import.meta.url));

/** Throws RunError for a file with other apps than these two, and for a port that is taken. */
export async function planApps({ runFile = shipped, ports, callersPort, settings }: Planning): Promise<Apps> {
  const apps = readRunFile(runFile);
  const host = apps.find((app) => app.appPort !== undefined);
  const callers = apps.find((app) => app.appPort === undefined);
  if (host === undefined || callers === undefined || apps.length !== 2)
    throw new RunError(
      `${runFile}: expected the host (with an appPort) and the callers (without one), saw ${apps.map((app) => app.appID).join(", ")}`,
    );
  const planned =
    ports === "free"
      ? { host: await withFreePorts(host), callers: await withFreePorts(callers) }
      : { host: await withMissingPorts(host), callers: await withMissingPorts(moved(callers, callersPort)) };
  if (ports === "file") await expectFree(planned, runFile, callersPort);
  return { host: { ...planned.host, ...settings[host.appID] }, callers: { ...planned.callers, ...settings[callers.appID] } };
}

/** The same app at ports of its own. */
export async function withFreePorts(app: RunApp): Promise<RunApp> {
  const [daprHTTPPort = 0, daprGRPCPort = 0, daprInternalGRPCPort = 0, metricsPort = 0, appPort = 0] = await freePorts(5);
  const at = { ...app, daprHTTPPort, daprGRPCPort, daprInternalGRPCPort, metricsPort };
  return app.appPort === undefined ? at : { ...at, appPort, env: { ...app.env, STRATA_PORT: String(appPort) } };
}

/** The Dapr CLI chooses a free port as well where the file names none. */
async function withMissingPorts(app: RunApp): Promise<RunApp> {
  const [daprHTTPPort = 0, daprGRPCPort = 0, daprInternalGRPCPort = 0, metricsPort = 0] = await freePorts(4);
  return { daprHTTPPort, daprGRPCPort, daprInternalGRPCPort, metricsPort, ...app };
}

const moved = (app: RunApp, port: number | undefined): RunApp => (port === undefined ? app : { ...app, daprHTTPPort: port });

async function expectFree({ host, callers }: Apps, runFile: string, callersPort: number | undefined): Promise<void> {
  for (const app of [callers, host])
    for (const key of ["daprHTTPPort", "appPort", "daprGRPCPort", "daprInternalGRPCPort", "metricsPort"] as const) {
      const port = app[key];
      if (port === undefined || (await isFree(port))) continue;
      const byOption = app === callers && key === "daprHTTPPort";
      const setting = byOption && callersPort !== undefined ? "--port" : `${key} of ${app.appID} in ${runFile}`;
      const remedy = byOption ? "choose another with --port" : "change it there, or choose free ones with --free-ports";
      throw new RunError(`port ${port} is taken (${setting}); stop what listens there, or ${remedy}`);
    }
}

/** Where the bus is, as the component file says. */
export function busAddressOf({ appID, resourcesPaths = [] }: RunApp): string {
  const host = settingOf(resourcesPaths, "bus.yaml", "redisHost");
  if (host === undefined) throw new RunError(`${appID} loads no bus.yaml with a redisHost`);
  return host;
}

/** What the first component file of that name says. */
function settingOf(folders: readonly string[], file: string, name: string): string | undefined {
  const path = folders.map((folder) => join(folder, file)).find((path) => existsSync(path));
  const component = path === undefined ? undefined : readResource(path);
  const entry = component?.kind === "Component" ? component.spec.metadata.find((entry) => entry.name === name) : undefined;
  return entry !== undefined && "value" in entry ? String(entry.value) : undefined;
}

export interface Copying {
  readonly store: StoreKind;
  readonly bus: RedisServer;
  readonly dataDir: string;
  readonly metadata: Changes["metadata"];
  /** Whether the sidecars send spans. */
  readonly traced: boolean;
}

/** The same app on copies of its resources and its configuration, with the store that was asked for in the place of the one in the file. */
export function onCopies(app: RunApp, { store, bus, dataDir, metadata, traced }: Copying): RunApp {
  const redisHost = `${bus.host}:${bus.port}`;
  const folders = (app.resourcesPaths ?? []).map((path) =>
    /[/\\](sqlite|redis|postgres)$/.test(path) ? join(dirname(path), store) : path,
  );
  const connectionString = sqliteAt(join(dataDir, "store.db"), settingOf(folders, "store.yaml", "connectionString"));
  const ofStore = { sqlite: { connectionString }, redis: { redisHost }, postgres: {} }[store];
  const changes: Changes = {
    metadata: { ...metadata, bus: { redisHost, ...metadata.bus }, store: { ...ofStore, ...metadata.store } },
    ...(traced ? { samplingRate: "1" as const } : {}),
  };
  const copy = (from: string, ...to: string[]): string => copyResources(from, join(dataDir, ...to), changes);
  return {
    ...app,
    resourcesPaths: folders.map((path, i) => copy(path, "resources", app.appID, String(i))),
    ...(app.configFilePath === undefined ? {} : { configFilePath: copy(app.configFilePath, "config") }),
  };
}

/** Another file, with the settings of the one that the component names. */
const sqliteAt = (path: string, like = ""): string => `file:${encodeURI(path)}${like.replace(/^[^?]*/, "")}`;
