import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

// The runner's side of reaper.ts: one reaper for all the processes that this one starts, itself started with the first.
let reaper: ChildProcess | undefined;

/** From now on the process ends when this one does, by the signal and soon after by SIGKILL. */
export function watch(pid: number, signal: NodeJS.Signals): void {
  line(`+${pid} ${signal}`);
}

/** It has ended; its number may soon be somebody else's. */
export function forget(pid: number): void {
  line(`-${pid}`);
}

function line(text: string): void {
  reaper ??= start();
  reaper.stdin?.write(`${text}\n`);
}

function start(): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL("reaper.ts", import.meta.url))], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: {},
  });
  // Neither the reaper nor the pipe to it may keep this process alive, and its loss may not end it.
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  child.unref();
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  return child;
}
