// Imported by every process that reports, and so started before its main begins. Where no endpoint is set, the SDK is not even read.

import { isWanted } from "./config.ts";

type Sdk = { start(): void; shutdown(): Promise<void> };
let sdk: Sdk | undefined;

if (isWanted()) {
  const { NodeSDK } = await import("@opentelemetry/sdk-node");
  // No instrumentations: spans are made where a turn begins, and nothing is patched.
  sdk = new NodeSDK({ serviceName: "strata-host", instrumentations: [] });
  sdk.start();
}

/** Sends what is still held. */
export const stopTelemetry = async (): Promise<void> => {
  await sdk?.shutdown().catch(() => {}); // A collector that is away must not keep a host from stopping.
};
