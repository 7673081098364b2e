import { trace } from "@opentelemetry/api";
import type { Level, Log } from "./events.ts";

const levels: readonly Level[] = ["debug", "info", "warn", "error"];

/** One JSON object a line, from `least` on. What is told in the course of a traced turn names its trace. */
export function jsonLog(least: Level, write: (line: string) => void, time: () => string): Log {
  return (level, message, fields) => {
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    const span = trace.getActiveSpan()?.spanContext();
    const traced = span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
    write(`${JSON.stringify({ time: time(), level, message, ...fields, ...traced })}\n`);
  };
}
