import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { aborted } from "../../actors/actor.ts";
import { CallError, Client } from "../../dapr/client.ts";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { ContextError } from "../../protocol/errors.ts";
import { TenantId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { iso, later, millis } from "../../protocol/units.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { readConfigWith } from "../host/config.ts";
import { importFiles } from "../import/import.ts";
import { Display } from "../import/progress.ts";
import { makeEvents } from "../telemetry/events.ts";
import { jsonLog } from "../telemetry/log.ts";
import { outlive } from "../telemetry/pipes.ts";
import { isTraced, stopTelemetry } from "../telemetry/start.ts";
import { makeTracing, passTraces } from "../telemetry/tracing.ts";
import { readStartConfig, type StartConfig, usage } from "./config.ts";
import { rootKeyIn } from "./data.ts";
import { type Stack, startStack } from "./stack.ts";
import { describeTour, isEmpty, takeTour } from "./tour.ts";

const tenant = TenantId.parse("main");
const GRANT_MS = 30 * 24 * 60 * 60 * 1000;
const samples = fileURLToPath(new URL("../../examples/trajectories/", import.meta.url));

// Whoever reads what it says may go; it serves on.
outlive(process.stdout, (error) => console.error(`standard output cannot be written: ${error.message}`));
outlive(process.stderr);
try {
  const config = readStartConfig(process.argv.slice(2));
  if (config === undefined) console.log(usage);
  else await run(config);
} catch (reason) {
  console.error(reason instanceof ContextError || reason instanceof CallError ? reason.message : reason);
  process.exitCode = 1;
}

async function run(config: StartConfig): Promise<void> {
  const stop = signalled();
  const rootKey = rootKeyIn(config.dataDir, systemDie);
  const stack = await open(config, rootKey);
  try {
    const grant = rootGrant(rootKey);
    await showAround(config, stack, grant, stop);
    if (config.json) console.log(JSON.stringify({ url: stack.url, grant }));
    await aborted(stop);
  } catch (reason) {
    if (!stop.aborted) throw reason;
  } finally {
    await stack.close();
    await stopTelemetry();
  }
}

/** The main job on an empty store, and what is there afterwards. */
async function showAround(config: StartConfig, stack: Stack, grant: string, stop: AbortSignal): Promise<void> {
  const client = new Client({ url: stack.url, grant, signal: stop });
  const { created } = await client.callTenant(tenant, "create", {});
  if (config.samples && (created || (await isEmpty(client, tenant)))) await importSamples(client, config.json);
  if (config.json) return;
  const tour = await takeTour(client, tenant);
  if (tour !== undefined) console.log(describeTour(tour));
  console.log(
    `\nStrata serves ${stack.url} from ${config.dataDir}; Ctrl-C ends it. A root grant, for trying, good for 30 days:\n\nexport STRATA_GRANT=${grant}\n`,
  );
}

function rootGrant(rootKey: string): string {
  const expires = later(systemClock.now(), millis(GRANT_MS));
  const keyring = new Keyring(parseRootKeys(rootKey), systemDie);
  return keyring.grants.mint({ v: 1, tenant, subject: "operator", contexts: ["*"], methods: ["*"], expires });
}

function open(config: StartConfig, rootKey: string): Promise<Stack> {
  // Where the host listens, and what its sidecar shows it, is made here and nobody's to set.
  const own = { STRATA_HOST: "127.0.0.1", STRATA_EVENTS: config.events ? "on" : "off", STRATA_ROOT_KEY: rootKey };
  const host = readConfigWith(own, { STRATA_LOG: "warn" });
  const log = jsonLog(
    host.logLevel,
    (line) => process.stderr.write(line),
    () => iso(systemClock.now()),
  );
  const { problem, ...events } = makeEvents(log);
  const around = { clock: systemClock, die: systemDie, events, tracing: isTraced ? makeTracing() : passTraces };
  return startStack({ port: config.port, dataDir: config.dataDir, config: host, onProblem: problem }, around);
}

async function importSamples(client: Client, quiet: boolean): Promise<void> {
  const screen = {
    isTTY: process.stderr.isTTY,
    columns: process.stderr.columns ?? 80,
    write: (text: string) => void process.stderr.write(text),
  };
  const report = new Display(screen, { quiet, recorded: () => {} });
  try {
    await importFiles(trajectories(), { client, tenant, concurrency: limits.import_contexts_at_once, stdin: process.stdin, report });
  } finally {
    report.end();
  }
}

/** Aborted by the first SIGINT or SIGTERM; a second one ends the process where it is. */
function signalled(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

function trajectories(): string[] {
  return readdirSync(samples)
    .filter((file) => file.endsWith(".jsonl"))
    .map((file) => `${samples}${file}`);
}
