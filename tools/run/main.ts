import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { daprVersions } from "../../dapr/runtime.ts";
import { findBinaries, type Program } from "./binaries.ts";
import { type Cluster, type StoreKind, startCluster } from "./cluster.ts";
import { findService } from "./control-plane.ts";
import { baseEnvironment } from "./environment.ts";
import { RunError, textOf } from "./errors.ts";
import { lastLines } from "./processes.ts";
import { createTenant, mintGrant } from "./tenant.ts";

const TENANT = "main";

const help = `Usage: npm run dapr -- [options]

Runs Strata on a real Dapr runtime: what \`dapr run -f dapr.yaml\` starts, and whichever of placement, scheduler, Redis and
PostgreSQL does not run yet. Needs Dapr ${daprVersions.supported} (tested with ${daprVersions.tested}); builds it with Go where there is none.

  --store KIND    sqlite, redis or postgres. Default sqlite: it keeps what it acknowledged without a server to look after
  --data DIR      where everything is kept: data, logs, keys. Default ./var/dapr
  --port N        where callers call. Default: what the run file says (3500)
  --free-ports    a second installation beside another: every port is a free one, and nothing that runs already is used
  --file FILE     the run file. Default dapr.yaml of this repository
  --no-build      fail where there is no Dapr, instead of building it
  --json          print one line {"url":…,"grant":…} on stdout when ready, and nothing else there
  --help          print this

Environment: DAPR_BIN names the folder of the Dapr binaries. STRATA_REDIS_URL and STRATA_POSTGRES_URL name servers to use.
STRATA_ROOT_KEY, DAPR_API_TOKEN and APP_API_TOKEN are made and kept in the data folder (root.key, secrets.json) where not set. With
OTEL_EXPORTER_OTLP_ENDPOINT hosts and sidecars send spans, hosts metrics too (docs/telemetry.md).

Ctrl-C or SIGTERM stops everything in order. Exit code: 0 when it was stopped so, 1 when something failed, 2 for wrong options.`;

interface Options {
  readonly store: StoreKind;
  readonly dataDir: string;
  readonly port: number | undefined;
  readonly freePorts: boolean;
  readonly file: string | undefined;
  readonly build: boolean;
  readonly json: boolean;
}

const say = (line: string): void => console.error(line);

/** Undefined when help was asked for. Throws a TypeError or RunError for wrong options. */
function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      store: { type: "string", default: "sqlite" },
      data: { type: "string", default: "./var/dapr" },
      port: { type: "string" },
      "free-ports": { type: "boolean", default: false },
      file: { type: "string" },
      "no-build": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const { store } = values;
  if (store !== "sqlite" && store !== "redis" && store !== "postgres")
    throw new RunError(`--store ${store}: expected sqlite, redis or postgres`);
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535))
    throw new RunError(`--port ${values.port}: expected a number from 1 to 65535`);
  if (port !== undefined && values["free-ports"]) throw new RunError("--port and --free-ports: expected one of them");
  return {
    store,
    port,
    dataDir: resolve(values.data),
    freePorts: values["free-ports"],
    file: values.file,
    build: !values["no-build"],
    json: values.json,
  };
}

async function start({ store, dataDir, port, freePorts, file, build }: Options, signal: AbortSignal): Promise<Cluster> {
  const running = freePorts ? [] : await Promise.all([findService("placement"), findService("scheduler")]);
  const needs: Program[] = [
    "daprd",
    ...(running[0] === undefined ? (["placement"] as const) : []),
    ...(running[1] === undefined ? (["scheduler"] as const) : []),
  ];
  const found = await findBinaries({ env: process.env, needs, build, report: say });
  if (!found.ok) throw new RunError(`no Dapr runtime: ${found.why}`);
  say(`daprd ${found.binaries.version}: ${found.binaries.daprd}`);
  return startCluster({
    binaries: found.binaries,
    store,
    dataDir,
    ports: freePorts ? "free" : "file",
    share: !freePorts,
    env: process.env,
    report: say,
    signal,
    ...(port === undefined ? {} : { callersPort: port }),
    ...(file === undefined ? {} : { runFile: file }),
  });
}

async function greet(cluster: Cluster, { json, dataDir, store }: Options, signal: AbortSignal): Promise<void> {
  const grant = await mintGrant(TENANT, cluster.secrets.rootKey, baseEnvironment(process.env), signal);
  await createTenant(cluster.url, TENANT, grant, signal);
  if (json) {
    console.log(JSON.stringify({ url: cluster.url, grant }));
    return;
  }
  console.log(`Strata answers at ${cluster.url} (store: ${store}, data: ${dataDir})`);
  console.log(`A root grant for tenant ${TENANT}, to try it with:\n${grant}`);
  console.log("Ctrl-C stops it.");
}

/** Throws RunError when something that was started ends by itself before the signal comes. */
async function serve(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const stopped = new Promise<undefined>((done) => signal.addEventListener("abort", () => done(undefined), { once: true }));
  const ends = cluster.processes.map(async (one) => ({ one, exit: await one.exited }));
  const ended = signal.aborted ? undefined : await Promise.race([stopped, ...ends]);
  if (ended?.exit.unexpected !== true) return;
  throw new RunError(
    `${ended.one.name} ended by itself (${ended.exit.signal ?? `exit code ${ended.exit.code}`})\n${lastLines(ended.one.logFile)}`,
  );
}

async function main(): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (reason) {
    say(`${textOf(reason)}; see --help`);
    return 2;
  }
  if (options === undefined) {
    console.log(help);
    return 0;
  }
  const stop = new AbortController();
  // Once each: the same signal a second time ends this process at once, and what it started is ended by its reaper.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => {
      say(`${signal}: stopping`);
      stop.abort();
    });
  try {
    await using cluster = await start(options, stop.signal);
    await greet(cluster, options, stop.signal);
    await serve(cluster, stop.signal);
    return 0;
  } catch (reason) {
    if (stop.signal.aborted) return 0;
    say(reason instanceof RunError ? reason.message : String(reason instanceof Error ? reason.stack : reason));
    return 1;
  }
}

process.exitCode = await main();
