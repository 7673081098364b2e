import type { Clock, Die } from "../../actors/ports.ts";
import { limits } from "../../protocol/limits.ts";
import { type Answer, BodyTooLarge, errorInfo, nothing, Refused, refusedWith, resourceInfo } from "./answers.ts";
import type { Delivery } from "./delivery.ts";
import { envelope, isBinary, isCloudEvent, isJson, isRaw, isText } from "./events.ts";
import { GoJsonError, isObject, member, parsePrecisely, writeGoJson } from "./go-json.ts";
import { type NewMessage, type Queue, QueueFull } from "./queue.ts";
import type { Call, Route } from "./server.ts";
import { queryMetadata } from "./state.ts";

export class PubSub {
  /** Component names, each with the topics that callers may publish to; `undefined` is all of them. */
  readonly #components: ReadonlyMap<string, ReadonlySet<string> | undefined>;
  readonly #ids: { readonly host: string; readonly callers: string };
  readonly #queue: Queue;
  readonly #delivery: Delivery;
  readonly #clock: Clock;
  readonly #die: Die;

  constructor(options: {
    components: ReadonlyMap<string, ReadonlySet<string> | undefined>;
    ids: { host: string; callers: string };
    queue: Queue;
    delivery: Delivery;
    clock: Clock;
    die: Die;
  }) {
    this.#components = options.components;
    this.#ids = options.ids;
    this.#queue = options.queue;
    this.#delivery = options.delivery;
    this.#clock = options.clock;
    this.#die = options.die;
  }

  get routes(): readonly Route[] {
    const { message } = new BodyTooLarge();
    const tooLarge = ([pubsub = "", topic = ""]: readonly string[]) => failed(pubsub, topic, message);
    const inBulk = ([pubsub = "", topic = ""]: readonly string[]) => unreadable(pubsub, topic, message, this.#ids.host);
    const verbs = ["POST", "PUT"];
    return [
      { verbs, pattern: "/v1.0/publish/bulk/{}/*", for: "callers", tooLarge: inBulk, handle: (call) => this.#bulk(call) },
      { verbs, pattern: "/v1.0-alpha1/publish/bulk/{}/*", for: "callers", tooLarge: inBulk, handle: (call) => this.#bulk(call) },
      { verbs, pattern: "/v1.0/publish/{}/*", for: "callers", tooLarge, handle: (call) => this.#publish(call) },
    ];
  }

  async #publish(call: Call): Promise<Answer> {
    const [pubsub, topic, metadata, raw] = this.#target(call);
    const message = this.#message(call, pubsub, topic, metadata, raw, call.headers["content-type"] ?? "", call.body);
    this.#checkTopic(call, pubsub, topic);
    return await this.#put(pubsub, topic, [message]);
  }

  async #bulk(call: Call): Promise<Answer> {
    const [pubsub, topic, common, raw] = this.#target(call);
    const entries = this.#entries(call, pubsub, topic);
    // Each message bears what is common to all: a short request must not become a long one many times.
    const names = Object.keys(common).length * entries.length;
    if (names > limits.sidecar_json_values)
      throw new Refused(unreadable(pubsub, topic, `more than ${limits.sidecar_json_values} values`, this.#source(call)));
    const messages = entries.map((entry) =>
      this.#message(call, pubsub, topic, { ...common, ...entry.metadata }, raw, entry.contentType, entry.data),
    );
    this.#checkTopic(call, pubsub, topic);
    return messages.length === 0 ? nothing : await this.#put(pubsub, topic, messages);
  }

  async #put(pubsub: string, topic: string, messages: readonly NewMessage[]): Promise<Answer> {
    try {
      await this.#queue.put({ pubsub, topic }, messages);
    } catch (reason) {
      if (reason instanceof QueueFull) return failed(pubsub, topic, reason.message);
      throw reason;
    }
    this.#delivery.lookSoon();
    return nothing;
  }

  #target(call: Call): [pubsub: string, topic: string, metadata: Record<string, string>, raw: boolean] {
    const [pubsub = "", raw = ""] = call.params;
    // Whoever subscribes names a topic in JSON, where there is no other form of it.
    const topic = raw.toWellFormed();
    const metadata = queryMetadata(call.query);
    if (!this.#components.has(pubsub))
      throw new Refused(
        refusedWith(404, "ERR_PUBSUB_NOT_FOUND", `pubsub ${pubsub} is not found`, [errorInfo("DAPR_PUBSUB_NOT_FOUND", metadata)]),
      );
    try {
      return [pubsub, topic, metadata, isRaw(metadata)];
    } catch (reason) {
      if (!(reason instanceof GoJsonError)) throw reason;
      const message = `failed deserializing metadata. Error: ${reason.message}`;
      throw new Refused(refuse(400, "ERR_PUBSUB_REQUEST_METADATA", "DAPR_PUBSUB_METADATA_DESERIALIZATION", pubsub, message, metadata));
    }
  }

  #checkTopic(call: Call, pubsub: string, topic: string): void {
    const allowed = this.#components.get(pubsub);
    if (call.host || allowed === undefined || allowed.has(topic)) return;
    const message = `topic ${topic} is not allowed for app id ${this.#ids.callers}`;
    throw new Refused(refuse(403, "ERR_PUBSUB_FORBIDDEN", "DAPR_PUBSUB_FORBIDDEN", pubsub, message, { error: message, topic }));
  }

  #message(
    call: Call,
    pubsub: string,
    topic: string,
    metadata: Readonly<Record<string, string>>,
    raw: boolean,
    contentType: string,
    data: Buffer,
  ): NewMessage {
    if (raw) return { pubsub, topic, data, metadata };
    const source = this.#source(call);
    const header = (name: string): string => String(call.headers[name] ?? "");
    const traces = { traceparent: header("traceparent"), tracestate: header("tracestate") };
    try {
      const text = envelope({ source, pubsub, topic, contentType, data, metadata, ...traces, now: this.#clock.now() }, this.#die);
      return { pubsub, topic, data: Buffer.from(text), metadata };
    } catch (reason) {
      if (!(reason instanceof GoJsonError)) throw reason;
      const details = { appID: source, error: reason.message };
      throw new Refused(
        refuse(500, "ERR_PUBSUB_CLOUD_EVENTS_SER", "DAPR_PUBSUB_CLOUD_EVENT_CREATION", pubsub, "cannot create cloudevent", details),
      );
    }
  }

  #source(call: Call): string {
    return call.host ? this.#ids.host : this.#ids.callers;
  }

  #entries(call: Call, pubsub: string, topic: string): { data: Buffer; contentType: string; metadata: Record<string, string> }[] {
    const appID = this.#source(call);
    const seen = new Set<string>();
    return readEntries(call.body, (error) => new Refused(unreadable(pubsub, topic, error, appID))).map(
      ({ entryId, event, contentType, metadata }) => {
        const data = eventBytes(event, contentType);
        if (data === undefined) {
          const error = "error: mismatch between contentType and event";
          const message = `error when marshalling cloud event envelope for topic ${topic} pubsub ${pubsub}: ${error}`;
          throw new Refused(refuse(400, "ERR_PUBSUB_EVENTS_SER", "DAPR_PUBSUB_MARSHAL_ENVELOPE", pubsub, message, { appID, error }));
        }
        if (entryId === "" || seen.has(entryId)) {
          const error = "entryId is duplicated or not present for entry";
          const message = `error marshaling events to bytes for topic ${topic} pubsub ${pubsub}. error: ${error}`;
          throw new Refused(refuse(400, "ERR_PUBSUB_EVENTS_SER", "DAPR_PUBSUB_MARSHAL_EVENTS", pubsub, message, { appID, error }));
        }
        seen.add(entryId);
        return { data, contentType, metadata };
      },
    );
  }
}

type Entry = { entryId: string; event: unknown; contentType: string; metadata: Record<string, string> };

function readEntries(body: Buffer, refusal: (error: string) => Refused): Entry[] {
  try {
    const list = parsePrecisely(body.toString("utf8")) ?? [];
    if (!Array.isArray(list)) throw new GoJsonError("json: cannot unmarshal into Go value of type []http.bulkPublishMessageEntry");
    return list.map((one: unknown) => {
      if (!isObject(one)) throw new GoJsonError("json: cannot unmarshal into Go value of type http.bulkPublishMessageEntry");
      const string = (value: unknown): string => {
        if (value !== undefined && value !== null && typeof value !== "string")
          throw new GoJsonError("json: cannot unmarshal into a string");
        return value ?? "";
      };
      const metadata = member(one, "metadata") ?? {};
      if (!isObject(metadata)) throw new GoJsonError("json: cannot unmarshal into map[string]string");
      return {
        entryId: string(member(one, "entryId")),
        event: member(one, "event"),
        contentType: string(member(one, "contentType")),
        metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, string(value)])),
      };
    });
  } catch (reason) {
    if (reason instanceof GoJsonError) throw refusal(reason.message);
    throw reason;
  }
}

function eventBytes(event: unknown, contentType: string): Buffer | undefined {
  if (isBinary(contentType)) return typeof event === "string" ? Buffer.from(event, "base64") : undefined;
  if (isText(contentType)) return typeof event === "string" ? Buffer.from(event) : undefined;
  if (isJson(contentType) || isCloudEvent(contentType)) return Buffer.from(writeGoJson(event));
  return undefined;
}

function refuse(
  status: number,
  code: string,
  reason: string,
  pubsub: string,
  message: string,
  metadata: Readonly<Record<string, string>>,
): Answer {
  return refusedWith(status, code, message, [resourceInfo("pubsub", pubsub, message), errorInfo(reason, metadata)]);
}

function unreadable(pubsub: string, topic: string, error: string, appID: string): Answer {
  const message = `error when unmarshaling the request for topic ${topic} pubsub ${pubsub}: ${error}`;
  return refuse(400, "ERR_PUBSUB_EVENTS_SER", "DAPR_PUBSUB_UNMARSHAL_EVENTS", pubsub, message, { appID });
}

function failed(pubsub: string, topic: string, error: string): Answer {
  const message = `error when publishing to topic ${topic} in pubsub ${pubsub}: ${error}`;
  return refuse(500, "ERR_PUBSUB_PUBLISH_MESSAGE", "DAPR_PUBSUB_PUBLISH_MESSAGE", pubsub, message, { error, topic });
}
