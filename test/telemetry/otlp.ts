// What exporters send, read without their library: OTLP's protobuf, the few fields of it that tests look at.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

/** Fields by number. Each may be repeated; numbers are as they stand on the wire. */
type Message = ReadonlyMap<number, readonly Field[]>;
type Field = bigint | Buffer;

/** Throws where the bytes are no protobuf. */
function readMessage(bytes: Buffer): Message {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("protobuf: it ends in the middle");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new Error("protobuf: it ends in the middle");
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const field = readField(tag & 7, varint, take);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), field]);
  }
  return fields;
}

function readField(type: number, varint: () => bigint, take: (count: number) => Buffer): Field {
  if (type === 0) return varint();
  if (type === 1) return take(8);
  if (type === 2) return take(Number(varint()));
  if (type === 5) return take(4);
  throw new Error(`protobuf: there is no wire type ${type}`);
}

const buffers = (message: Message, field: number): Buffer[] => (message.get(field) ?? []).filter((value) => typeof value !== "bigint");
const inner = (message: Message, field: number): Message[] => buffers(message, field).map(readMessage);
const text = (message: Message, field: number): string => buffers(message, field)[0]?.toString() ?? "";
const hex = (message: Message, field: number): string => buffers(message, field)[0]?.toString("hex") ?? "";
const number = (message: Message, field: number): number => {
  const value = message.get(field)?.[0];
  if (value === undefined) return 0;
  return typeof value === "bigint" ? Number(value) : value.length === 8 ? value.readDoubleLE() : value.readFloatLE();
};
const fixed = (message: Message, field: number): number => Number(buffers(message, field)[0]?.readBigUInt64LE() ?? 0n);

export type Attributes = Readonly<Record<string, string | number>>;

/** KeyValue: key 1, value 2; AnyValue: string 1, bool 2, int 3, double 4. Other kinds are left out. */
function attributesOf(message: Message, field: number): Attributes {
  return Object.fromEntries(
    inner(message, field).flatMap((pair) => {
      const [value] = inner(pair, 2);
      if (value === undefined) return [];
      const plain = value.has(1) ? text(value, 1) : [2, 3, 4].filter((kind) => value.has(kind)).map((kind) => number(value, kind))[0];
      return plain === undefined ? [] : [[text(pair, 1), plain] as const];
    }),
  );
}

export type ReadSpan = {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
};

export type ReadMetric = {
  readonly service: string;
  /** Which of the processes of that service. */
  readonly instance: string;
  readonly name: string;
  readonly unit: string;
  readonly points: readonly { readonly attributes: Attributes; readonly value: number; readonly count: number }[];
};

/** ExportTraceServiceRequest. */
export function readSpans(body: Buffer): ReadSpan[] {
  return inner(readMessage(body), 1).flatMap((resourceSpans) => {
    const service = resourceOf(resourceSpans, "service.name");
    const spans = inner(resourceSpans, 2).flatMap((scope) => inner(scope, 2));
    return spans.map((span) => ({
      service,
      traceId: hex(span, 1),
      spanId: hex(span, 2),
      parentId: hex(span, 4),
      name: text(span, 5),
      kind: number(span, 6),
      attributes: attributesOf(span, 9),
      links: inner(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
      status: number(inner(span, 15)[0] ?? new Map(), 3),
    }));
  });
}

/** ExportMetricsServiceRequest: a sum's points are numbers, a histogram's have a count and a sum. */
export function readMetrics(body: Buffer): ReadMetric[] {
  return inner(readMessage(body), 1).flatMap((resourceMetrics) => {
    const service = resourceOf(resourceMetrics, "service.name");
    const instance = resourceOf(resourceMetrics, "service.instance.id");
    const metrics = inner(resourceMetrics, 2).flatMap((scope) => inner(scope, 2));
    return metrics.map((metric) => {
      const sums = [...inner(metric, 5), ...inner(metric, 7)].flatMap((data) => inner(data, 1));
      const histograms = inner(metric, 9).flatMap((data) => inner(data, 1));
      const points = [
        ...sums.map((point) => ({
          attributes: attributesOf(point, 7),
          value: point.has(4) ? number(point, 4) : fixed(point, 6),
          count: 1,
        })),
        ...histograms.map((point) => ({ attributes: attributesOf(point, 9), value: number(point, 5), count: fixed(point, 4) })),
      ];
      return { service, instance, name: text(metric, 1), unit: text(metric, 3), points };
    });
  });
}

const resourceOf = (message: Message, attribute: string): string =>
  String(attributesOf(inner(message, 1)[0] ?? new Map(), 1)[attribute] ?? "");

/** A collector that keeps what it was sent. */
export class Collector {
  readonly spans: ReadSpan[] = [];
  /** The latest of each name, service and instance counts; they are cumulative. */
  readonly metrics: ReadMetric[] = [];
  /** Everything that was sent, as it came but unpacked. */
  readonly bodies: Buffer[] = [];
  /** "silent": takes everything and answers nothing. */
  mode: "answering" | "silent" = "answering";
  /** Requests that were read whole. */
  requests = 0;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((ready) => collector.#server.listen(0, "127.0.0.1", ready));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const sent = Buffer.concat(chunks);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
    this.bodies.push(body);
    this.requests++;
    if (request.url === "/v1/traces") this.spans.push(...readSpans(body));
    if (request.url === "/v1/metrics") this.metrics.push(...readMetrics(body));
    if (this.mode === "answering") response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}
