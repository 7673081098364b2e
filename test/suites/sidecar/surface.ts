import { expect, test } from "vitest";
import { configured, fresh, type Sides, send } from "./client.ts";

const store = `/v1.0/state/${configured.stateStore}`;
const hostsOnly = [
  ["GET", `${store}/key`],
  ["POST", store],
  ["POST", `${store}/bulk`],
  ["POST", `${store}/transaction`],
  ["DELETE", `${store}/key`],
  ["GET", `/v1.0/secrets/${configured.secretStore}/${configured.secret.name}`],
  ["POST", "/v1.0/actors/Actor/any/reminders/any"],
  ["GET", "/v1.0/actors/Actor/any/reminders/any"],
  ["DELETE", "/v1.0/actors/Actor/any/reminders/any"],
  ["POST", "/v1.0/actors/Actor/any/timers/any"],
] as const;

const unknown = [
  "/",
  "/v1.0",
  "/v1.0/nothing",
  "/v2.0/healthz",
  "/v1.0/invoke/strata-host/method/m",
  "/v1.0/state",
  "/v1.0/healthz/x",
  "/v1.0/actors/Actor/x/method/a/b",
];

const otherVerbs = [
  ["PATCH", "/v1.0/actors/Actor/x/method/m", ["DELETE", "GET", "POST", "PUT"]],
  ["HEAD", "/v1.0/actors/Actor/x/method/m", ["DELETE", "GET", "POST", "PUT"]],
  ["OPTIONS", "/v1.0/actors/Actor/x/method/m", ["DELETE", "GET", "POST", "PUT"]],
  ["GET", `/v1.0/publish/${configured.pubsub}/open`, ["POST", "PUT"]],
  ["POST", "/v1.0/healthz", ["GET"]],
  ["GET", store, ["POST", "PUT"]],
  ["POST", `${store}/key`, ["DELETE", "GET"]],
  ["GET", "/v1.0/actors/Actor/x/timers/t", ["DELETE", "POST", "PUT"]],
] as const;

/** Who may ask for what, and how that is refused which nobody may ask for. */
export function surfaceSuite(sides: Sides): void {
  openToCallers(sides);
  openToHosts(sides);
  finding(sides);
}

function openToCallers({ on }: Sides): void {
  for (const [verb, path] of hostsOnly)
    test(`callers: ${verb} ${path.slice(6)} does not exist for them`, async () => {
      const answer = await on().callers(path, { verb, body: "[]" });
      expect([answer.status, answer.body]).toEqual([404, "404 page not found\n"]);
    });

  test("callers: actors, publish, metadata and health answer without a token", async () => {
    const { callers } = on();
    expect((await callers(`/v1.0/actors/Actor/${fresh("open")}/method/m`, { body: "" })).status).toBe(200);
    expect((await callers(`/v1.0/publish/${configured.pubsub}/open`, { body: "x" })).status).toBe(204);
    expect((await callers("/v1.0/metadata")).status).toBe(200);
    expect((await callers("/v1.0/healthz")).status).toBe(204);
    expect((await callers("/v1.0/healthz/outbound")).status).toBe(204);
  });
}

function openToHosts({ on, env }: Sides): void {
  test("host: its token opens state, secrets and reminders", async () => {
    const { host } = on();
    expect((await host(`${store}/${fresh("absent")}`)).status).toBe(204);
    const secret = await host(`/v1.0/secrets/${configured.secretStore}/${configured.secret.name}`);
    expect([secret.status, JSON.parse(secret.body)]).toEqual([200, { [configured.secret.name]: configured.secret.value }]);
    expect((await host("/v1.0/actors/Actor/any/reminders/absent")).status).toBe(404);
  });

  for (const [verb, path, body] of [
    ["GET", `${store}/key`, undefined],
    ["POST", "/v1.0/actors/Actor/any/method/m", ""],
    ["GET", "/v1.0/metadata", undefined],
    ["GET", "/v1.0/nothing", undefined],
  ] as const)
    test(`host: ${verb} ${path.slice(6)} asks for its token, and no other will do`, async () => {
      for (const token of [undefined, "", "a-caller's", `${configured.hostToken}x`, configured.hostToken.slice(1), configured.appToken]) {
        const headers: Record<string, string> = token === undefined ? {} : { "dapr-api-token": token };
        const answer = await send(env().host, path, { verb, headers, ...(body === undefined ? {} : { body }) });
        expect([answer.status, answer.body]).toEqual([401, "invalid api token\n"]);
      }
    });

  test("callers: the host's token opens nothing more", async () => {
    const headers = { "dapr-api-token": configured.hostToken };
    expect((await on().callers(`${store}/key`, { headers })).status).toBe(404);
    expect((await on().callers("/v1.0/metadata", { headers })).status).toBe(200);
  });

  test("host: no token reaches the app, only the app's own", async () => {
    const { host, callers } = on();
    const id = fresh("token");
    await host(`/v1.0/actors/Actor/${id}/method/m`, { body: "" });
    await callers(`/v1.0/actors/Actor/${id}/method/m`, { body: "", headers: { "dapr-api-token": "a-caller's" } });
    expect(
      env()
        .app.at(`/actors/Actor/${id}/`)
        .map(({ headers }) => headers["dapr-api-token"]),
    ).toEqual([configured.appToken, configured.appToken]);
  });

  test("secrets: an unknown store is refused", async () => {
    const answer = await on().host("/v1.0/secrets/nowhere/x");
    expect([answer.status, answer.code]).toEqual([401, "ERR_SECRET_STORE_NOT_FOUND"]);
  });

  test("health: it answers for its own app-id alone", async () => {
    const { host } = on();
    expect((await host(`/v1.0/healthz?appid=${configured.hostId}`)).status).toBe(204);
    const other = await host("/v1.0/healthz?appid=somebody");
    expect([other.status, other.code]).toEqual([500, "ERR_HEALTH_APPID_NOT_MATCH"]);
  });
}

function finding({ on, env }: Sides): void {
  for (const path of unknown)
    test(`paths: ${path} is not found`, async () => {
      for (const ask of [on().callers, on().host]) {
        const answer = await ask(path, { body: "{}" });
        expect([answer.status, answer.body, answer.headers["content-type"]]).toEqual([
          404,
          "404 page not found\n",
          "text/plain; charset=utf-8",
        ]);
      }
    });

  for (const [verb, path, allowed] of otherVerbs)
    test(`paths: ${verb} ${path.slice(6)} is not allowed, and the answer says what is`, async () => {
      const answer = await on().host(path, { verb });
      expect([answer.status, answer.body]).toEqual([405, ""]);
      expect(String(answer.headers.allow).split(", ").sort()).toEqual(allowed);
    });

  test("paths: doubled slashes, dot segments and a slash at the end are tidied away", async () => {
    const { host } = on();
    for (const path of ["/v1.0//healthz", "/v1.0/healthz/", "/v1.0/./healthz", "/v1.0/x/../healthz"])
      expect((await host(path)).status).toBe(204);
  });

  test("paths: an escape that is none is a bad request", async () => {
    for (const bad of ["%", "%zz", "a%2"])
      expect((await on().callers(`/v1.0/actors/Actor/${bad}/method/m`, { body: "" })).status).toBe(400);
  });

  test("limits: headers of 64 KiB are refused with 431, and nothing reaches the app", async () => {
    const id = fresh("headers");
    const answer = await on().callers(`/v1.0/actors/Actor/${id}/method/m`, { body: "", headers: { "x-large": "y".repeat(64 * 1024) } });
    expect(answer.status).toBe(431);
    expect(env().app.at(`/actors/Actor/${id}/`)).toEqual([]);
  });
}

/** What a sidecar tells about itself. */
export function metadataSuite({ on, env }: Sides): void {
  const told = async (ask: "host" | "callers") => JSON.parse((await on()[ask]("/v1.0/metadata")).body);

  test("metadata: the host sees its id, components, actor types and subscriptions", async () => {
    const found = await told("host");
    const types = { sqlite: "state.sqlite", redis: "state.redis", postgres: "state.postgresql" };
    expect(found.id).toBe(configured.hostId);
    expect(found.runtimeVersion).toMatch(/^1\.18\./);
    const store = found.components.find(({ name }: { name: string }) => name === configured.stateStore);
    expect(store.type).toBe(types[env().store]);
    expect(store.capabilities).toEqual(expect.arrayContaining(["ETAG", "TRANSACTIONAL"]));
    expect(found.components.map(({ name }: { name: string }) => name).sort()).toEqual(["bus", "secrets", "store"]);
    expect(found.actorRuntime).toMatchObject({ runtimeStatus: "RUNNING", hostReady: true });
    expect(found.actorRuntime.activeActors.map(({ type }: { type: string }) => type).sort()).toEqual([...configured.actorTypes]);
    expect(found.subscriptions).toContainEqual({
      pubsubname: "bus",
      topic: "open",
      rules: [{ path: "/in/open" }],
      deadLetterTopic: "dead",
      type: "PROGRAMMATIC",
    });
  });

  test("metadata: callers see a sidecar of their own, and nothing of the host's", async () => {
    const found = await told("callers");
    expect(found.id).toBe(configured.callersId);
    expect(found.components.map(({ name }: { name: string }) => name)).toEqual([configured.pubsub]);
    expect([found.subscriptions, found.actors, found.actorRuntime.activeActors]).toEqual([undefined, undefined, undefined]);
  });

  test("metadata: it counts the actors that are active", async () => {
    await on().call(`Actor/${fresh("counted")}`, "m");
    const { actorRuntime } = await told("host");
    expect(actorRuntime.activeActors.find(({ type }: { type: string }) => type === "Actor").count).toBeGreaterThan(0);
  });
}
