// Raw HTTP: at the host's own port, and at the embedded sidecar's.

import { createServer, type Server } from "node:http";
import fc from "fast-check";
import { type LocalSidecar, startLocalSidecar } from "../../../dapr/local.ts";
import { type MemoryInstallation, openInMemory } from "../../contract/memory-installation.ts";
import { speak } from "../../suites/bad-input/doors.ts";
import type { Door } from "../../suites/installation.ts";
import { CONTEXT, grantOf, TENANT } from "../calls.ts";
import { entry, must } from "../entry.ts";
import { type Cut, cut, cuts } from "../mutations.ts";
import { MARK, oddJson, oddText } from "../texts.ts";

type Request = {
  readonly verb: string;
  readonly path: string;
  readonly headers: [name: string, value: string][];
  readonly body: string;
  readonly framed: "length" | "chunked" | "wrong" | "none";
  readonly token: boolean;
  /** To the host's door of the embedded sidecar, not the callers'; a host has one. */
  readonly toHost: boolean;
  readonly cuts: Cut[];
};

const verb = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("PUT", "POST") },
  { weight: 2, arbitrary: fc.constantFrom("GET", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE") },
  oddText,
);
const header = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      "content-type",
      "content-length",
      "transfer-encoding",
      "connection",
      "expect",
      "upgrade",
      "dapr-api-call",
      "dapr-api-token",
      "traceparent",
      "if-match",
      "host",
    ),
    oddText,
  ),
  fc.oneof(fc.constantFrom("chunked", "close", "keep-alive", "100-continue", "0", "-1", "5", "gzip", "x".repeat(9_000)), oddText),
);
const frame = fc.constantFrom<Request["framed"]>("length", "length", "length", "chunked", "wrong", "none");

const requests = (path: fc.Arbitrary<string>, body: fc.Arbitrary<string>): fc.Arbitrary<Request> =>
  fc.record({
    verb,
    path,
    headers: fc.array(header, { maxLength: 3 }),
    body,
    framed: frame,
    token: fc.constantFrom(true, true, true, false),
    toHost: fc.constantFrom(true, true, false),
    cuts,
  });

function bytesOf(door: Door, { verb, path, headers, body, framed, token, cuts }: Request): Buffer {
  const length = {
    length: `content-length: ${Buffer.byteLength(body)}`,
    chunked: "transfer-encoding: chunked",
    wrong: "content-length: 3",
    none: "x: y",
  }[framed];
  const own = token ? Object.entries(door.headers) : [];
  const lines = [...own, ...headers].map(([name, value]) => `${name}: ${value}`);
  const text = framed === "chunked" ? `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
  return cut(Buffer.from(`${[`${verb} ${path} HTTP/1.1`, "host: fuzz", length, ...lines].join("\r\n")}\r\n\r\n${text}`), cuts);
}

/** Opened with the first case, closed with the last. */
function lazily<T>(open: () => Promise<T>, shut: (opened: T) => Promise<void>) {
  let opened: Promise<T> | undefined;
  return {
    get: (): Promise<T> => (opened ??= open()),
    close: async (): Promise<void> => {
      const last = opened;
      opened = undefined;
      if (last !== undefined) await shut(await last);
    },
  };
}

const memory = lazily(
  () => openInMemory({ patience: { headersMs: 1_000, requestMs: 2_000 } }),
  async (installation: MemoryInstallation) => installation[Symbol.asyncDispose](),
);

const hostPaths = [
  "/healthz",
  "/readyz",
  "/dapr/config",
  "/dapr/subscribe",
  `/actors/Context/${CONTEXT}/method/read`,
  `/actors/Context/${CONTEXT}`,
  `/actors/Tenant/${TENANT}/method/list`,
  `/actors/Context/${CONTEXT}/method/remind/tend`,
  `/actors/Context/${CONTEXT}/method/timer/x`,
  "/actors/Nope/x/method/y",
  "/",
  "*",
  "http://elsewhere/healthz",
];

export const hostWire = entry<Request>({
  name: "host-wire",
  what: "raw HTTP at the host's port: an answer or a closed connection, never a failure inside",
  cases: 900,
  arbitrary: requests(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...hostPaths) },
      oddText.map((odd) => `/actors/Context/${odd}/method/read`),
    ),
    fc.oneof(oddJson, fc.constant(`{"grant":"${MARK}"}`)),
  ),
  check: async (one) => {
    const installation = await memory.get();
    const logged = (await installation.log()).length;
    const body = one.body.replace(MARK, () => grantOf(installation.keyring));
    const { status, text } = await speak(installation.host, [bytesOf(installation.host, { ...one, body })], true);
    must(status === 0 || (status >= 200 && status < 500) || status === 501 || status === 503, `answered ${status}: ${text.slice(-300)}`);
    const log = (await installation.log()).slice(logged);
    must(!log.includes('"level":"error"'), `it is logged as a failure: ${log}`);
    must(!log.includes(MARK) && !text.includes(MARK), "it shows what it was sent");
  },
  close: memory.close,
});

type Local = { readonly sidecar: LocalSidecar; readonly app: Server; readonly problems: string[] };
const HOST_TOKEN = "token-of-the-host";

const local = lazily<Local>(
  async () => {
    const app = createServer((request, response) => {
      request.resume();
      const known: Readonly<Record<string, string>> = { "/dapr/config": '{"entities":["Context"]}', "/dapr/subscribe": "[]" };
      response.writeHead(200, { "content-type": "application/json" }).end(known[request.url ?? ""] ?? "{}");
    });
    await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
    const address = app.address();
    const problems: string[] = [];
    const sidecar = await startLocalSidecar({
      appId: "host",
      appPort: typeof address === "object" && address !== null ? address.port : 0,
      port: 0,
      dataFile: ":memory:",
      hostToken: HOST_TOKEN,
      components: {
        stateStores: ["store"],
        pubsubs: [{ name: "bus", callerTopics: ["open"] }],
        secretStores: [{ name: "secrets", read: (key) => (key === "KEY" ? "secret" : undefined) }],
      },
      onProblem: (what, cause) => problems.push(`${what}: ${cause instanceof Error ? (cause.stack ?? "") : String(cause)}`),
    });
    await sidecar.ready();
    return { sidecar, app, problems };
  },
  async ({ sidecar, app }) => {
    await sidecar.close(10);
    app.closeAllConnections();
    await new Promise<void>((resolve) => app.close(() => resolve()));
  },
);

const rows = `[{"key":"k","value":"${MARK}","etag":"1","options":{"concurrency":"first-write","consistency":"strong"},"metadata":{"ttlInSeconds":"5"}}]`;
const bodies = [
  rows,
  rows.slice(1, -1),
  `{"operations":[{"operation":"upsert","request":{"key":"k","value":1}},{"operation":"delete","request":{"key":"k"}}]}`,
  '{"keys":["k","k","l"],"parallelism":3}',
  '{"dueTime":"1h","period":"R5/PT10S","ttl":"2026-01-01T00:00:00Z","data":{"a":1},"callback":"c"}',
  '[{"entryId":"1","event":{"specversion":"1.0","id":"1","source":"s","type":"t","data":1},"contentType":"application/cloudevents+json"}]',
];
const sidecarPaths = [
  "/v1.0/state/store",
  "/v1.0/state/store/k",
  "/v1.0/state/store/bulk",
  "/v1.0/state/store/transaction",
  "/v1.0/state/none/k",
  "/v1.0/actors/Context/a.b/method/m",
  "/v1.0/actors/Context/a.b/reminders/r",
  "/v1.0/actors/Context/a.b/timers/t",
  "/v1.0/publish/bus/open",
  "/v1.0-alpha1/publish/bulk/bus/open",
  "/v1.0/secrets/secrets/KEY",
  "/v1.0/metadata",
  "/v1.0/healthz",
  "/v1.0/healthz/outbound",
  "/v1.0/state/store/k?metadata.ttlInSeconds=1&concurrency=first-write",
];
/** As it can stand in a request's line: what is not visible ASCII is escaped. */
const inPath = (text: string): string => text.toWellFormed().replace(/[^!-~]/gu, encodeURIComponent);

export const sidecarWire = entry<Request>({
  name: "sidecar-wire",
  what: "raw HTTP at the embedded sidecar: an answer or a closed connection, never a failure inside",
  cases: 1_500,
  arbitrary: requests(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...sidecarPaths) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom("/v1.0/state/store/", "/v1.0/actors/Context/", "/v1.0/publish/bus/", "/"), oddText)
          .map(([start, odd]) => start + inPath(odd)),
      },
      { weight: 1, arbitrary: oddText.map((odd) => `/v1.0/actors/Context/a.b/method/${inPath(odd)}`) },
    ),
    fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...bodies) }, { weight: 1, arbitrary: oddJson }),
  ),
  check: async (one) => {
    const { sidecar, problems } = await local.get();
    problems.length = 0;
    // The token opens one door, and is none at the other.
    const door = { url: one.toHost ? sidecar.host.url : sidecar.url, headers: { "dapr-api-token": HOST_TOKEN } };
    const { status, text } = await speak(door, [bytesOf(door, one)], true);
    must(status === 0 || (status >= 200 && status < 600), `answered ${status}`);
    must(problems.length === 0, `it failed inside: ${problems.join("\n").slice(0, 1_000)}`);
    must(!/internal error|\.ts:\d+/.test(text), `it failed inside: ${text.slice(-300)}`);
  },
  close: local.close,
});
