// What a supervisor of containers does: a sidecar that ended by itself is started again. daprd 1.18.2 does (docs/decisions/0021).

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Process } from "../../tools/run/processes.ts";

const LOOK_MS = 200;

/** Until it is disposed of. Who stops or kills it himself starts it again himself. */
export function supervise(sidecars: () => readonly Process[], report: (line: string) => void): AsyncDisposable {
  const over = new AbortController();
  const watching = watch(sidecars, report, over.signal);
  return {
    [Symbol.asyncDispose]: () => {
      over.abort();
      return watching;
    },
  };
}

async function watch(sidecars: () => readonly Process[], report: (line: string) => void, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await pause(LOOK_MS);
    await Promise.all(
      sidecars().map((sidecar) =>
        revive(sidecar, report, over).catch((reason: unknown) => report(`${sidecar.name} did not come back: ${String(reason)}`)),
      ),
    );
  }
}

async function revive(sidecar: Process, report: (line: string) => void, over: AbortSignal): Promise<void> {
  if (sidecar.running || sidecar.pid === 0) return;
  const { unexpected } = await sidecar.exited;
  if (!unexpected || over.aborted) return;
  report(`${sidecar.name} ended by itself and is started again; its log says: ${lastPanic(sidecar.logFile)}`);
  await sidecar.start();
}

const lastPanic = (logFile: string): string => /^(?:panic|fatal error): .*$/gm.exec(readFileSync(logFile, "utf8"))?.[0] ?? "nothing of it";
