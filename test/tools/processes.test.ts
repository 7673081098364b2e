import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { healthy, until } from "../../tools/run/polling.ts";
import { freePorts, isFree } from "../../tools/run/ports.ts";
import { type Command, Process, startProcess } from "../../tools/run/processes.ts";
import { temporaryFolder } from "./folders.ts";

const WAIT_MS = 20_000;

/** A server that answers with its pid; deaf ones do not hear SIGTERM. */
const server = (port: number, deaf = false): string => `
  const server = require("node:http").createServer((_, response) => response.end(String(process.pid)));
  server.listen(${port}, "127.0.0.1", () => console.log("listens"));
  ${deaf ? 'process.on("SIGTERM", () => {});' : ""}`;

async function commandOf(script: (port: number) => string, more: Partial<Command> = {}): Promise<Command & { readonly url: string }> {
  const [port = 0] = await freePorts(1);
  const folder = temporaryFolder();
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    name: "server",
    command: [process.execPath, "--eval", script(port)],
    env: {},
    cwd: folder,
    logFile: join(folder, "logs", "server.log"),
    ready: (signal) => healthy(url, signal),
    ...more,
  };
}

async function started(command: Command): Promise<Process> {
  const process = await startProcess(command);
  onTestFinished(() => process.kill());
  return process;
}

/** Also true while a process has ended and nobody has taken note yet. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const gone = (pid: number): Promise<true> => until(`process ${pid} is gone`, WAIT_MS, async () => (isThere(pid) ? undefined : true));

const answer = async (url: string): Promise<string> => (await fetch(url, { signal: AbortSignal.timeout(500) })).text();

test("a process is started once it answers, and what it says is in its log", async () => {
  const command = await commandOf(server);
  const process = await started(command);
  expect(await answer(command.url)).toBe(String(process.pid));
  expect(process.running).toBe(true);
  expect(readFileSync(command.logFile, "utf8")).toContain("listens");
});

test("one that ends before it is ready is told at once, with its exit code and the end of its log", async () => {
  const command = await commandOf(() => 'console.error("the port is taken"); process.exitCode = 7');
  await expect(startProcess(command)).rejects.toThrow(/it ended before \(exit code 7\)(.|\n)*the port is taken/);
});

test("one that is never ready is ended at its deadline", async () => {
  const command = await commandOf(() => "setInterval(() => {}, 1000)", { readyMs: 300 });
  const process = new Process(command);
  await expect(process.start()).rejects.toThrow(/not within 300 ms/);
  expect(process.running).toBe(false);
});

test("a program that is not there is told as such", async () => {
  const command = await commandOf(() => "", { command: ["/nowhere/at-all"] });
  await expect(startProcess(command)).rejects.toThrow(/ENOENT/);
});

test("somebody else's answer on its port does not make it ready", async () => {
  const first = await commandOf(server);
  await started(first);
  const second = { ...first, logFile: join(first.cwd, "second.log") };
  await expect(startProcess(second)).rejects.toThrow(/server: something else answers in its place already/);
});

test("stop asks, and kills what does not hear", async () => {
  const polite = await started(await commandOf(server));
  await polite.stop();
  expect(await polite.exited).toMatchObject({ signal: "SIGTERM", unexpected: false });
  const deaf = await started(await commandOf((port) => server(port, true), { stopMs: 200 }));
  await deaf.stop();
  expect(await deaf.exited).toMatchObject({ signal: "SIGKILL", unexpected: false });
});

test("stopped while it is starting, it does not come up afterwards", async () => {
  for (const how of ["stop", "kill"] as const) {
    const asked = Promise.withResolvers<void>();
    const command = await commandOf(server);
    const slow = new Process({
      ...command,
      ready: async (signal) => {
        asked.resolve();
        return healthy(command.url, signal);
      },
    });
    const starting = slow.start();
    await asked.promise;
    // It was only looked whether its place is free.
    expect(slow.pid).toBe(0);
    await slow[how]();
    await expect(starting).rejects.toThrow(/server was stopped while it was starting/);
    expect(slow.pid).toBe(0);
  }
});

test("an end that nobody asked for is unexpected", async () => {
  const one = await started(await commandOf(server));
  process.kill(one.pid, "SIGKILL");
  expect(await one.exited).toMatchObject({ signal: "SIGKILL", unexpected: true });
});

test("after a kill it starts again as it was, as another process", async () => {
  const command = await commandOf(server);
  const process = await started(command);
  const before = process.pid;
  await process.kill();
  expect(process.running).toBe(false);
  await process.start();
  expect(await answer(command.url)).toBe(String(process.pid));
  expect(process.pid).not.toBe(before);
  expect(readFileSync(command.logFile, "utf8").match(/listens/g)).toHaveLength(2);
});

test("a frozen process answers nothing until it is thawed, and is stopped all the same", async () => {
  const command = await commandOf(server);
  const process = await started(command);
  process.freeze();
  await expect(answer(command.url)).rejects.toThrow(/timeout/i);
  process.thaw();
  expect(await answer(command.url)).toBe(String(process.pid));
  process.freeze();
  await process.stop();
  expect(await process.exited).toMatchObject({ signal: "SIGTERM" });
});

test("what a process started itself goes with it", async () => {
  const script = (port: number): string => `
    const deaf = 'process.on("SIGTERM", () => {}); process.send("deaf"); setInterval(() => {}, 1000)';
    const child = require("node:child_process").spawn(process.execPath, ["--eval", deaf], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    const server = require("node:http").createServer((_, response) => response.end(String(child.pid)));
    child.once("message", () => server.listen(${port}, "127.0.0.1"));`;
  const command = await commandOf(script);
  const process = await started(command);
  const grandchild = Number(await answer(command.url));
  expect(isThere(grandchild)).toBe(true);
  await process.stop();
  await gone(grandchild);
});

test("a start that fails for what its last life left behind is tried again", async () => {
  const folder = temporaryFolder();
  const marker = join(folder, "tries");
  const script = (port: number): string => `
    const { appendFileSync, readFileSync } = require("node:fs");
    appendFileSync(${JSON.stringify(marker)}, "x");
    if (readFileSync(${JSON.stringify(marker)}).length < 3) { console.log("still in use"); process.exitCode = 1; }
    else { ${server(port)} }`;
  await started(await commandOf(script, { again: /still in use/ }));
  expect(readFileSync(marker, "utf8")).toBe("xxx");
});

test("when the runner is killed with -9, everything that it started ends, even what is frozen or deaf", async () => {
  const commands = [await commandOf((port) => server(port, true)), await commandOf(server)];
  const from = (file: string): string => JSON.stringify(fileURLToPath(new URL(`../../tools/run/${file}`, import.meta.url)));
  const script = `
    import { Process } from ${from("processes.ts")};
    import { healthy } from ${from("polling.ts")};
    const [deaf, frozen] = ${JSON.stringify(commands)}.map((one) => new Process({ ...one, ready: (signal) => healthy(one.url, signal) }));
    await deaf.start();
    await frozen.start();
    frozen.freeze();
    console.log(deaf.pid, frozen.pid);
    setInterval(() => {}, 1000);`;
  const runner = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void runner.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: runner.stdout }), "line");
  const pids = String(line).split(" ").map(Number);
  expect(pids.map(isThere)).toEqual([true, true]);
  runner.kill("SIGKILL");
  await Promise.all(pids.map(gone));
});

test("waiting ends at the deadline though the question is never answered, and tells the last reason", async () => {
  await expect(until("an answer", 200, () => new Promise(() => {}))).rejects.toThrow(/an answer: not within 200 ms/);
  await expect(until("an answer", 200, () => Promise.reject(new Error("connection refused")))).rejects.toThrow(/connection refused/);
});

test("free ports are free, all different, and not among those of outgoing connections", async () => {
  const ports = await freePorts(50);
  expect(new Set(ports).size).toBe(50);
  for (const port of ports) expect(port).toBeLessThan(32_768);
  const [port = 0] = ports;
  expect(await isFree(port)).toBe(true);
  const taken = await commandOf(() => server(port), { ready: (signal) => healthy(`http://127.0.0.1:${port}`, signal) });
  await started(taken);
  expect(await isFree(port)).toBe(false);
});

test("the environment of a process is the one it was given, and nothing of the runner's", async () => {
  const script = (port: number): string =>
    `require("node:http").createServer((_, response) => response.end(JSON.stringify(process.env))).listen(${port}, "127.0.0.1");`;
  const command = await commandOf(script, { env: { ONLY: "this" } });
  await started(command);
  const seen = JSON.parse(await answer(command.url));
  // macOS adds one of its own.
  delete seen.__CF_USER_TEXT_ENCODING;
  expect(seen).toEqual({ ONLY: "this" });
});
