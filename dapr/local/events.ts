// CloudEvents 1.0 as daprd makes and reads them.

import type { Die } from "../../actors/ports.ts";
import { goDuration, longestGoMs } from "./durations.ts";
import { GoJsonError, isObject, member, parsePrecisely, TooMuchJson, writeGoJson } from "./go-json.ts";
import { seconds } from "./state.ts";
import { uuid } from "./uuid.ts";

export type Published = {
  readonly source: string;
  readonly pubsub: string;
  readonly topic: string;
  /** As the publisher's content-type header says; empty where it said nothing. */
  readonly contentType: string;
  readonly data: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  readonly traceparent: string;
  readonly tracestate: string;
  /** ms since the epoch */
  readonly now: number;
};

const is = (contentType: string, expected: string): boolean => contentType.toLowerCase().split(";")[0] === expected;
export const isJson = (type: string): boolean => is(type, "application/json");
export const isBinary = (type: string): boolean => is(type, "application/octet-stream");
export const isCloudEvent = (type: string): boolean => is(type, "application/cloudevents+json");
export const isText = (type: string): boolean => type.toLowerCase().startsWith("text/") || is(type, "application/xml");

/** The envelope's text. Throws GoJsonError when what claims to be a CloudEvent is no JSON object. */
export function envelope(published: Published, die: Die): string {
  const event = isCloudEvent(published.contentType) ? completed(published) : wrapped(published, die);
  const ttlMs = timeToLive(published.metadata);
  if (ttlMs !== undefined) event.expiration = seconds(published.now + ttlMs);
  return writeGoJson(event);
}

function wrapped(published: Published, die: Die): Record<string, unknown> {
  const { contentType, data, metadata, now } = published;
  const override = (name: string): string => String(member(metadata, `cloudevent.${name}`) ?? "");
  const trace = override("traceparent") || override("traceid") || published.traceparent;
  const type = contentType === "" ? "text/plain" : contentType;
  const event: Record<string, unknown> = {
    id: override("id") || uuid(die),
    specversion: "1.0",
    datacontenttype: type,
    source: override("source") || published.source,
    type: override("type") || "com.dapr.event.sent",
    topic: published.topic,
    pubsubname: published.pubsub,
    traceid: trace,
    traceparent: trace,
    tracestate: override("tracestate") || published.tracestate,
    time: seconds(now),
  };
  if (isBinary(type) || is(type, "application/cloudevents+protobuf")) event.data_base64 = data.toString("base64");
  else event.data = isJson(type) ? jsonOrText(data) : data.toString("utf8");
  const subject = override("subject");
  if (subject !== "") event.subject = subject;
  return event;
}

/** What calls itself JSON and is none travels as text. */
function jsonOrText(data: Buffer): unknown {
  const text = data.toString("utf8");
  try {
    return parsePrecisely(text);
  } catch (reason) {
    if (reason instanceof GoJsonError && !(reason instanceof TooMuchJson)) return text;
    throw reason;
  }
}

function completed(published: Published): Record<string, unknown> {
  const given = parsePrecisely(published.data.toString("utf8"));
  if (!isObject(given)) throw new GoJsonError("json: cannot unmarshal into Go value of type map[string]interface {}");
  const event: Record<string, unknown> = { ...given };
  event.time ??= seconds(published.now);
  if (!Object.hasOwn(event, "traceid")) {
    event.traceid = published.traceparent;
    event.traceparent = published.traceparent;
  }
  if (!Object.hasOwn(event, "tracestate")) event.tracestate = published.tracestate;
  event.topic = published.topic;
  event.pubsubname = published.pubsub;
  event.source ??= "Dapr";
  event.type ??= "com.dapr.event.sent";
  event.specversion ??= "1.0";
  return event;
}

/** The envelope that a subscriber with `rawPayload` gets around bytes that were published without one. */
export function aroundRaw(data: Uint8Array, pubsub: string, topic: string, die: Die): string {
  return writeGoJson({
    id: uuid(die),
    specversion: "1.0",
    datacontenttype: "application/octet-stream",
    source: "Dapr",
    type: "com.dapr.event.sent",
    topic,
    pubsubname: pubsub,
    data_base64: Buffer.from(data).toString("base64"),
  });
}

/** ms; `undefined` where none is given or it is not above zero. */
function timeToLive(metadata: Readonly<Record<string, string>>): number | undefined {
  const given = member(metadata, "ttl") ?? member(metadata, "ttlInSeconds");
  if (typeof given !== "string" || given === "") return undefined;
  const duration = goDuration(given);
  if (duration !== undefined && given !== "0") return Math.max(duration, 0);
  const whole = /^[+-]?\d+$/.test(given) ? Number(given) : 0;
  return whole > 0 ? Math.min(whole * 1_000, longestGoMs) : undefined;
}

/** Throws GoJsonError for a value that is no boolean as Go reads them. */
export function isRaw(metadata: Readonly<Record<string, string>>): boolean {
  const given = metadata.rawPayload ?? "";
  if (["", "0", "f", "F", "false", "FALSE", "False"].includes(given)) return false;
  if (["1", "t", "T", "true", "TRUE", "True"].includes(given)) return true;
  throw new GoJsonError(`rawPayload value must be a valid boolean: actual is '${given}'`);
}

export function hasExpired(event: Readonly<Record<string, unknown>>, now: number): boolean {
  if (typeof event.expiration !== "string") return false;
  const at = Date.parse(event.expiration);
  return !Number.isNaN(at) && at < now;
}
