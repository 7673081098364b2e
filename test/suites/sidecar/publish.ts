import { expect, test } from "vitest";
import type { Heard, Subscribed } from "./app.ts";
import { configured, fresh, type Sides } from "./client.ts";

/** What the app of every sidecar under test subscribes to. */
export const subscriptions: readonly Subscribed[] = [
  { pubsubname: "bus", topic: "open", route: "/in/open", deadLetterTopic: "dead" },
  { pubsubname: "bus", topic: "alone", route: "/in/alone" },
  { pubsubname: "bus", topic: "dead", route: "/in/dead" },
  { pubsubname: "bus", topic: "raw", route: "/in/raw", metadata: { rawPayload: "true" } },
  { pubsubname: "bus", topic: "a/b c", route: "in/odd" },
  {
    pubsubname: "bus",
    topic: "routed",
    routes: {
      rules: [
        { match: 'event.type == "order.v2"', path: "/in/second" },
        { match: 'event.data.n > 5 && !(event.source == "nobody")', path: "/in/large" },
        { match: 'has(event.data.tag) && event.data.tag in ["a", "b"] || event.type.startsWith("x.")', path: "/in/tagged" },
      ],
      default: "/in/other",
    },
  },
  {
    pubsubname: "bus",
    topic: "strict",
    routes: { rules: [{ match: 'event.type == "known"', path: "/in/known" }] },
    deadLetterTopic: "dead",
  },
];

export type Event = Record<string, unknown>;
export const eventOf = (heard: Heard | undefined): Event => JSON.parse(heard?.body ?? "{}");

/** What the app heard of messages, by their data. */
export function messagesOf({ app }: Sides) {
  const heardAt = (path: string, data: string) =>
    app()
      .at(path)
      .filter(({ body }) => body.includes(data));
  const arrived = async (path: string, data: string, count = 1): Promise<Heard[]> => {
    await app().until(() => heardAt(path, data).length >= count, `${count} deliveries of ${data} at ${path}`);
    return heardAt(path, data);
  };
  return { heardAt, arrived };
}

/** What is published, and the CloudEvent that arrives. */
export function publishSuite(sides: Sides): void {
  wrapping(sides);
  overriding(sides);
  raw(sides);
  addressing(sides);
  inBulk(sides);
  routing(sides);
}

function wrapping(sides: Sides): void {
  const { on } = sides;
  const { arrived } = messagesOf(sides);

  test("publish: JSON is wrapped into a CloudEvent and posted to the route", async () => {
    const mark = fresh("json");
    const body = `{"mark":"${mark}","large":12345678901234567890,"b":[1.50,"<&>"],"a":null}`;
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    expect((await on().publish("open", body, "application/json", { headers: { traceparent, tracestate: "a=b" } })).status).toBe(204);
    const [heard] = await arrived("/in/open", mark);
    const { id, time, traceparent: trace, traceid, ...event } = eventOf(heard);
    expect(event).toEqual({
      data: JSON.parse(body),
      datacontenttype: "application/json",
      pubsubname: configured.pubsub,
      source: configured.hostId,
      specversion: "1.0",
      topic: "open",
      tracestate: "a=b",
      type: "com.dapr.event.sent",
    });
    expect(heard?.body).toContain('"large":12345678901234567890');
    expect(heard?.body).toContain("[1.50,");
    expect([String(trace).slice(0, 36), traceid]).toEqual([traceparent.slice(0, 36), trace]);
    expect(String(id)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(String(time)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect([heard?.verb, heard?.headers["content-type"], heard?.headers["dapr-api-token"], heard?.headers.pubsubname]).toEqual([
      "POST",
      "application/cloudevents+json",
      configured.appToken,
      configured.pubsub,
    ]);
    expect(String(heard?.headers.traceparent).slice(0, 36)).toBe(traceparent.slice(0, 36));
  });

  for (const [type, body, expected] of contents)
    test(`publish: ${JSON.stringify(body)} as ${JSON.stringify(type)} arrives as it is`, async () => {
      const id = fresh("content");
      const path = `/v1.0/publish/bus/open?metadata.cloudevent.id=${id}`;
      expect((await on().host(path, { body, headers: type === "" ? {} : { "content-type": type } })).status).toBe(204);
      const [heard] = await arrived("/in/open", id);
      expect(eventOf(heard)).toMatchObject(expected);
    });

  test("publish: bytes travel as data_base64", async () => {
    const id = fresh("bytes");
    const body = Buffer.from([0, 1, 2, 255]);
    await on().host(`/v1.0/publish/bus/open?metadata.cloudevent.id=${id}`, {
      body,
      headers: { "content-type": "application/octet-stream" },
    });
    const [heard] = await arrived("/in/open", id);
    expect([eventOf(heard).data_base64, eventOf(heard).data]).toEqual([body.toString("base64"), undefined]);
  });
}

const contents = [
  ["text/plain", "words é", { data: "words é", datacontenttype: "text/plain" }],
  ["", "words", { data: "words", datacontenttype: "text/plain" }],
  ["application/json", "{broken", { data: "{broken", datacontenttype: "application/json" }],
  ["application/json; charset=utf-8", '"quoted"', { data: "quoted", datacontenttype: "application/json; charset=utf-8" }],
  ["application/xml", "<x/>", { data: "<x/>", datacontenttype: "application/xml" }],
] as const;

function overriding(sides: Sides): void {
  const { on } = sides;
  const { arrived } = messagesOf(sides);

  test("publish: a CloudEvent keeps its own fields and gets those that it lacks", async () => {
    const [id, bare] = [fresh("event"), fresh("bare")];
    const own = {
      id,
      type: "t",
      source: "s",
      specversion: "1.0",
      datacontenttype: "application/json",
      data: { z: 1 },
      extra: "x",
      time: "2020-01-01T00:00:00Z",
    };
    await on().publish("open", JSON.stringify(own), "application/cloudevents+json");
    await on().publish("open", JSON.stringify({ data: bare }), "application/cloudevents+json");
    expect(eventOf((await arrived("/in/open", id))[0])).toMatchObject({ ...own, topic: "open", pubsubname: "bus" });
    expect(eventOf((await arrived("/in/open", bare))[0])).toMatchObject({
      data: bare,
      type: "com.dapr.event.sent",
      source: "Dapr",
      specversion: "1.0",
      topic: "open",
    });
  });

  test("publish: what calls itself a CloudEvent and is no object is refused", async () => {
    const answer = await on().publish("open", "[]", "application/cloudevents+json");
    expect([answer.status, answer.code]).toEqual([500, "ERR_PUBSUB_CLOUD_EVENTS_SER"]);
  });

  test("publish: metadata overrides fields of the envelope, and reaches the app as headers", async () => {
    const id = fresh("override");
    const query = `?metadata.cloudevent.id=${id}&metadata.cloudevent.type=tt&metadata.cloudevent.source=ss&metadata.cloudevent.subject=sub&metadata.other=o`;
    await on().host(`/v1.0/publish/bus/open${query}`, { body: '{"a":1}', headers: { "content-type": "application/json" } });
    const [heard] = await arrived("/in/open", id);
    expect(eventOf(heard)).toMatchObject({ id, type: "tt", source: "ss", subject: "sub", data: { a: 1 } });
    expect(heard?.headers.other).toBe("o");
  });
}

function raw(sides: Sides): void {
  const { on } = sides;
  const { arrived, heardAt } = messagesOf(sides);

  test("publish: a raw payload arrives unwrapped, and wrapped where the subscription says so", async () => {
    const [open, raw] = [fresh("raw"), fresh("raw")];
    await on().host("/v1.0/publish/bus/open?metadata.rawPayload=true", { body: `{"mark":"${open}"}` });
    expect((await arrived("/in/open", open))[0]?.body).toBe(`{"mark":"${open}"}`);
    await on().host("/v1.0/publish/bus/raw?metadata.rawPayload=true", { body: raw });
    const coded = Buffer.from(raw).toString("base64");
    const [heard] = await arrived("/in/raw", coded);
    expect(eventOf(heard)).toMatchObject({
      data_base64: coded,
      datacontenttype: "application/octet-stream",
      type: "com.dapr.event.sent",
      topic: "raw",
    });
  });

  test("publish: a raw payload that is no CloudEvent is no message for the others", async () => {
    const mark = fresh("no-event");
    await on().host("/v1.0/publish/bus/open?metadata.rawPayload=true", { body: mark });
    const after = fresh("after");
    await on().publish("open", after);
    await arrived("/in/open", after);
    expect(heardAt("/in/open", mark)).toEqual([]);
  });

  test("publish: rawPayload is a boolean", async () => {
    const answer = await on().host("/v1.0/publish/bus/open?metadata.rawPayload=maybe", { body: "x" });
    expect([answer.status, answer.code]).toEqual([400, "ERR_PUBSUB_REQUEST_METADATA"]);
  });
}

function addressing(sides: Sides): void {
  const { on } = sides;
  const { arrived, heardAt } = messagesOf(sides);

  test("publish: topics with slashes and spaces are one topic, escaped or not", async () => {
    const [one, two] = [fresh("odd"), fresh("odd")];
    await on().publish("a%2Fb%20c", one);
    await on().publish("a/b%20c", two);
    expect(eventOf((await arrived("/in/odd", one))[0]).topic).toBe("a/b c");
    expect(eventOf((await arrived("/in/odd", two))[0]).topic).toBe("a/b c");
  });

  test("publish: an unknown component is not found, and a topic must be named", async () => {
    const { host } = on();
    const answer = await host("/v1.0/publish/nowhere/open", { body: "x" });
    expect([answer.status, answer.code]).toEqual([404, "ERR_PUBSUB_NOT_FOUND"]);
    expect((await host("/v1.0/publish/bus/", { body: "x" })).status).toBe(404);
  });

  test("publish: a topic that nobody reads is taken", async () => {
    expect((await on().publish("nobody", "x")).status).toBe(204);
  });

  test("publish: callers publish to their topics in their own name, and to no other", async () => {
    const mark = fresh("callers");
    const { callers } = on();
    expect((await callers("/v1.0/publish/bus/open", { body: mark })).status).toBe(204);
    expect(eventOf((await arrived("/in/open", mark))[0]).source).toBe(configured.callersId);
    for (const path of ["publish/bus/alone", "publish/bulk/bus/alone"]) {
      const body = JSON.stringify([{ entryId: "1", event: mark, contentType: "text/plain" }]);
      const answer = await callers(`/v1.0/${path}`, { body, headers: { "content-type": "application/json" } });
      expect([answer.status, answer.code]).toEqual([403, "ERR_PUBSUB_FORBIDDEN"]);
    }
    expect(heardAt("/in/alone", mark)).toEqual([]);
  });

  test("limits: a body above the cap is refused", async () => {
    const answer = await on().publish("open", "x".repeat(configured.maxBodyBytes + 1_024));
    expect([answer.status, answer.code]).toEqual([500, "ERR_PUBSUB_PUBLISH_MESSAGE"]);
    expect(JSON.parse(answer.body).message).toContain("stream too large");
  });
}

const badBulks = [
  ["{", "DAPR_PUBSUB_UNMARSHAL_EVENTS"],
  ["[{},{}]", "DAPR_PUBSUB_MARSHAL_ENVELOPE"],
  ['[{"entryId":"1","event":{"a":1},"contentType":"text/plain"}]', "DAPR_PUBSUB_MARSHAL_ENVELOPE"],
  [
    '[{"entryId":"1","event":"a","contentType":"text/plain"},{"entryId":"1","event":"b","contentType":"text/plain"}]',
    "DAPR_PUBSUB_MARSHAL_EVENTS",
  ],
  ['[{"event":"a","contentType":"text/plain"}]', "DAPR_PUBSUB_MARSHAL_EVENTS"],
] as const;

function inBulk(sides: Sides): void {
  const { on } = sides;
  const { arrived } = messagesOf(sides);

  for (const version of ["v1.0", "v1.0-alpha1"])
    test(`bulk publish (${version}): every entry is a message of its own`, async () => {
      const [one, two, three] = [fresh("bulk"), fresh("bulk"), fresh("bulk")];
      const entries = [
        { entryId: "1", event: { mark: one }, contentType: "application/json" },
        { entryId: "2", event: two, contentType: "text/plain", metadata: { "cloudevent.type": "of.entry" } },
        {
          entryId: "3",
          event: Buffer.from([0, 255]).toString("base64"),
          contentType: "application/octet-stream",
          metadata: { "cloudevent.id": three },
        },
      ];
      const path = `/${version}/publish/bulk/bus/open?metadata.cloudevent.subject=common`;
      expect((await on().host(path, { body: JSON.stringify(entries), headers: { "content-type": "application/json" } })).status).toBe(204);
      expect(eventOf((await arrived("/in/open", one))[0])).toMatchObject({ data: { mark: one } });
      expect(eventOf((await arrived("/in/open", two))[0])).toMatchObject({ data: two, type: "of.entry", subject: "common" });
      expect(eventOf((await arrived("/in/open", three))[0])).toMatchObject({ data_base64: "AP8=" });
    });

  for (const [body, reason] of badBulks)
    test(`bulk publish: ${body.slice(0, 70)} is refused whole`, async () => {
      const answer = await on().host("/v1.0/publish/bulk/bus/open", { body });
      expect([answer.status, answer.code]).toEqual([400, "ERR_PUBSUB_EVENTS_SER"]);
      expect(JSON.parse(answer.body).details).toContainEqual(expect.objectContaining({ reason }));
    });
}

const routed = [
  [{ n: 1 }, "?metadata.cloudevent.type=order.v2", "/in/second"],
  [{ n: 9 }, "", "/in/large"],
  [{ n: 1, tag: "b" }, "", "/in/tagged"],
  [{ n: 1, tag: "z" }, "?metadata.cloudevent.type=x.y", "/in/tagged"],
  [{ n: 1 }, "", "/in/other"],
] as const;

function routing(sides: Sides): void {
  const { on, app } = sides;
  const { arrived } = messagesOf(sides);

  for (const [data, query, path] of routed)
    test(`routes: ${JSON.stringify(data)}${query} goes to ${path}`, async () => {
      const mark = fresh("route");
      await on().host(`/v1.0/publish/bus/routed${query}`, {
        body: JSON.stringify({ ...data, mark }),
        headers: { "content-type": "application/json" },
      });
      await arrived(path, mark);
      expect(
        app()
          .at("/in/")
          .filter(({ body }) => body.includes(mark))
          .map((heard) => heard.path),
      ).toEqual([path]);
    });

  test("routes: a message that no rule takes goes to the dead-letter topic", async () => {
    const [known, unknown] = [fresh("known"), fresh("unknown")];
    await on().host("/v1.0/publish/bus/strict?metadata.cloudevent.type=known", { body: known });
    await on().publish("strict", unknown);
    await arrived("/in/known", known);
    expect(eventOf((await arrived("/in/dead", unknown))[0])).toMatchObject({ data: unknown, topic: "strict" });
  });
}
