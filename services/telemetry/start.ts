// Imported by every process that reports, and so started before its main begins. Where no endpoint is set, the SDK is not even read.

import { readWanted, settleDefaults } from "./config.ts";

type Sdk = { start(): void; shutdown(): Promise<void> };
let sdk: Sdk | undefined;

const { traces, metrics, serviceName } = readWanted();

/** Whether spans are recorded. */
export const isTraced = traces;

if (traces || metrics) {
  settleDefaults();
  const { NodeSDK } = await import("@opentelemetry/sdk-node");
  // No instrumentations: spans are made where a turn begins, and nothing is patched. Logs go to standard error, not to the collector.
  sdk = new NodeSDK({
    instrumentations: [],
    logRecordProcessors: [],
    ...(traces ? {} : { spanProcessors: [] }),
    ...(metrics ? {} : { metricReaders: [] }),
    ...(serviceName === undefined ? {} : { serviceName }),
  });
  sdk.start();
}

/** Sends what is still held. A collector that is away delays this by as long as an export may take, and fails nothing. */
export const stopTelemetry = async (): Promise<void> => {
  await sdk?.shutdown().catch(() => {});
};
