import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { ContextError } from "../../protocol/errors.ts";
import { TenantId } from "../../protocol/ids.ts";
import { iso, later, millis } from "../../protocol/units.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { createTenant } from "../grant/call.ts";
import { readConfig } from "../host/config.ts";
import { Client } from "../import/client.ts";
import { importFiles } from "../import/import.ts";
import { Display } from "../import/progress.ts";
import { makeEvents } from "../telemetry/events.ts";
import { jsonLog } from "../telemetry/log.ts";
import { stopTelemetry } from "../telemetry/start.ts";
import { makeTracing } from "../telemetry/tracing.ts";
import { readStartConfig, rootKeyIn, type StartConfig, usage } from "./config.ts";
import { type Stack, startStack } from "./stack.ts";
import { describeTour, listAll, takeTour } from "./tour.ts";

const tenant = TenantId.parse("main");
const GRANT_MS = 30 * 24 * 60 * 60 * 1000;
const samples = fileURLToPath(new URL("../../examples/trajectories/", import.meta.url));

try {
  const config = readStartConfig(process.argv.slice(2));
  if (config === undefined) console.log(usage);
  else await run(config);
} catch (reason) {
  console.error(reason instanceof ContextError ? reason.message : reason);
  process.exitCode = 1;
}

async function run(config: StartConfig): Promise<void> {
  const say = config.json ? () => {} : console.log;
  const stopped = signalled();
  const rootKey = rootKeyIn(config.dataDir, systemDie);
  const stack = await open(config, rootKey);
  try {
    const keyring = new Keyring(parseRootKeys(rootKey), systemDie);
    const grant = keyring.mint({
      v: 1,
      tenant,
      subject: "operator",
      contexts: ["*"],
      methods: ["*"],
      expires: later(systemClock.now(), millis(GRANT_MS)),
    });
    const { created } = await createTenant(stack.url, tenant, grant);
    const client = new Client({ url: stack.url, grant });
    if (config.samples && (created || (await listAll(client, tenant)).length === 0)) await importSamples(client, config.json);
    const tour = await takeTour(client, tenant);
    if (tour !== undefined) say(describeTour(tour));
    say(
      `\nStrata serves ${stack.url} from ${config.dataDir}. A root grant, for trying, good for 30 days:\n\nexport STRATA_GRANT=${grant}\n`,
    );
    if (config.json) console.log(JSON.stringify({ url: stack.url, grant }));
    await stopped;
  } finally {
    await stack.close();
    await stopTelemetry();
  }
}

function open(config: StartConfig, rootKey: string): Promise<Stack> {
  const host = readConfig({ STRATA_LOG: "warn", ...process.env, STRATA_EVENTS: config.events ? "on" : "off", STRATA_ROOT_KEY: rootKey });
  const log = jsonLog(
    host.logLevel,
    (line) => process.stderr.write(line),
    () => iso(systemClock.now()),
  );
  const around = { clock: systemClock, die: systemDie, events: makeEvents(log), tracing: makeTracing() };
  return startStack({ port: config.port, dataDir: config.dataDir, config: host }, around);
}

async function importSamples(client: Client, quiet: boolean): Promise<void> {
  const screen = {
    isTTY: process.stderr.isTTY,
    columns: process.stderr.columns ?? 80,
    write: (text: string) => void process.stderr.write(text),
  };
  const report = new Display(screen, { quiet, recorded: () => {} });
  try {
    await importFiles(trajectories(), { client, tenant, concurrency: 4, stdin: process.stdin, report });
  } finally {
    report.end();
  }
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

function trajectories(): string[] {
  return readdirSync(samples)
    .filter((file) => file.endsWith(".jsonl"))
    .map((file) => `${samples}${file}`);
}
