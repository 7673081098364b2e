// `npm run dapr` itself, with the host that dapr.yaml names.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { z } from "zod";
import { until } from "../../tools/run/polling.ts";
import { freePorts } from "../../tools/run/ports.ts";
import { temporaryFolder } from "./folders.ts";
import { liveTest, temporaryCluster } from "./live.ts";

const main = fileURLToPath(new URL("../../tools/run/main.ts", import.meta.url));
const app = { command: ["node", fileURLToPath(new URL("stand-in-app.ts", import.meta.url))] } as const;
const GONE_MS = 20_000;

const Ready = z.strictObject({ url: z.url(), grant: z.string().min(20) });

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly grant: string;
  /** Everything on stdout. */
  readonly printed: readonly string[];
  readonly said: readonly string[];
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

async function running(...args: string[]): Promise<Running> {
  const child = spawn(process.execPath, [main, "--json", "--free-ports", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [printed, said]: [string[], string[]] = [[], []];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => printed.push(line));
  createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
  const exited = once(child, "exit");
  await Promise.race([once(lines, "line"), exited]);
  if (printed[0] === undefined) throw new Error(`it printed nothing:\n${said.join("\n")}`);
  const stop = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    const [code] = await exited;
    return code;
  };
  return { child, printed, said, stop, ...Ready.parse(JSON.parse(printed[0])) };
}

/** What runs with that folder on its command line. */
function startedFrom(folder: string): { pid: number; command: string }[] {
  return execFileSync("ps", ["-axo", "pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(folder) && !line.includes(main))
    .map((line) => ({ pid: Number(line.trim().split(" ")[0]), command: line }));
}

const nothingFrom = (folder: string): Promise<true> =>
  until("nothing is left", GONE_MS, async () => (startedFrom(folder).length === 0 ? true : undefined));

async function call({ url, grant }: Running, method: string, body: object): Promise<unknown> {
  const response = await fetch(`${url}/v1.0/actors/Context/main.trip/method/${method}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ grant, ...body }),
    signal: AbortSignal.timeout(30_000),
  });
  return response.json();
}

const append = { key: "k1", items: [{ role: "user", content: "to Lisbon, please" }] };

liveTest.each(["sqlite", "redis", "postgres"])(
  "on %s: one line when it is ready, a turn that is still there after a restart, exit code 0, and nothing left behind",
  async (store) => {
    const data = temporaryFolder();
    const first = await running("--store", store, "--data", data);
    expect(await call(first, "append", append)).toMatchObject({ ok: true, version: 1 });
    expect(startedFrom(data).length).toBeGreaterThan(0);
    expect(await first.stop(), first.said.join("\n")).toBe(0);
    expect(first.printed).toHaveLength(1);
    await nothingFrom(data);

    const second = await running("--store", store, "--data", data);
    const read = { ok: true, version: 1, items: [{ role: "user", content: "to Lisbon, please" }] };
    expect(await call(second, "read", {})).toMatchObject(read);
    // The first grant is as good as the second: the root key was kept.
    expect(await call({ ...second, grant: first.grant }, "read", {})).toMatchObject(read);
    expect(await call(second, "append", append)).toMatchObject({ ok: true, version: 1, duplicate: true });
    expect(await second.stop()).toBe(0);
    await nothingFrom(data);
  },
);

liveTest("when something that it started ends by itself, it says which, stops the rest, and fails", async () => {
  const data = temporaryFolder();
  const one = await running("--data", data);
  const callers = startedFrom(data).find(({ command }) => command.includes("callers.yaml"));
  process.kill(callers?.pid ?? 0, "SIGKILL");
  const [code] = await once(one.child, "exit");
  expect(code).toBe(1);
  expect(one.said.join("\n")).toMatch(/sidecar of strata-callers ended by itself \(SIGKILL\)/);
  await nothingFrom(data);
});

liveTest("killed with -9 it leaves nothing behind either", async () => {
  const data = temporaryFolder();
  const one = await running("--data", data, "--store", "postgres");
  one.child.kill("SIGKILL");
  await nothingFrom(data);
});

liveTest("stopped while it starts, it stops what it has started", async () => {
  const data = temporaryFolder();
  const child = spawn(process.execPath, [main, "--free-ports", "--data", data], { stdio: ["ignore", "ignore", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stderr });
  for await (const line of lines) if (/placement on \d+: started/.test(line)) break;
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  await nothingFrom(data);
});

liveTest("a taken port is told: which, whose setting, and what to do; and nothing was started", async () => {
  const [port = 0] = await freePorts(1);
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(port, "127.0.0.1", done));
  onTestFinished(() => void taken.close());
  const data = temporaryFolder();
  const child = spawn(process.execPath, [main, "--json", "--port", String(port), "--data", data], { stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => said.push(String(chunk)));
  const [code] = await once(child, "exit");
  expect(code).toBe(1);
  expect(said.join("")).toMatch(new RegExp(`port ${port} is taken \\(--port\\); stop what listens there, or choose another with --port`));
  expect(startedFrom(data)).toEqual([]);
});

liveTest("what runs already is used, and goes on when the cluster that used it is gone", async () => {
  await using first = await temporaryCluster({ store: "redis", app });
  const theirs = { placementHostAddress: first.placement.address, schedulerHostAddress: first.scheduler.address };
  const settings = { "strata-host": theirs, "strata-callers": theirs };
  const env = { PATH: process.env.PATH, STRATA_REDIS_URL: first.bus.url };
  {
    await using second = await temporaryCluster({ store: "redis", app, share: true, settings, env });
    expect(second.processes.map((one) => one.name).sort()).toEqual(["sidecar of strata-callers", "sidecar of strata-host", "strata-host"]);
    for (const name of ["placement", "scheduler", "redis"]) expect(second.said.join("\n")).toContain(`${name}: the one that runs at`);
  }
  expect(first.processes.every((one) => one.running)).toBe(true);
});

liveTest("a server that is named but can't be used is told, with the remedy", async () => {
  await using first = await temporaryCluster({ store: "sqlite", app });
  const theirs = { placementHostAddress: first.placement.address, schedulerHostAddress: first.scheduler.address };
  const settings = { "strata-host": theirs, "strata-callers": theirs };
  const [nobody = 0] = await freePorts(1);
  const { host, port } = first.bus;
  const start = (store: "redis" | "postgres", env: Record<string, string>) => temporaryCluster({ store, app, share: true, settings, env });
  await expect(start("redis", { STRATA_REDIS_URL: `redis://${host}:${port}` })).rejects.toThrow(
    /asks for another password; give it in STRATA_REDIS_URL/,
  );
  await expect(start("redis", { STRATA_REDIS_URL: `redis://${host}:${nobody}` })).rejects.toThrow(
    /no Redis answers at .* STRATA_REDIS_URL says/,
  );
  await expect(start("redis", { STRATA_REDIS_URL: "localhost" })).rejects.toThrow(/no URL; expected redis:/);
  const postgres = { STRATA_REDIS_URL: first.bus.url, STRATA_POSTGRES_URL: `postgres://postgres:x@127.0.0.1:${nobody}/postgres` };
  await expect(start("postgres", postgres)).rejects.toThrow(/nothing answers at 127\.0\.0\.1:\d+, where STRATA_POSTGRES_URL says/);
});
