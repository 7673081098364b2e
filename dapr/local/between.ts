// What goes between two sidecars: daprd bounds its message there, which is more than the body, and takes names and headers as UTF-8 alone. Here
// there is one sidecar, and its callers hear what they would hear from one of their own.

import { isUtf8 } from "node:buffer";

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export type CallBetween = {
  readonly type: string;
  readonly id: string;
  readonly method: string;
  readonly query: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
};

/** Why a call does not reach the host's sidecar; undefined where it does. */
export function refusalOfCall({ type, id, method, query, headers, body }: CallBetween, maxBytes: number): string | undefined {
  if (![type, id, method].every((name) => name.isWellFormed()) || !areUtf8(headers)) return notUtf8;
  const http = field(scalar + optional(query.length));
  const message = optional(Buffer.byteLength(method)) + dataAndType(headers, body) + http;
  const actor = field(Buffer.byteLength(type)) + field(Buffer.byteLength(id));
  const size = scalar + field(actor) + field(message) + entries(headers);
  return size > maxBytes ? `${exhausted} trying to send message larger than max (${size} vs. ${maxBytes})` : undefined;
}

/** Why an answer does not reach the callers' sidecar, although the turn has run; undefined where it does. */
export function refusalOfReply({ headers, body }: Pick<CallBetween, "headers" | "body">, maxBytes: number): string | undefined {
  if (!areUtf8(headers)) return notUtf8;
  const size = field(1 + lengthOf(200)) + field(dataAndType(headers, body)) + entries(headers);
  return size > maxBytes ? `${exhausted} grpc: trying to send message larger than max (${size} vs. ${maxBytes})` : undefined;
}

export const notUtf8 = "rpc error: code = Internal desc = grpc: error while marshaling: string field contains invalid UTF-8";
const exhausted = "rpc error: code = ResourceExhausted desc =";

// Sizes as protobuf has them.
/** A field that holds a small number. */
const scalar = 2;
/** Bytes of a number: seven bits in each. */
const lengthOf = (value: number): number => (value < 2 ** 7 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 21 ? 3 : value < 2 ** 28 ? 4 : 5);
/** A field that holds `bytes` bytes. */
const field = (bytes: number): number => 1 + lengthOf(bytes) + bytes;
const optional = (bytes: number): number => (bytes === 0 ? 0 : field(bytes));

function dataAndType(headers: Headers, body: Uint8Array): number {
  return field(optional(body.length)) + optional(valuesOf(headers["content-type"]).join().length);
}

function entries(headers: Headers): number {
  let size = 0;
  for (const name in headers) {
    const values = valuesOf(headers[name]);
    if (values.length > 0) size += field(field(name.length) + field(values.reduce((sum, value) => sum + field(value.length), 0)));
  }
  return size;
}

/** Headers come as one character for each byte. */
function areUtf8(headers: Headers): boolean {
  for (const name in headers)
    for (const value of valuesOf(headers[name])) if (/[\x80-\xff]/.test(value) && !isUtf8(Buffer.from(value, "latin1"))) return false;
  return true;
}

const valuesOf = (value: Headers[string]): readonly string[] => (typeof value === "string" ? [value] : (value ?? []));
