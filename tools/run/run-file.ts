// dapr.yaml: the format of `dapr run -f`, every key of it, and what the Dapr CLI makes of it. The runner makes the same of it.
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { RunError, textOf } from "./errors.ts";

const Port = z.int().min(1).max(65_535);
const LogDestination = z.enum(["console", "file", "fileAndConsole"]);
const Quantity = z.string().regex(/^\d+(Ki|Mi|Gi|k|M|G)?$/);
const Text = z.string().min(1);

/** Keys that may stand in `common` and in an app; the app's wins. */
const shared = {
  configFilePath: Text.optional(),
  resourcesPath: Text.optional(),
  resourcesPaths: z.array(Text).min(1).optional(),
  appProtocol: z.enum(["http", "https", "grpc", "grpcs", "h2c"]).optional(),
  apiListenAddresses: Text.optional(),
  enableProfiling: z.boolean().optional(),
  logLevel: z.enum(["debug", "info", "warn", "error", "fatal", "panic"]).optional(),
  appMaxConcurrency: z.int().min(1).optional(),
  placementHostAddress: Text.optional(),
  schedulerHostAddress: Text.optional(),
  appSSL: z.boolean().optional(),
  maxBodySize: Quantity.optional(),
  readBufferSize: Quantity.optional(),
  enableAppHealthCheck: z.boolean().optional(),
  appHealthCheckPath: z.string().startsWith("/").optional(),
  /** Seconds. */
  appHealthProbeInterval: z.int().min(1).optional(),
  /** Milliseconds, and not above the interval. */
  appHealthProbeTimeout: z.int().min(1).optional(),
  appHealthThreshold: z.int().min(1).optional(),
  enableApiLogging: z.boolean().optional(),
  runtimePath: Text.optional(),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).optional(),
  daprdLogDestination: LogDestination.optional(),
  appLogDestination: LogDestination.optional(),
};

const AppEntry = z.strictObject({
  ...shared,
  appID: z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "an app id has small letters, digits and hyphens"),
  appDirPath: Text,
  appPort: Port.optional(),
  appChannelAddress: Text.optional(),
  daprHTTPPort: Port.optional(),
  daprGRPCPort: Port.optional(),
  daprInternalGRPCPort: Port.optional(),
  metricsPort: Port.optional(),
  profilePort: Port.optional(),
  unixDomainSocket: Text.optional(),
  command: z.tuple([Text], Text).optional(),
  containerImage: Text.optional(),
  containerImagePullPolicy: z.enum(["Always", "Never", "IfNotPresent"]).optional(),
  createService: z.boolean().optional(),
});

export const RunFile = z.strictObject({
  version: z.literal(1),
  name: Text.optional(),
  common: z.strictObject(shared).optional(),
  apps: z.array(AppEntry).min(1),
});
export type RunFile = z.infer<typeof RunFile>;

/** One app of the file, with what `common` says filled in and its paths absolute. */
export type RunApp = z.infer<typeof AppEntry>;

/** Reads and checks the file. Throws RunError that names every key that does not belong there, and every value that can't be right. */
export function readRunFile(path: string): RunApp[] {
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8"), { strict: true, uniqueKeys: true });
  } catch (reason) {
    throw new RunError(`${path}: ${textOf(reason)}`);
  }
  const checked = RunFile.safeParse(content);
  if (!checked.success) throw new RunError(`${path} is no run file:\n${z.prettifyError(checked.error)}`);
  const { common = {}, apps } = checked.data;
  const base = dirname(resolve(path));
  return apps.map((app) => merge(base, common, app));
}

function merge(base: string, common: NonNullable<RunFile["common"]>, app: RunApp): RunApp {
  const appDirPath = absolute(base, app.appDirPath);
  // Paths of `common` are relative to the file, those of an app to its own folder.
  const own = absolutePaths(appDirPath, app);
  return { ...absolutePaths(base, common), ...own, env: { ...common.env, ...app.env }, appID: app.appID, appDirPath };
}

function absolutePaths<T extends NonNullable<RunFile["common"]>>(base: string, from: T): T {
  const { configFilePath, resourcesPath, resourcesPaths, runtimePath } = from;
  const folders = [...(resourcesPaths ?? []), ...(resourcesPath === undefined ? [] : [resourcesPath])];
  return {
    ...from,
    ...(configFilePath === undefined ? {} : { configFilePath: absolute(base, configFilePath) }),
    ...(runtimePath === undefined ? {} : { runtimePath: absolute(base, runtimePath) }),
    ...(folders.length === 0 ? {} : { resourcesPaths: folders.map((folder) => absolute(base, folder)) }),
  };
}

const absolute = (base: string, path: string): string => (isAbsolute(path) ? path : join(base, path));

/** daprd's flag for each key that is one. */
const flags = {
  appID: "--app-id",
  appChannelAddress: "--app-channel-address",
  appPort: "--app-port",
  daprHTTPPort: "--dapr-http-port",
  daprGRPCPort: "--dapr-grpc-port",
  daprInternalGRPCPort: "--dapr-internal-grpc-port",
  metricsPort: "--metrics-port",
  profilePort: "--profile-port",
  unixDomainSocket: "--unix-domain-socket",
  configFilePath: "--config",
  resourcesPaths: "--resources-path",
  appProtocol: "--app-protocol",
  apiListenAddresses: "--dapr-listen-addresses",
  enableProfiling: "--enable-profiling",
  logLevel: "--log-level",
  appMaxConcurrency: "--app-max-concurrency",
  placementHostAddress: "--placement-host-address",
  schedulerHostAddress: "--scheduler-host-address",
  appSSL: "--app-ssl",
  maxBodySize: "--max-body-size",
  readBufferSize: "--read-buffer-size",
  enableAppHealthCheck: "--enable-app-health-check",
  appHealthCheckPath: "--app-health-check-path",
  appHealthProbeInterval: "--app-health-probe-interval",
  appHealthProbeTimeout: "--app-health-probe-timeout",
  appHealthThreshold: "--app-health-threshold",
  enableApiLogging: "--enable-api-logging",
} as const satisfies Partial<Record<keyof RunApp, string>>;

/** The arguments with which `dapr run -f` starts the app's daprd, in a fixed order. */
export function daprdArguments(app: RunApp): string[] {
  return (Object.keys(flags) as (keyof typeof flags)[]).flatMap((key) => {
    const value = app[key];
    if (value === undefined || value === false) return [];
    if (value === true) return [flags[key]];
    return Array.isArray(value) ? value.flatMap((one) => [flags[key], one]) : [flags[key], String(value)];
  });
}

/** What `dapr run -f` adds to the environment of the app's command; its daprd gets nothing of it. */
export function appEnvironment(app: RunApp): Record<string, string> {
  const own = {
    APP_ID: app.appID,
    APP_CHANNEL_ADDRESS: app.appChannelAddress,
    APP_PORT: app.appPort,
    APP_PROTOCOL: app.appProtocol ?? "http",
    DAPR_HTTP_PORT: app.daprHTTPPort,
    DAPR_GRPC_PORT: app.daprGRPCPort,
    DAPR_METRICS_PORT: app.metricsPort,
  };
  const named = Object.entries(own).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const]));
  return { ...Object.fromEntries(named), ...app.env };
}
