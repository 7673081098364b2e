import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { RunError, textOf } from "./errors.ts";

const EVERY_MS = 25;

/**
 * Asks again and again until the answer is something else than undefined. An answer that takes longer than the deadline is not waited for.
 * Throws RunError past the deadline, with the last reason why there was no answer, or when `cancelled` is aborted.
 */
export async function until<T>(
  what: string,
  ms: number,
  ask: (signal: AbortSignal) => Promise<T | undefined>,
  cancelled?: AbortSignal,
): Promise<T> {
  const deadline = AbortSignal.timeout(ms);
  const over = cancelled === undefined ? deadline : AbortSignal.any([deadline, cancelled]);
  const end = aborted(over);
  let last = "no answer yet";
  while (!over.aborted) {
    try {
      const answer = await Promise.race([ask(over), end]);
      if (answer !== undefined) return answer;
    } catch (reason) {
      // Not ready is the usual reason for a throw here; it is told if nothing better ever comes.
      last = textOf(reason);
    }
    if (!over.aborted) await pause(EVERY_MS);
  }
  throw new RunError(deadline.aborted ? `${what}: not within ${ms} ms (${last})` : `${what}: not waited for any longer`);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
}

/** True when something accepts connections there. */
export async function answers(host: string, port: number, ms = 1_000): Promise<boolean> {
  const socket = connect({ host, port });
  socket.setTimeout(ms, () => socket.destroy(new Error("timeout")));
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

/** True when a GET answers with a status below 300. The headers are sent along. */
export async function healthy(url: string, signal: AbortSignal, headers: Readonly<Record<string, string>> = {}): Promise<true | undefined> {
  const response = await fetch(url, { signal, headers });
  await response.body?.cancel();
  return response.ok ? true : undefined;
}
