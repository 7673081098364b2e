import { createServer } from "node:net";
import { RunError } from "./errors.ts";

// Below the range from which systems take the source ports of outgoing connections (32768 on Linux, 49152 on macOS): while a server is down, a
// client's connection could otherwise be given its port, and the server could not come back.
const FIRST = 10_000;
const LAST = 29_999;
const SPAN = LAST - FIRST + 1;
const PER_PROCESS = 512;
const TRIES = 4_000;

// Processes that choose at the same moment begin at different places, so they don't take the same port between looking and listening.
let next = (process.pid * PER_PROCESS) % SPAN;

/** n ports on which nothing listens now, on any address, none of them handed out before by this process's last 20,000. */
export async function freePorts(n: number): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < n; tries++) {
    if (tries === TRIES)
      throw new RunError(`no ${n} free ports between ${FIRST} and ${LAST}: ${TRIES} were tried, ${found.length} were free`);
    const port = FIRST + next;
    next = (next + 1) % SPAN;
    if (await isFree(port)) found.push(port);
  }
  return found;
}

/** Tried on every address: placement and scheduler serve their health checks on all of them, whatever they are told. */
export function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ port, host: "0.0.0.0", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
