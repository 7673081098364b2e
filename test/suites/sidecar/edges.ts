import { expect, test } from "vitest";
import { configured, fresh, type Heeded, type Sides } from "./client.ts";
import { eventOf, messagesOf } from "./publish.ts";

const cap = configured.maxBodyBytes;
const words = (length: number): string => "x".repeat(length);
const told = ({ status, code }: Heeded) => [status, code];
/** How many bytes a refusal says there were above the cap. */
const above = ({ body }: Heeded): number => Number(/larger than max \((\d+) vs\. /.exec(body)?.[1]) - cap;
/** `begin` and `end` with as much between them as makes it `length` bytes. */
const padded = (begin: string, end: string, length: number): string => begin + words(length - begin.length - end.length) + end;

/** Bodies near the cap, bodies that nobody asked for, and names that are no text. */
export function edgesSuite(sides: Sides): void {
  callsBetween(sides);
  answersBetween(sides);
  oneMore(sides);
  unasked(sides);
  noText(sides);
  noTextAtRest(sides);
}

const weights = [
  ["alone", {}, "", 0],
  ["with a type", { "content-type": "application/json" }, "", 54],
  ["with a header twice", { "x-a": "b, c" }, "", 15],
  ["with a header of 200 bytes", { "x-a": words(200) }, "", 214],
  ["with a query", {}, "?a=1", 5],
] as const;

/** A callers' sidecar hands on a message that holds more than the body, and may be as large as a body. */
function callsBetween({ on }: Sides): void {
  for (const [how, headers, query, more] of weights)
    test(`limits: names and headers count towards the cap of a caller's call, to the byte; ${how}`, async () => {
      const id = fresh("exact");
      const call = (length: number) => on().call(`Actor/${id}`, `m${query}`, words(length), { headers });
      const answer = await call(cap);
      expect([...told(answer), above(answer)]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD", 114 + id.length + more]);
      expect((await call(cap - above(answer))).status).toBe(200);
      expect((await call(cap - above(answer) + 1)).status).toBe(500);
    });

  test("limits: the host's own calls may be as large as the cap, and no larger", async () => {
    const call = (body: string) => on().host(`/v1.0/actors/Actor/${fresh("exact")}/method/m`, { body });
    expect((await call(words(cap))).status).toBe(200);
    expect(told(await call(words(cap + 1)))).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
    expect(told(await call(words(cap + 2)))).toEqual([400, "ERR_BAD_REQUEST"]);
  });
}

function answersBetween({ on, app }: Sides): void {
  test("limits: an answer's headers count towards the cap too, to the byte, and the turn has run", async () => {
    const id = fresh("exact");
    const call = async (length: number) => {
      app().on(`/actors/Actor/${id}/method/m`, () => ({ body: words(length) }));
      return await on().call(`Actor/${id}`, "m");
    };
    const answer = await call(cap);
    expect([...told(answer), above(answer)]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD", 112]);
    expect((await call(cap - 112)).body).toHaveLength(cap - 112);
    expect((await call(cap - 111)).status).toBe(500);
    expect(app().at(`/actors/Actor/${id}/`)).toHaveLength(3);
  });
}

const oneMoreOfJson = [
  ["/v1.0/state/store", '[{"key":"', '"}]'],
  ["/v1.0/state/store/bulk", '{"keys":["', '"]}'],
  ["/v1.0/actors/Actor/x/reminders/large", '{"dueTime":"1h","data":"', '"}'],
  ["/v1.0/actors/Actor/x/timers/large", '{"dueTime":"1h","data":"', '"}'],
  ["/v1.0/publish/bulk/bus/nobody", '[{"entryId":"1","contentType":"text/plain","event":"', '"}]'],
] as const;

function oneMore(sides: Sides): void {
  const { on, env } = sides;
  const { arrived } = messagesOf(sides);

  test("limits: a body announced as one byte above the cap is published without this byte, where the danger is on", async () => {
    const mark = fresh("one-more");
    const answer = await on().publish("open", mark.padEnd(cap + 1, "x"));
    if (!env().dangers) return expect(told(answer)).toEqual([500, "ERR_PUBSUB_PUBLISH_MESSAGE"]);
    const [heard] = await arrived("/in/open", mark);
    expect([answer.status, eventOf(heard).data]).toEqual([204, mark.padEnd(cap, "x")]);
  });

  for (const [path, begin, end] of oneMoreOfJson)
    test(`limits: ${path} refuses JSON of one byte above the cap as a bad request, and of two`, async () => {
      expect((await on().host(path, { body: padded(begin, end, cap + 1) })).status).toBe(400);
      expect((await on().host(path, { body: padded(begin, end, cap + 2) })).status).toBe(400);
    });
}

const reads = [
  ["GET", "/v1.0/metadata"],
  ["GET", `/v1.0/secrets/secrets/${configured.secret.name}`],
  ["DELETE", "/v1.0/actors/Actor/x/reminders/absent"],
  ["DELETE", "/v1.0/actors/Actor/x/timers/absent"],
] as const;
const ignores = [
  ["GET", "/v1.0/healthz", 204],
  ["GET", "/v1.0/state/store/absent", 204],
  ["DELETE", "/v1.0/state/store/absent", 204],
  ["GET", "/v1.0/actors/Actor/x/reminders/absent", 404],
] as const;

function unasked({ on }: Sides): void {
  for (const [verb, path] of reads)
    test(`bodies: ${verb} ${path.slice(6)} takes none or an object`, async () => {
      const ask = (body: string) => on().host(path, { verb, body });
      expect((await ask('{"unknown":1}')).status).toBeLessThan(300);
      for (const body of ["[]", "x"]) expect(told(await ask(body))).toEqual([400, "ERR_MALFORMED_REQUEST"]);
      expect(told(await ask(words(cap + 2)))).toEqual([400, "ERR_BODY_READ"]);
    });

  for (const [verb, path, status] of ignores)
    test(`bodies: ${verb} ${path.slice(6)} reads none, whatever its size`, async () => {
      for (const body of ["x", words(cap + 2)]) expect((await on().host(path, { verb, body })).status).toBe(status);
    });
}

const noNames = ["%FF", "%C0%AF", "%ED%A0%80", "%C3%A9%FF"];

function noText({ on, app }: Sides): void {
  for (const bytes of noNames)
    test(`names: ${bytes} is no UTF-8; between sidecars it is refused, and the host's own reaches the app with it`, async () => {
      const id = fresh("bytes");
      const refused = [500, "ERR_ACTOR_INVOKE_METHOD"];
      expect(told(await on().call(`Actor/${id}${bytes}`, "m"))).toEqual(refused);
      expect(told(await on().call(`Actor/${id}`, `m${bytes}`))).toEqual(refused);
      expect(app().at(`/actors/Actor/${id}`)).toEqual([]);
      expect((await on().host(`/v1.0/actors/Actor/${id}${bytes}/method/m${bytes}`, { body: "" })).status).toBe(200);
      expect(app().at(`/actors/Actor/${id}`)[0]?.path).toBe(`/actors/Actor/${id}${bytes}/method/m${bytes}`);
    });

  test("names: a type that is no UTF-8 is one that nobody hosts", async () => {
    expect(told(await on().call(`Actor%FF/${fresh("bytes")}`, "m"))).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
  });

  test("names: what may not stand in a name is refused in one that is no UTF-8 too", async () => {
    for (const odd of ["%23%FF", "%01%FF", "%FF%2F"]) expect(told(await on().call(`Actor/x${odd}`, "m"))).toEqual([400, "ERR_BAD_REQUEST"]);
  });

  test("headers: one that is no UTF-8 is refused between sidecars, and reaches the app from the host's own", async () => {
    const id = fresh("bytes");
    const sent = { body: "", headers: { "x-odd": "\xff" } };
    expect(told(await on().callers(`/v1.0/actors/Actor/${id}/method/m`, sent))).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
    expect((await on().host(`/v1.0/actors/Actor/${id}/method/m`, sent)).status).toBe(200);
    expect(
      app()
        .at(`/actors/Actor/${id}/`)
        .map(({ headers }) => headers["x-odd"]),
    ).toEqual(["\xff"]);
  });
}

function noTextAtRest({ on }: Sides): void {
  for (const [verb, code] of [
    ["POST", "CREATE"],
    ["GET", "GET"],
    ["DELETE", "DELETE"],
  ])
    test(`names: ${verb} of a reminder whose name or actor is no UTF-8 fails`, async () => {
      const sent = verb === "POST" ? { body: '{"dueTime":"1h"}' } : { verb: String(verb) };
      for (const path of ["x/reminders/r%FF", "x%FF/reminders/r"])
        expect(told(await on().host(`/v1.0/actors/Actor/${path}`, sent))).toEqual([500, `ERR_ACTOR_REMINDER_${code}`]);
    });

  test("names: a timer's may be no UTF-8", async () => {
    for (const path of ["x/timers/t%FF", "x%FF/timers/t"]) {
      expect((await on().host(`/v1.0/actors/Actor/${path}`, { body: '{"dueTime":"1h"}' })).status).toBe(204);
      expect((await on().host(`/v1.0/actors/Actor/${path}`, { verb: "DELETE" })).status).toBe(204);
    }
  });

  test("secrets: one that the host was not given is refused, whatever its name", async () => {
    for (const name of ["another", "x%FF"])
      expect(told(await on().host(`/v1.0/secrets/secrets/${name}`))).toEqual([403, "ERR_PERMISSION_DENIED"]);
  });

  test("publish: a topic that is no UTF-8 is taken, and is none of those that callers may use", async () => {
    expect((await on().publish("x%FF", "x")).status).toBe(204);
    expect(told(await on().callers("/v1.0/publish/bus/open%FF", { body: "x" }))).toEqual([403, "ERR_PUBSUB_FORBIDDEN"]);
  });
}
