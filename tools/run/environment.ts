// Who is told what. `dapr run -f` gives every process the shell's environment; here each gets its own tokens and nobody else's.
import { dirname } from "node:path";
import type { PostgresServer } from "./postgres.ts";
import type { RedisServer } from "./redis.ts";
import { appEnvironment, type RunApp } from "./run-file.ts";
import type { Secrets } from "./secrets.ts";

export type Environment = Readonly<Record<string, string>>;

/** What the runner hands out itself, whatever stands in its own environment. */
const handedOut = /^(DAPR_.*|APP_(ID|PORT|PROTOCOL|CHANNEL_ADDRESS|API_TOKEN)|STRATA_(ROOT_KEY|REDIS_URL|REDIS_PASSWORD|POSTGRES_URL))$/;

/** What every process gets. */
export function baseEnvironment(given: Readonly<Record<string, string | undefined>>): Environment {
  const kept = Object.entries(given).flatMap(([name, value]) =>
    value === undefined || handedOut.test(name) ? [] : [[name, value] as const],
  );
  // `node` in a command means the one that runs this, whatever else is on PATH.
  return { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}:${given.PATH ?? "/usr/bin:/bin"}` };
}

export interface Stores {
  readonly bus: RedisServer;
  /** Undefined where the store is the bus's Redis, or SQLite. */
  readonly postgres?: PostgresServer | undefined;
}

export function callersSidecarEnvironment(base: Environment, { bus }: Stores): Environment {
  return { ...tracedByDaprd(base), STRATA_REDIS_PASSWORD: bus.password };
}

/**
 * OpenTelemetry's variables as daprd understands them, for what the hosts understand by them. By itself it takes gRPC where no protocol is named, and an
 * endpoint's path for a part of its port: spans go to the usual path there.
 */
function tracedByDaprd(base: Environment): Environment {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces, ...rest } = base;
  const endpoint = traces ?? base.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return base;
  const [origin = endpoint] = /^https?:\/\/[^/]+/.exec(endpoint) ?? [];
  return {
    ...rest,
    OTEL_EXPORTER_OTLP_ENDPOINT: origin,
    OTEL_EXPORTER_OTLP_PROTOCOL: base.OTEL_EXPORTER_OTLP_PROTOCOL ?? "http/protobuf",
  };
}

/** With what the component files refer to, and the root key, which it hands to the host as a secret. */
export function hostSidecarEnvironment(base: Environment, { bus, postgres }: Stores, secrets: Secrets): Environment {
  return {
    ...tracedByDaprd(base),
    STRATA_REDIS_PASSWORD: bus.password,
    ...(postgres === undefined ? {} : { STRATA_POSTGRES_URL: postgres.url }),
    STRATA_ROOT_KEY: secrets.rootKey,
    DAPR_API_TOKEN: secrets.daprApiToken,
    APP_API_TOKEN: secrets.appApiToken,
  };
}

/** The application's: the run file's, the tokens for and of its sidecar, and where it may look at the Redis that keeps its state. */
export function hostEnvironment(base: Environment, app: RunApp, secrets: Secrets, store: RedisServer | undefined): Environment {
  return {
    ...base,
    ...appEnvironment(app),
    DAPR_API_TOKEN: secrets.daprApiToken,
    APP_API_TOKEN: secrets.appApiToken,
    ...(store === undefined ? {} : { STRATA_REDIS_URL: store.url }),
  };
}
