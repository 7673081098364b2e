// The real runtime as the sidecar suite wants it: a host's daprd and a callers', with the configurations that Strata ships, in front of an app
// of this process.

import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import type { Binaries } from "../../tools/run/binaries.ts";
import { startPlacement, startScheduler } from "../../tools/run/control-plane.ts";
import { freePorts } from "../../tools/run/ports.ts";
import { startPostgres } from "../../tools/run/postgres.ts";
import type { Process } from "../../tools/run/processes.ts";
import { startRedis } from "../../tools/run/redis.ts";
import type { RunApp } from "../../tools/run/run-file.ts";
import { type Sidecar, sidecarOf } from "../../tools/run/sidecar.ts";
import { configured, type SidecarUnderTest, startSuiteApp } from "../suites/sidecar.suite.ts";

type Store = SidecarUnderTest["store"];
const shipped = fileURLToPath(new URL("../../components/config", import.meta.url));
const readyMs = 60_000;
const password = "of-this-test";

/** One installation for one store. Everything that it starts ends with it. */
export async function openDaprd(binaries: Binaries, store: Store): Promise<SidecarUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), `strata-daprd-${store}-`));
  const started = new AsyncDisposableStack();
  started.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  try {
    const { app, port: appPort } = await startSuiteApp();
    started.defer(() => app.close());
    const runtime = await startRuntime(binaries, store, folder, appPort, (process) => started.use(process));
    return {
      callers: runtime.callers.url,
      host: runtime.host.url,
      hostHeaders: { "dapr-api-token": configured.hostToken },
      app,
      kind: "daprd",
      store,
      dangers: true,
      async restart() {
        await runtime.host.process.kill();
        await runtime.host.process.start();
        await runtime.ready();
      },
      close: () => started.disposeAsync(),
    };
  } catch (reason) {
    await started.disposeAsync();
    throw reason;
  }
}

async function startRuntime(binaries: Binaries, store: Store, folder: string, appPort: number, own: (process: Process) => void) {
  const env = { PATH: process.env.PATH ?? "", HOME: folder };
  const place = (name: string) => ({ dir: join(folder, name), logFile: join(folder, "logs", `${name}.log`), env });
  const [placementPort = 0, raft = 0, ph = 0, pm = 0, schedulerPort = 0, etcdClient = 0, etcdPeer = 0, sh = 0, sm = 0, redisPort = 0] =
    await freePorts(10);
  const { placement: placementBinary = "", scheduler: schedulerBinary = "" } = binaries;
  const redis = await startRedis({ port: redisPort, password, ...place("redis") });
  own(redis.process);
  const placed = await startPlacement({
    binary: placementBinary,
    port: placementPort,
    ports: { raft, healthz: ph, metrics: pm },
    ...place("placement"),
  });
  own(placed.process);
  const scheduled = await startScheduler({
    binary: schedulerBinary,
    port: schedulerPort,
    ports: { etcdClient, etcdPeer, healthz: sh, metrics: sm },
    ...place("scheduler"),
  });
  own(scheduled.process);
  const postgres =
    store === "postgres" ? await startPostgres({ port: (await freePorts(1))[0] ?? 0, password, ...place("postgres") }) : undefined;
  if (postgres !== undefined) own(postgres.process);
  writeComponents(join(folder, "components"), store, redisPort, postgres?.url ?? "", join(folder, "store.db"));
  const sidecar = async (name: "host" | "callers", more: Partial<RunApp>, extra: Record<string, string>): Promise<Sidecar> => {
    const made = sidecarOf({
      daprd: binaries.daprd,
      app: await runApp(folder, name, { placementHostAddress: placed.address, schedulerHostAddress: scheduled.address, ...more }),
      env: { ...env, ...extra },
      name: `${name}'s daprd`,
      logFile: join(folder, "logs", `${name}.log`),
    });
    own(made.process);
    return made;
  };
  const callers = await sidecar("callers", {}, {});
  const tokens = {
    DAPR_API_TOKEN: configured.hostToken,
    APP_API_TOKEN: configured.appToken,
    [configured.secret.name]: configured.secret.value,
  };
  const health = { enableAppHealthCheck: true, appHealthCheckPath: "/healthz", appHealthProbeInterval: 1, appHealthProbeTimeout: 900 };
  const host = await sidecar("host", { appPort, appProtocol: "http", appChannelAddress: "127.0.0.1", ...health }, tokens);
  await Promise.all([callers.process.start(), host.process.start()]);
  const ready = async () => {
    await hosts(host, configured.actorTypes.length);
    await hosts(callers, 0);
  };
  await ready();
  return { host, callers, ready };
}

async function hosts({ process, metadata }: Sidecar, types: number): Promise<void> {
  await process.whileRunning(`${process.name} knows the actors`, readyMs, async (signal) => {
    const { actorRuntime, subscriptions } = await metadata(signal);
    if (actorRuntime?.hostReady !== true || (actorRuntime.activeActors ?? []).length < types) return undefined;
    return types > 0 && (subscriptions ?? []).length === 0 ? undefined : true;
  });
}

async function runApp(folder: string, name: "host" | "callers", more: Partial<RunApp>): Promise<RunApp> {
  const [http = 0, grpc = 0, internal = 0, metrics = 0] = await freePorts(4);
  const configFilePath = join(folder, `${name}.yaml`);
  const configuration = parse(readFileSync(join(shipped, `${name}.yaml`), "utf8"));
  // Traces are handed on either way; into events they go only where tracing is on.
  configuration.spec.tracing = { samplingRate: "1" };
  writeFileSync(configFilePath, stringify(configuration));
  return {
    appID: name === "host" ? configured.hostId : configured.callersId,
    appDirPath: folder,
    apiListenAddresses: "127.0.0.1",
    daprHTTPPort: http,
    daprGRPCPort: grpc,
    daprInternalGRPCPort: internal,
    metricsPort: metrics,
    configFilePath,
    resourcesPaths: [join(folder, "components")],
    maxBodySize: `${configured.maxBodyBytes / 1024}Ki`,
    logLevel: "info",
    ...more,
  };
}

function writeComponents(folder: string, store: Store, redisPort: number, postgresUrl: string, file: string): void {
  const redis = { redisHost: `127.0.0.1:${redisPort}`, redisPassword: password };
  const stores = {
    sqlite: ["state.sqlite", "v1", { connectionString: `file:${file}?_pragma=synchronous(FULL)`, busyTimeout: "5s" }],
    redis: ["state.redis", "v1", redis],
    postgres: ["state.postgresql", "v2", { connectionString: postgresUrl }],
  } as const;
  const [type, version, settings] = stores[store];
  const bus = {
    ...redis,
    concurrency: String(configured.concurrency),
    queueDepth: String(configured.concurrency),
    // What was under way in a crash is delivered again after these. In ms: of redeliverInterval daprd reads nothing else.
    processingTimeout: "3000",
    redeliverInterval: "1000",
    publishingScopes: `${configured.callersId}=${configured.callerTopics.join(",")}`,
  };
  const host = [configured.hostId];
  mkdirSync(folder, { recursive: true });
  const documents = {
    store: component(configured.stateStore, type, version, settings, host),
    bus: component(configured.pubsub, "pubsub.redis", "v1", bus),
    secrets: component(configured.secretStore, "secretstores.local.env", "v1", {}, host),
    resiliency: {
      apiVersion: "dapr.io/v1alpha1",
      kind: "Resiliency",
      metadata: { name: "suite" },
      spec: {
        policies: {
          retries: { delivery: { policy: "constant", duration: `${configured.retryEveryMs}ms`, maxRetries: configured.retries } },
        },
        targets: { components: { [configured.pubsub]: { inbound: { retry: "delivery" } } } },
      },
    },
  };
  for (const [name, document] of Object.entries(documents)) writeFileSync(join(folder, `${name}.yaml`), stringify(document));
}

function component(
  name: string,
  type: string,
  version: string,
  settings: Readonly<Record<string, string>>,
  scopes?: readonly string[],
): object {
  const metadata = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  return {
    apiVersion: "dapr.io/v1alpha1",
    kind: "Component",
    metadata: { name },
    spec: { type, version, metadata },
    ...(scopes && { scopes }),
  };
}
