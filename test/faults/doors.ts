// Ways into the host that are none: what somebody who holds a good grant and can reach a port may try.

import { connect } from "node:http2";
import { request } from "undici";

const PATIENCE_MS = 8_000;

/** What was answered; undefined when nothing was in time, which is what a door that is open and leads to a busy context looks like. */
export type Heard = { readonly status: number; readonly text: string } | undefined;

export interface Knock {
  readonly method?: "PUT" | "POST" | "GET" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

export async function knock(url: string, path: string, { method = "PUT", headers = {}, body = {} }: Knock = {}): Promise<Heard> {
  try {
    const answer = await request(`${url}${path}`, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: answer.statusCode, text: (await answer.body.text()).slice(0, 300) };
  } catch {
    return undefined;
  }
}

/** Service invocation over gRPC: `grpc-status` as the status. 12 is "there is no such method here". */
export function knockByGrpc(url: string, appId: string, method: string, body: object, token: string): Promise<Heard> {
  const session = connect(url);
  return new Promise((resolve) => {
    const end = (heard: Heard): void => {
      clearTimeout(patience);
      session.destroy();
      resolve(heard);
    };
    const patience = setTimeout(() => end(undefined), PATIENCE_MS);
    session.once("error", () => end(undefined));
    const call = session.request({
      ":method": "POST",
      ":path": "/dapr.proto.runtime.v1.Dapr/InvokeService",
      "content-type": "application/grpc",
      te: "trailers",
      "dapr-api-token": token,
    });
    const told = (headers: Readonly<Record<string, unknown>>): void => {
      const status = headers["grpc-status"];
      if (status !== undefined) end({ status: Number(status), text: String(headers["grpc-message"] ?? "") });
    };
    call.once("response", told);
    call.once("trailers", told);
    call.once("error", () => end(undefined));
    call.resume();
    call.end(framed(invokeServiceRequest(appId, method, JSON.stringify(body))));
  });
}

/** As gRPC frames a message: not compressed, its length, itself. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** InvokeServiceRequest {id = 1, message = 3: InvokeRequest {method = 1, data = 2: Any {value = 2}, content_type = 3, http_extension = 4 {verb = 1}}}. */
function invokeServiceRequest(id: string, method: string, body: string): Buffer {
  const PUT = 3;
  const data = field(2, Buffer.from(body));
  const extension = Buffer.from([(1 << 3) | 0, PUT]);
  const message = Buffer.concat([
    field(1, Buffer.from(method)),
    field(2, data),
    field(3, Buffer.from("application/json")),
    field(4, extension),
  ]);
  return Buffer.concat([field(1, Buffer.from(id)), field(3, message)]);
}

/** A length-delimited field of a protocol buffer. */
function field(number: number, value: Buffer): Buffer {
  const length: number[] = [];
  let rest = value.length;
  while (rest > 0x7f) {
    length.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, rest]), value]);
}
