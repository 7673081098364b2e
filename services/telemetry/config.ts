/** Whether telemetry is wanted: it is off until an endpoint is set, by OpenTelemetry's own variables. */
export const isWanted = (environment: Readonly<Record<string, string | undefined>> = process.env): boolean =>
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"].some(
    (name) => (environment[name] ?? "") !== "",
  ) && environment["OTEL_SDK_DISABLED"] !== "true";
