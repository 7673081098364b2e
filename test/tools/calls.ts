// How the tests of the plumbing call a sidecar, over HTTP and over gRPC.
import { connect } from "node:http2";
import { z } from "zod";
import { until } from "../../tools/run/polling.ts";
import type { TemporaryCluster } from "./live.ts";

const CALL_MS = 20_000;
const AGAIN_MS = 30_000;

/** What the stand-in application answers. */
export const Told = z.object({
  pid: z.int(),
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  told: z.unknown(),
});

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export async function call(url: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { "content-type": "application/json", ...init.headers };
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(CALL_MS), ...init, headers });
  return { status: response.status, text: await response.text() };
}

export const put = (url: string, path: string, body: unknown = {}): Promise<Answer> =>
  call(url, path, { method: "PUT", body: JSON.stringify(body) });

export const turn = (url: string, context = "main.a"): Promise<Answer> =>
  put(url, `/v1.0/actors/Context/${context}/method/append`, { text: "hello" });

/** Calls until a call passes; returns the process that answered. */
export function servedBy(url: string, context?: string): Promise<number> {
  return until("a turn passes", AGAIN_MS, async () => {
    const { status, text } = await turn(url, context);
    return status === 200 ? Told.parse(JSON.parse(text)).pid : undefined;
  });
}

/** As the host calls its own sidecar. */
export function asHost(cluster: TemporaryCluster): (method: string, path: string, body?: unknown) => Promise<Answer> {
  const url = cluster.hosts[0]?.sidecar.url ?? "";
  const headers = { "dapr-api-token": cluster.secrets.daprApiToken };
  return (method, path, body) => call(url, path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

/** The status of a gRPC call with an empty message: 12 is "unimplemented", which is how daprd answers what its configuration does not allow. */
export async function grpcStatus(
  port: number | undefined,
  method: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise<string>((resolve, reject) => {
      session.once("error", reject);
      const path = `/dapr.proto.runtime.v1.Dapr/${method}`;
      const request = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
      const take = (fields: Readonly<Record<string, unknown>>): void => {
        if (fields["grpc-status"] !== undefined) resolve(String(fields["grpc-status"]));
      };
      request.once("response", take);
      request.once("trailers", take);
      request.once("error", reject);
      request.once("close", () => reject(new Error(`${method}: no status`)));
      request.resume();
      // Not compressed, no bytes.
      request.end(Buffer.alloc(5));
    });
  } finally {
    session.destroy();
  }
}
