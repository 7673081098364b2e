type Environment = Readonly<Record<string, string | undefined>>;

/** What the operator asked for, by OpenTelemetry's own variables. Off until an endpoint is set, each signal by itself. */
export type Wanted = {
  readonly traces: boolean;
  readonly metrics: boolean;
  /** Undefined where the operator gives a name, which counts more than ours. */
  readonly serviceName: string | undefined;
};

const SERVICE_NAME = "strata";

export function readWanted(environment: Environment = process.env): Wanted {
  const says = (name: string): boolean => (environment[name] ?? "").trim() !== "";
  const on = (environment.OTEL_SDK_DISABLED ?? "").trim().toLowerCase() !== "true";
  const all = says("OTEL_EXPORTER_OTLP_ENDPOINT");
  const named = says("OTEL_SERVICE_NAME") || /(?:^|,)\s*service\.name\s*=/.test(environment.OTEL_RESOURCE_ATTRIBUTES ?? "");
  return {
    traces: on && (all || says("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")),
    metrics: on && (all || says("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")),
    serviceName: named ? undefined : SERVICE_NAME,
  };
}

/** An export that takes longer is given up: with OpenTelemetry's own 10 s a collector that is away would hold up the end of a host for 20 s. */
const EXPORT_MS = 3_000;
/** What of a process is told; its command line and its owner, which OpenTelemetry tells by itself, are nobody's business. */
const DETECTORS = "env,host,os,serviceinstance";

/** What the SDK reads where the operator says nothing. To be called before the SDK is read. */
export function settleDefaults(environment: Record<string, string | undefined> = process.env): void {
  environment.OTEL_EXPORTER_OTLP_TIMEOUT ??= String(EXPORT_MS);
  environment.OTEL_NODE_RESOURCE_DETECTORS ??= DETECTORS;
}
