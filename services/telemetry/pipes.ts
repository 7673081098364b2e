// What a process writes to may be gone before the process is.

import type { Writable } from "node:stream";

/** A reader that has seen enough (head, less) closes its end; that is no failure of ours. */
export const isClosedPipe = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "EPIPE";

/** Without a listener the first thing that cannot be written ends the process. `failed` hears of all but closed pipes. */
export function outlive(stream: Writable, failed: (error: Error) => void = () => {}): void {
  stream.on("error", (error: Error) => {
    if (!isClosedPipe(error)) failed(error);
  });
}
