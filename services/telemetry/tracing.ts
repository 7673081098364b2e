// One trace through caller, sidecar, turn and store: the parent comes in as `traceparent`, and what the turn asks of the sidecar carries its span on.

import { context, type SpanContext, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import type { Call, Tracing } from "../../actors/ports.ts";

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export function makeTracing(): Tracing {
  const tracer = trace.getTracer("strata");
  return {
    async span(name, call, work) {
      const parent = parse(call.traceparent);
      const around = parent === undefined ? context.active() : trace.setSpanContext(context.active(), parent);
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, around);
      const own = format(span.spanContext());
      try {
        return await work(own === undefined ? call : { ...call, traceparent: own });
      } catch (reason) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw reason;
      } finally {
        span.end();
      }
    },
  };
}

function parse(traceparent: Call["traceparent"]): SpanContext | undefined {
  const [, traceId, spanId, flags = "0"] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}

/** Undefined for the span of no trace, which is what the API hands out where no SDK runs. */
function format({ traceId, spanId, traceFlags }: SpanContext): string | undefined {
  return /^0+$/.test(traceId) ? undefined : `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
