// Whole processes: what they load, and that they end whatever has become of the collector.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { Collector } from "./otlp.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "strata-telemetry-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** For tests that start several processes one after another, on a machine that has other things to do. */
vi.setConfig({ testTimeout: 180_000 });

/** Prints what is loaded of OpenTelemetry. */
const spy = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({ load(url, context, next) {
    const [, name] = /node_modules\\/@opentelemetry\\/([a-z0-9-]+)\\//.exec(url) ?? [];
    if (name !== undefined) process.stderr.write("loaded " + name + "\\n");
    return next(url, context);
  } });
`)}`;

async function run(args: readonly string[], env: Record<string, string>): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, args, { cwd: root, env: { PATH: process.env.PATH, ...env }, stdio: "pipe" });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    // Ready: it has turns behind it by now, those of its samples.
    if (out.startsWith('{"url"')) child.kill("SIGTERM");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

const loadedBy = async (env: Record<string, string>): Promise<Set<string>> => {
  const { code, err } = await run(["--import", spy, "services/start/main.ts", "--help"], env);
  expect(code, err).toBe(0);
  return new Set([...err.matchAll(/^loaded (.+)$/gm)].map(([, name = ""]) => name));
};

test("without an endpoint nothing of OpenTelemetry is loaded but its API, and the SDK with one", async () => {
  expect(await loadedBy({})).toEqual(new Set(["api"]));
  expect(await loadedBy({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_SDK_DISABLED: "true" })).toEqual(new Set(["api"]));
  expect(await loadedBy({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://127.0.0.1:1" })).toContain("sdk-node");
});

const serve = (name: string, env: Record<string, string>) =>
  run(["services/start/main.ts", "--json", "--port", "0", "--data", join(folder, name)], env);

test("a collector that is not there keeps no turn from being answered and no process from ending, and is not worth a word", async () => {
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const address = gone.address();
  const port = typeof address === "object" ? address?.port : 0;
  await new Promise((closed) => gone.close(closed));
  const { code, out, err } = await serve("gone", { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(/^\{"url":.*\}\n$/);
});

test.each(["http/protobuf", "grpc"])("neither does one that takes everything by %s and answers nothing", async (protocol) => {
  const taken: string[] = [];
  const silent = createServer((socket) => {
    socket.on("data", () => taken.push("something")).on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const { code, out, err } = await serve(`silent-${protocol.length}`, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
  });
  silent.close();
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(/^\{"url":.*\}\n$/);
  expect(taken.length).toBeGreaterThan(0);
});

test("a process that ends sends what it still holds, under the operator's name where there is one", async () => {
  const collector = await Collector.start();
  onTestFinished(() => collector[Symbol.asyncDispose]());
  const { code } = await serve("sent", {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: "desk",
    OTEL_TRACES_SAMPLER: "always_on",
    // On a busy machine a context would be looked after before the process ends, which is a span too.
    STRATA_TEND_MS: "900000",
  });
  expect(code).toBe(0);
  expect(new Set(collector.spans.map(({ service, name }) => `${service}: ${name}`))).toEqual(
    new Set(["desk: Tenant turn", "desk: Context turn", "desk: group commit"]),
  );
  expect(collector.metrics.filter(({ name }) => name === "strata.commits").at(-1)?.points[0]?.value).toBeGreaterThan(20);
});

test("a signal that has no endpoint is not sent, and not shown either", async () => {
  const collector = await Collector.start();
  onTestFinished(() => collector[Symbol.asyncDispose]());
  const metrics = await serve("metrics", {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${collector.url}/v1/metrics`,
    OTEL_TRACES_EXPORTER: "console",
  });
  expect(metrics.code).toBe(0);
  expect(metrics.out).toMatch(/^\{"url":.*\}\n$/);
  expect(collector.spans).toEqual([]);
  const sent = collector.metrics.length;
  expect(sent).toBeGreaterThan(0);
  const traces = await serve("traces", {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    OTEL_METRICS_EXPORTER: "console",
  });
  expect(traces.code).toBe(0);
  expect(traces.out).toMatch(/^\{"url":.*\}\n$/);
  expect(collector.spans.length).toBeGreaterThan(0);
  expect(collector.metrics.length).toBe(sent);
});
