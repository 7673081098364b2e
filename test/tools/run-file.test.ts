import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { appEnvironment, daprdArguments, type RunApp, readRunFile } from "../../tools/run/run-file.ts";
import { temporaryFolder } from "./folders.ts";

const root = join(import.meta.dirname, "../..");
const shipped = (): RunApp[] => readRunFile(join(root, "dapr.yaml"));

function written(text: string): string {
  const path = join(temporaryFolder(), "dapr.yaml");
  writeFileSync(path, text);
  return path;
}

test("every key of dapr.yaml belongs to the format of `dapr run -f`", () => {
  expect(shipped().map((app) => app.appID)).toEqual(["strata-host", "strata-callers"]);
});

test.each([
  ["an unknown key", "version: 1\napps: [{appID: a, appDirPath: ., daprHttpPort: 3500}]", /daprHttpPort/],
  [
    "an unknown key in common",
    "version: 1\ncommon: {internalListenAddress: x}\napps: [{appID: a, appDirPath: .}]",
    /internalListenAddress/,
  ],
  ["a key that stands twice", "version: 1\nversion: 1\napps: [{appID: a, appDirPath: .}]", /unique/],
  ["a missing folder", "version: 1\napps: [{appID: a}]", /appDirPath/],
  ["a port out of range", "version: 1\napps: [{appID: a, appDirPath: ., appPort: 70000}]", /appPort/],
  ["a variable that is no text", "version: 1\napps: [{appID: a, appDirPath: ., env: {STRATA_PORT: 3000}}]", /STRATA_PORT/],
  ["another version", "version: 2\napps: [{appID: a, appDirPath: .}]", /version/],
  ["no apps", "version: 1\napps: []", /apps/],
])("a run file with %s is refused, and the place is named", (_, text, place) => {
  expect(() => readRunFile(written(text))).toThrow(place);
});

test("an app's own key wins over common's; its variables are added to common's", () => {
  const [app] = readRunFile(
    written(
      "version: 1\ncommon: {logLevel: warn, maxBodySize: 16Mi, env: {A: '1', B: '1'}}\napps: [{appID: a, appDirPath: ., logLevel: debug, env: {B: '2'}}]",
    ),
  );
  expect(app).toMatchObject({ logLevel: "debug", maxBodySize: "16Mi", env: { A: "1", B: "2" } });
});

test("paths of common are relative to the file, those of an app to its folder", () => {
  const path = written(
    "version: 1\ncommon: {configFilePath: c.yaml}\napps: [{appID: a, appDirPath: sub, resourcesPaths: [r]}, {appID: b, appDirPath: .}]",
  );
  const base = join(path, "..");
  const [a, b] = readRunFile(path);
  expect(a).toMatchObject({ configFilePath: join(base, "c.yaml"), resourcesPaths: [join(base, "sub/r")], appDirPath: join(base, "sub") });
  expect(b?.appDirPath).toBe(base);
});

test("the sidecars are started with the flags that the Dapr CLI makes of the file", () => {
  const [host, callers] = shipped();
  const components = (path: string): string => join(root, "components", path);
  const common = ["--app-protocol", "http", "--dapr-listen-addresses", "127.0.0.1", "--log-level", "warn"];
  const plane = ["--placement-host-address", "127.0.0.1:50005", "--scheduler-host-address", "127.0.0.1:50006", "--max-body-size", "16Mi"];
  expect(host && daprdArguments(host)).toEqual([
    ...["--app-id", "strata-host", "--app-channel-address", "127.0.0.1", "--app-port", "3000"],
    ...["--dapr-http-port", "3501", "--dapr-grpc-port", "3511", "--dapr-internal-grpc-port", "3521", "--metrics-port", "9091"],
    ...["--config", components("config/host.yaml"), "--resources-path", components("shared"), "--resources-path", components("sqlite")],
    ...common,
    ...plane,
    ...["--enable-app-health-check", "--app-health-check-path", "/healthz"],
    ...["--app-health-probe-interval", "1", "--app-health-probe-timeout", "1000", "--app-health-threshold", "3"],
  ]);
  expect(callers && daprdArguments(callers)).toEqual([
    ...["--app-id", "strata-callers"],
    ...["--dapr-http-port", "3500", "--dapr-grpc-port", "3510", "--dapr-internal-grpc-port", "3520", "--metrics-port", "9092"],
    ...["--config", components("config/callers.yaml"), "--resources-path", components("shared")],
    ...common,
    ...plane,
  ]);
});

test("the host is told what `dapr run -f` tells it, and what the file says", () => {
  const [host] = shipped();
  expect(host && appEnvironment(host)).toEqual({
    APP_ID: "strata-host",
    APP_CHANNEL_ADDRESS: "127.0.0.1",
    APP_PORT: "3000",
    APP_PROTOCOL: "http",
    DAPR_HTTP_PORT: "3501",
    DAPR_GRPC_PORT: "3511",
    DAPR_METRICS_PORT: "9091",
    STRATA_HOST: "127.0.0.1",
    STRATA_PORT: "3000",
    STRATA_STATE_STORE: "store",
    STRATA_PUBSUB: "bus",
    STRATA_SECRET_STORE: "secrets",
  });
});

test("the host listens on the port that its sidecar calls, and no two listen on one", () => {
  const [host, callers] = shipped();
  expect(host?.env?.STRATA_PORT).toBe(String(host?.appPort));
  const ports = [host, callers].flatMap((app) => [
    app?.appPort,
    app?.daprHTTPPort,
    app?.daprGRPCPort,
    app?.daprInternalGRPCPort,
    app?.metricsPort,
  ]);
  const set = ports.filter((port) => port !== undefined);
  expect(new Set(set).size).toBe(set.length);
  // Not among the ports that outgoing connections are given, or a restart could find its own taken.
  for (const port of set) expect(port).toBeLessThan(32_768);
});

test("the callers' sidecar has no application, no store and no secrets", () => {
  const [, callers] = shipped();
  expect(callers?.appPort).toBeUndefined();
  expect(callers?.command).toBeUndefined();
  expect(callers?.resourcesPaths).toEqual([join(root, "components/shared")]);
});
