import type { Level, Log } from "./events.ts";

const levels: readonly Level[] = ["debug", "info", "warn", "error"];

/** One JSON object a line, from `least` on. */
export function jsonLog(least: Level, write: (line: string) => void, time: () => string): Log {
  return (level, message, fields) => {
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    write(`${JSON.stringify({ time: time(), level, message, ...fields })}\n`);
  };
}
