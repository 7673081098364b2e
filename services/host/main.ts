import { systemClock, systemDie } from "../../dapr/clock.ts";
import { daprVersions } from "../../dapr/runtime.ts";
import { ContextError } from "../../protocol/errors.ts";
import { iso } from "../../protocol/units.ts";
import { makeEvents } from "../telemetry/events.ts";
import { jsonLog } from "../telemetry/log.ts";
import { outlive } from "../telemetry/pipes.ts";
import { isTraced, stopTelemetry } from "../telemetry/start.ts";
import { makeTracing, passTraces } from "../telemetry/tracing.ts";
import { readConfig } from "./config.ts";
import { openHost } from "./host.ts";

// Whoever reads the log may go, and a disk may be full; it serves on.
outlive(process.stderr);
try {
  const config = readConfig();
  const log = jsonLog(
    config.logLevel,
    (line) => process.stderr.write(line),
    () => iso(systemClock.now()),
  );
  const host = await openHost(config, {
    clock: systemClock,
    die: systemDie,
    events: makeEvents(log),
    tracing: isTraced ? makeTracing() : passTraces,
  });
  const { version, fit } = await host.serve(config.sidecar);
  if (fit !== "tested") log("warn", "this Dapr is not the one that Strata is tested with", { dapr: version, fit, ...daprVersions });
  log("info", "serving", { port: host.port, dapr: version });
  await signalled();
  log("info", "draining", {});
  await host.close();
  log("info", "stopped", {});
  await stopTelemetry();
} catch (reason) {
  console.error(reason instanceof ContextError ? reason.message : reason);
  process.exitCode = 1;
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}
