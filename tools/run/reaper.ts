// The process that cleans up after a runner which could not: killed, crashed, its terminal closed.
//
// It reads lines `+<pid> <signal>` and `-<pid>` from the runner. When the pipe ends, the runner is gone, however that came about; whatever is
// still on the list gets its signal, and SIGKILL a moment later.
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

const GRACE_MS = 4_000;
const EVERY_MS = 50;

// A Ctrl-C in the terminal is the runner's to answer.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("SIGHUP", () => {});

const alive = new Map<number, string>();
for await (const line of createInterface({ input: process.stdin })) {
  const [, sign, pid, signal = "SIGTERM"] = /^([+-])(\d+)(?: (SIG[A-Z]+))?$/.exec(line) ?? [];
  if (sign === "+") alive.set(Number(pid), signal);
  if (sign === "-") alive.delete(Number(pid));
}
for (const [pid, signal] of alive) send(pid, signal);
// A stopped process takes no other signal until it goes on.
for (const pid of alive.keys()) send(pid, "SIGCONT");
for (let waited = 0; waited < GRACE_MS && [...alive.keys()].some((pid) => send(pid, 0)); waited += EVERY_MS) await pause(EVERY_MS);
for (const pid of alive.keys()) send(pid, "SIGKILL");

/** True when the process was there. Every process that the runner starts leads a group of its own. */
function send(pid: number, signal: string | number): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
