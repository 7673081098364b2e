import { expect, test } from "vitest";
import { configured, fresh, type Sides } from "./client.ts";
import { firstWrite } from "./state.ts";

/** Where the sidecars are known to differ: each test shows both sides, and fails as soon as one of them changes. */
export function differencesSuite(sides: Sides): void {
  conditions(sides);
  forms(sides);
  traces(sides);
  bounds(sides);
  gaps(sides);
}

function conditions({ on, env, value }: Sides): void {
  const like = <T>(sides: { sqlite: T; redis: T; postgres: T }): T => sides[env().store];

  test("stores: a first-write overwrites what a last-write wrote on Redis alone", async () => {
    const key = fresh("last");
    await on().save([{ key, value: 1 }]);
    const answer = await on().save([{ key, value: 2, options: firstWrite }]);
    expect([answer.status, await value(key)]).toEqual(like({ sqlite: [409, 1], redis: [204, 2], postgres: [500, 1] }));
  });

  test("stores: a last-write overwrites what a first-write wrote, but on Redis", async () => {
    const key = fresh("first");
    await on().save([{ key, value: 1, options: firstWrite }]);
    const answer = await on().save([{ key, value: 2 }]);
    expect([answer.status, await value(key)]).toEqual(like({ sqlite: [204, 2], redis: [500, 1], postgres: [204, 2] }));
  });

  test("stores: an etag that no store of the kind ever gave", async () => {
    const key = fresh("strange");
    await on().save([{ key, value: 1, options: firstWrite }]);
    const answer = await on().save([{ key, value: 2, etag: "strange" }]);
    expect([answer.status, await value(key)]).toEqual([like({ sqlite: 409, redis: 400, postgres: 409 }), 1]);
  });

  test("stores: an etag creates an absent key on Redis alone", async () => {
    const [key, other] = [fresh("absent"), fresh("present")];
    await on().save([{ key: other, value: 1, options: firstWrite }]);
    const { etag } = (await on().get(other)).headers;
    const answer = await on().save([{ key, value: 1, etag }]);
    expect([answer.status, await value(key)]).toEqual(like({ sqlite: [409, undefined], redis: [204, 1], postgres: [409, undefined] }));
  });

  test("stores: Redis compares no etag with last-write, and refuses what a first-write created", async () => {
    const key = fresh("last-etag");
    await on().save([{ key, value: 1, options: firstWrite }]);
    const { etag } = (await on().get(key)).headers;
    const answer = await on().save([{ key, value: 2, etag, options: { concurrency: "last-write" } }]);
    expect([answer.status, await value(key)]).toEqual(like({ sqlite: [204, 2], redis: [409, 1], postgres: [204, 2] }));
  });
}

function forms({ on, env }: Sides): void {
  const like = <T>(sides: { sqlite: T; redis: T; postgres: T }): T => sides[env().store];

  test("stores: keys of an object come back sorted, as they came, or in any order; numbers as float64, or not even that", async () => {
    const key = fresh("form");
    await on().save(`[{"key":"${key}","value":{"b":1.50,"a":"<\\u00e9>","z":-0,"l":12345678901234567890}}]`);
    const kept = '{"a":"\\u003cé\\u003e","b":1.5,"l":12345678901234567000,"z":-0}';
    const { body } = await on().get(key);
    if (env().store !== "redis") expect(body).toBe(kept);
    else expect(JSON.parse(body)).toEqual({ a: "<é>", b: 1.5, l: 12345678901234567000, z: 0 });
  });

  test("stores: the order of a bulk read, and a key that is asked for twice", async () => {
    const [b, a, c] = ["b", "a", "c"].map((letter) => fresh(`bulk-${letter}`));
    await on().save([
      { key: b, value: 1 },
      { key: a, value: 2 },
    ]);
    const keys = async (asked: (string | undefined)[]) =>
      JSON.parse((await on().bulk(asked.map(String))).body).map(({ key }: { key: string }) => key);
    const found = await keys([c, b, a]);
    if (env().store === "postgres") expect(found.at(-1)).toBe(c);
    else expect(found).toEqual(like({ sqlite: [a, b, c], redis: [c, b, a], postgres: [] }));
    expect(await keys([a, a])).toEqual(like({ sqlite: [a, ""], redis: [a, a], postgres: [a, ""] }));
  });

  test("stores: when a key expires is told by all but Redis", async () => {
    const key = fresh("ttl");
    await on().save([{ key, value: 1, metadata: { ttlInSeconds: "100" } }]);
    const told = (await on().get(key)).headers["metadata.ttlexpiretime"];
    if (env().store === "redis") expect(told).toBeUndefined();
    else expect(String(told)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test("stores: a key that is no UTF-8 is none that was ever written, or is an error", async () => {
    const key = fresh("bytes");
    await on().save([{ key: `${key}\ufffd`, value: 1 }]);
    const ask = async (verb: string, headers = {}) => (await on().host(`/v1.0/state/store/${key}%FF`, { verb, headers })).status;
    const heard = [await ask("GET"), await ask("DELETE"), await ask("DELETE", { "if-match": "1" })];
    expect(heard).toEqual(like({ sqlite: [204, 204, 409], redis: [204, 204, 204], postgres: [500, 500, 409] }));
    expect((await on().get(`${key}\ufffd`)).body).toBe("1");
  });

  test("stores: a time to live that is no number is refused, each in its own words", async () => {
    const answer = await on().save([{ key: fresh("ttl"), value: 1, metadata: { ttlInSeconds: "soon" } }]);
    expect([answer.status, answer.code]).toEqual([500, "ERR_STATE_SAVE"]);
  });
}

function traces({ on, env }: Sides): void {
  const embedded = () => env().kind === "embedded";

  test("sidecars: without a trace from the caller daprd hands on an empty one, the embedded one none", async () => {
    const id = fresh("untraced");
    await on().call(`Actor/${id}`, "m");
    const [heard] = env().app.at(`/actors/Actor/${id}/`);
    if (embedded()) expect(heard?.headers.traceparent).toBeUndefined();
    else expect(heard?.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  });

  test("sidecars: daprd answers with the trace, the embedded one does not", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const answer = await on().call(`Actor/${fresh("traced")}`, "m", "", { headers: { traceparent } });
    if (embedded()) expect(answer.headers.traceparent).toBeUndefined();
    else expect(String(answer.headers.traceparent).slice(0, 36)).toBe(traceparent.slice(0, 36));
  });

  test("sidecars: a caller's own dapr-caller-app-id arrives beside the sidecar's on daprd, and not at all on the embedded one", async () => {
    const id = fresh("named");
    await on().call(`Actor/${id}`, "m", "", { headers: { "dapr-caller-app-id": "somebody" } });
    const named = String(env().app.at(`/actors/Actor/${id}/`)[0]?.headers["dapr-caller-app-id"]).split(", ");
    expect(named.toSorted()).toEqual(embedded() ? [configured.hostId] : ["somebody", configured.hostId]);
  });

  test("sidecars: a call that came through another sidecar is marked by daprd; the embedded one is the only one", async () => {
    const id = fresh("remote");
    await on().call(`Actor/${id}`, "m");
    expect(env().app.at(`/actors/Actor/${id}/`)[0]?.headers["x-dapr-remote"]).toBe(embedded() ? undefined : "true");
  });
}

function bounds({ on, app, env }: Sides): void {
  const embedded = () => env().kind === "embedded";

  test("sidecars: daprd bounds no answer to the host's own call, the embedded one every answer", async () => {
    const id = fresh("answer");
    app().on(`/actors/Actor/${id}/method/m`, () => ({ body: "x".repeat(configured.maxBodyBytes + 1) }));
    const answer = await on().host(`/v1.0/actors/Actor/${id}/method/m`, { body: "" });
    expect(answer.status).toBe(embedded() ? 500 : 200);
  });

  test("sidecars: bytes above 127 that are not escaped are a bad request to Node, which reads for the embedded one", async () => {
    const id = fresh("bytes");
    const call = (name: string) => on().call(`Actor/${id}${name}`, "m");
    expect([(await call("\xc3\xa9")).status, (await call("\xff")).status]).toEqual(embedded() ? [400, 400] : [200, 500]);
  });
}

function gaps({ on, env }: Sides): void {
  const embedded = () => env().kind === "embedded";

  test("sidecars: both components are SQLite to the embedded one, and a mark says which it is", async () => {
    const told = JSON.parse((await on().host("/v1.0/metadata")).body);
    const bus = told.components.find(({ name }: { name: string }) => name === "bus");
    expect([bus.type, told.extended.embedded]).toEqual(embedded() ? ["pubsub.sqlite", "true"] : ["pubsub.redis", undefined]);
  });

  const leftOut = [
    ["PUT", "/v1.0/metadata/key", 204],
    ["GET", "/v1.0/secrets/secrets/bulk", 200],
    ["POST", "/v1.0/actors/Actor/x/state", 400],
  ] as const;
  for (const [verb, path, status] of leftOut)
    test(`sidecars: the embedded one leaves out ${verb} ${path}`, async () => {
      const answer = await on().host(path, verb === "GET" ? { verb } : { verb, body: "{" });
      expect(answer.status).toBe(embedded() ? 404 : status);
    });
}
