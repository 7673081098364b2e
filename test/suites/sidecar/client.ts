import { Agent, type IncomingHttpHeaders, request } from "node:http";
import type { SidecarApp } from "./app.ts";

/** A sidecar under test, with the app behind it. What is known to differ between kinds and stores is told by these traits alone. */
export type SidecarUnderTest = {
  /** Base URL for callers, who hold no token. */
  readonly callers: string;
  /** Base URL for the host, which sends `hostHeaders`. */
  readonly host: string;
  readonly hostHeaders: Readonly<Record<string, string>>;
  readonly app: SidecarApp;
  readonly kind: "embedded" | "daprd";
  readonly store: "sqlite" | "redis" | "postgres";
  /** Whether the runtime's known dangers are on. On daprd they always are. */
  readonly dangers: boolean;
  /** Ends the sidecar as a crash would, and starts it again on the same data. Resolves when the app is hosted again. */
  restart(): Promise<void>;
  close(): Promise<void>;
};

/** What every sidecar under test is configured with. */
export const configured = {
  hostId: "strata-host",
  callersId: "strata-callers",
  stateStore: "store",
  pubsub: "bus",
  secretStore: "secrets",
  secret: { name: "STRATA_ROOT_KEY", value: "open sesame" },
  hostToken: "token-of-the-host",
  appToken: "token-of-the-app",
  maxBodyBytes: 1024 * 1024,
  /** Topics that callers may publish to. */
  callerTopics: ["open", "events"],
  /** Inbound policy of the bus: two more deliveries after a failed one. */
  retries: 2,
  retryEveryMs: 50,
  /** Deliveries at once. */
  concurrency: 10,
  /** The app's actor types. Those of `Brief` are let go after `briefIdleMs` without a turn. */
  actorTypes: ["Actor", "Brief"],
  briefIdleMs: 1_000,
} as const;

export type Heeded = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body's errorCode, where it has one. */
  readonly code: string | undefined;
};

export type Sent = {
  readonly verb?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
};

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** One request, its path sent as it stands: URL parsers would tidy what these tests are about. */
export function send(base: string, path: string, sent: Sent = {}): Promise<Heeded> {
  const { hostname, port } = new URL(base);
  const body = sent.body ?? "";
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        hostname,
        port,
        path,
        method: sent.verb ?? (sent.body === undefined ? "GET" : "POST"),
        headers: { ...(sent.body === undefined ? {} : { "content-length": Buffer.byteLength(body) }), ...sent.headers },
        ...(sent.signal === undefined ? {} : { signal: sent.signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, code: codeOf(text) });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function codeOf(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const code = typeof parsed === "object" && parsed !== null && "errorCode" in parsed ? parsed.errorCode : undefined;
    return typeof code === "string" ? code : undefined;
  } catch {
    return undefined;
  }
}

/** Requests of one sidecar's two sides. */
export function clientOf(env: SidecarUnderTest) {
  const callers = (path: string, sent: Sent = {}) => send(env.callers, path, sent);
  const host = (path: string, sent: Sent = {}) => send(env.host, path, { ...sent, headers: { ...env.hostHeaders, ...sent.headers } });
  const json = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
  const state = `/v1.0/state/${configured.stateStore}`;
  return {
    callers,
    host,
    /** A call of an actor, as callers make it. */
    call: (actor: string, method: string, body = "", sent: Sent = {}) =>
      callers(`/v1.0/actors/${actor}/method/${method}`, { body, ...sent }),
    save: (entries: unknown, query = "") => host(`${state}${query}`, { body: json(entries) }),
    transact: (operations: unknown) => host(`${state}/transaction`, { body: json({ operations }) }),
    bulk: (keys: readonly string[]) => host(`${state}/bulk`, { body: json({ keys }) }),
    get: (key: string) => host(`${state}/${encodeURIComponent(key)}`),
    delete: (key: string, headers: Record<string, string> = {}) => host(`${state}/${encodeURIComponent(key)}`, { verb: "DELETE", headers }),
    remind: (actor: string, name: string, asked: unknown) => host(`/v1.0/actors/${actor}/reminders/${name}`, { body: json(asked) }),
    time: (actor: string, name: string, asked: unknown) => host(`/v1.0/actors/${actor}/timers/${name}`, { body: json(asked) }),
    publish: (topic: string, body: string | Buffer, contentType = "text/plain", sent: Sent = {}) =>
      host(`/v1.0/publish/${configured.pubsub}/${topic}`, { body, ...sent, headers: { "content-type": contentType, ...sent.headers } }),
  };
}

/** What every part of the suite works with. The sidecar is opened later than its tests are named, so these are asked for when they run. */
export function sidesOf(env: () => SidecarUnderTest) {
  const on = () => clientOf(env());
  const app = () => env().app;
  /** The value at a key, `undefined` where there is none. */
  const value = async (key: string): Promise<unknown> => {
    const { status, body } = await on().get(key);
    return status === 204 ? undefined : JSON.parse(body);
  };
  return { env, on, app, value };
}
export type Sides = ReturnType<typeof sidesOf>;

let last = 0;
/** A name that no other test uses. */
export const fresh = (what: string): string => `${what}-${process.pid.toString(36)}-${(++last).toString(36)}`;
