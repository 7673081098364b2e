// Strata as `npm start` runs it, the host and the embedded sidecar in one process; and the floor the same way, in another.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { baseEnvironment } from "../tools/run/environment.ts";
import { Process } from "../tools/run/processes.ts";
import { Client, FloorClient, texts } from "./client.ts";
import { sizeOfRecord } from "./record-size.ts";
import { environmentOf, type Rig, type RigOptions } from "./rig.ts";

const startProgram = fileURLToPath(new URL("../services/start/main.ts", import.meta.url));
const floorProgram = fileURLToPath(new URL("floor-main.ts", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));
const Ready = z.object({ url: z.string(), grant: z.string().default("") });

export async function openEmbeddedRig({ dataDir, host: settings, profileDir, report }: RigOptions): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const profiler = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const options = ["--port", "0", "--data", join(dataDir, "strata"), "--events", settings.events ? "on" : "off", "--no-samples", "--json"];
  const host = stack.use(programOf("strata", ["node", ...profiler, startProgram, ...options], dataDir, environmentOf(settings)));
  await host.start();
  const recordBytes = sizeOfRecord(texts);
  report(`embedded: a turn of ${texts[0]?.length} characters is a record of ${recordBytes} bytes at rest, and the floor writes as many`);
  const env = { DAPR_API_TOKEN: "floor", FLOOR_BYTES: String(recordBytes), FLOOR_LOCAL: join(dataDir, "floor.db") };
  const floor = stack.use(programOf("floor", ["node", floorProgram], dataDir, env));
  await floor.start();
  const { url, grant } = readiness(host);
  let client = new Client(url, grant);
  const floorClient = stack.use(new FloorClient(readiness(floor).url, (texts[0]?.length ?? 0) + grant.length));
  const whole = stack.move();
  return {
    store: "embedded",
    // It changes: after a restart the host is at another port.
    get client() {
      return client;
    },
    floor: floorClient,
    hostPid: () => host.pid,
    floorPid: () => floor.pid,
    restartHost: async () => {
      await client[Symbol.asyncDispose]();
      await host.restart();
      const again = readiness(host);
      client = new Client(again.url, again.grant);
    },
    storeRequests: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await whole.disposeAsync();
    },
  };
}

function programOf(name: string, command: readonly [string, ...string[]], dataDir: string, env: Readonly<Record<string, string>>): Process {
  const logFile = join(dataDir, "logs", `${name}.log`);
  const lives = { seen: 0 };
  return new Process({
    name,
    command,
    env: { ...baseEnvironment({ PATH: process.env.PATH, HOME: process.env.HOME }), ...env },
    cwd: root,
    logFile,
    ready: async () => {
      // Each life of it says once where it is.
      const said = linesOf(logFile).length;
      if (said === lives.seen) return undefined;
      lives.seen = said;
      return true;
    },
  });
}

const linesOf = (logFile: string): string[] =>
  readFileSync(logFile, "utf8")
    .split("\n")
    .filter((line) => line.startsWith('{"url":'));

const readiness = ({ logFile }: Process): z.infer<typeof Ready> => Ready.parse(JSON.parse(linesOf(logFile).at(-1) ?? "{}"));
