// One trace through caller, sidecar, turn and store: the parent comes in as `traceparent`, and what the turn asks of the sidecar carries its span on.

import { context, ROOT_CONTEXT, type Span, type SpanContext, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import type { About, Call, Tracing } from "../../actors/ports.ts";
import type { codes } from "../../protocol/errors.ts";

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** Outcomes that are nobody's wish: the others are what a caller asked for, or has to mend. */
const failures: ReadonlySet<string> = new Set(["internal", "unavailable"] satisfies (typeof codes)[number][]);

/** Where nothing is traced: a caller's trace is carried on as it came. */
export const passTraces: Tracing = { span: (_name, call, work) => work(call) };

export function makeTracing(): Tracing {
  const tracer = trace.getTracer("strata");
  /** Spans under way by what they are carried on as, so that a later one can be linked to them. */
  const open = new Map<string, Span>();

  async function span<T>(name: string, call: Call, work: (call: Call) => Promise<T>, about: About<T> = {}): Promise<T> {
    const { attributes = {}, outcome, also = [] } = about;
    const parent = parse(call.traceparent);
    // The parent is what the call says. Whatever happens to be active here is another's: one call may be made for many turns.
    const around = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const others = also.flatMap(({ traceparent = "" }) => open.get(traceparent) ?? []).filter((other) => other.isRecording());
    const links = others.map((other) => ({ context: other.spanContext() }));
    const own = tracer.startSpan(name, { kind: about.kind === "call" ? SpanKind.CLIENT : SpanKind.SERVER, attributes, links }, around);
    // Both ways: who looks at another's trace finds what was done for it here.
    for (const other of others) other.addLink({ context: own.spanContext(), attributes });
    const traceparent = format(own.spanContext());
    open.set(traceparent, own);
    try {
      const result = await context.with(trace.setSpan(around, own), () => work({ ...call, traceparent }));
      const came = outcome?.(result);
      if (came !== undefined) own.setAttribute("strata.outcome", came);
      if (came !== undefined && failures.has(came)) own.setStatus({ code: SpanStatusCode.ERROR });
      return result;
    } catch (reason) {
      // Not the reason itself: what it says may be of the content.
      own.setStatus({ code: SpanStatusCode.ERROR });
      throw reason;
    } finally {
      open.delete(traceparent);
      own.end();
    }
  }
  return { span };
}

function parse(traceparent: Call["traceparent"]): SpanContext | undefined {
  const [, traceId, spanId, flags = "0"] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}

const format = ({ traceId, spanId, traceFlags }: SpanContext): string =>
  `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, "0")}`;
