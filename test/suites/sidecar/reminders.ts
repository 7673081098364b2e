import { expect, test } from "vitest";
import type { Heard } from "./app.ts";
import { fresh, type Sides } from "./client.ts";

/** Timers may be late on a busy machine, but never early: lower bounds alone are held, with room for the clocks' grain. */
const grainMs = 50;
export const after = (heard: Heard | undefined, registered: number): number => (heard?.at ?? Number.NaN) - registered + grainMs;
const patience = { timeout: 15_000, interval: 100 };

/** Reminders, which outlive everything. */
export function reminderSuite(sides: Sides): void {
  registering(sides);
  firing(sides);
  failing(sides);
  surviving(sides);
}

function remindersOf({ on, app }: Sides) {
  const fires = (id: string, name: string) => app().at(`/actors/Actor/${id}/method/remind/${name}`);
  const path = (id: string, name: string) => `/v1.0/actors/Actor/${id}/reminders/${name}`;
  const cancel = (id: string, name: string) => on().host(path(id, name), { verb: "DELETE" });
  return { fires, path, cancel };
}

const accepted = [
  [{ dueTime: "1h5m" }, { dueTime: "1h5m" }],
  [
    { dueTime: "PT1H", period: "R5/PT10S", data: { a: [1.5, "x"] } },
    { dueTime: "PT1H", period: "@every 10s", data: { a: [1.5, "x"] } },
  ],
  [
    { dueTime: "1h", period: "90m" },
    { dueTime: "1h", period: "@every 1h30m0s" },
  ],
  [
    { dueTime: "1.5h", period: "1h0.5s" },
    { dueTime: "1.5h", period: "@every 1h0m0.5s" },
  ],
  [{ dueTime: "2040-01-01T00:00:00Z" }, { dueTime: "2040-01-01T00:00:00Z" }],
  [{ dueTime: "P1D" }, { dueTime: "P1D" }],
  [{ period: "1h" }, { period: "@every 1h0m0s" }],
  [
    { dueTime: "1h", period: "R0/PT10S" },
    { dueTime: "1h", period: "@every 10s" },
  ],
  [
    { dueTime: "1h", data: null },
    { dueTime: "1h", data: null },
  ],
  [
    { dueTime: "1h", period: "1h", ttl: "3h" },
    { dueTime: "1h", period: "@every 1h0m0s" },
  ],
  [{ dueTime: "1h", unknown: 1 }, { dueTime: "1h" }],
  ['{"DUETIME":"1h"} and more', { dueTime: "1h" }],
] as const;

const refused = [
  [{}, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "soon" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "5" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "R5/PT1H" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "1h", period: "often" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "1h", period: "P1M" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "1h", period: "P1D" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "1h", ttl: "3h" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "1h", period: "1h", ttl: "whenever" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: "1h", period: "1h", ttl: "2020-01-01T00:00:00Z" }, 500, "ERR_ACTOR_REMINDER_CREATE"],
  [{ dueTime: 5 }, 400, "ERR_MALFORMED_REQUEST"],
  ["[]", 400, "ERR_MALFORMED_REQUEST"],
  ["{", 400, "ERR_MALFORMED_REQUEST"],
  ["", 400, "ERR_MALFORMED_REQUEST"],
] as const;

function registering(sides: Sides): void {
  const { on } = sides;
  const { path, cancel } = remindersOf(sides);

  for (const [asked, shown] of accepted)
    test.concurrent(`reminders: ${JSON.stringify(asked)} is taken and shown`, async () => {
      const id = fresh("taken");
      expect((await on().remind(`Actor/${id}`, "r", asked)).status).toBe(204);
      const answer = await on().host(path(id, "r"));
      expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { actorID: id, actorType: "Actor", ...shown }]);
      expect((await cancel(id, "r")).status).toBe(204);
      expect((await on().host(path(id, "r"))).status).toBe(404);
    });

  for (const [asked, status, code] of refused)
    test.concurrent(`reminders: ${JSON.stringify(asked)} is refused`, async () => {
      const id = fresh("refused");
      const answer = await on().remind(`Actor/${id}`, "r", asked);
      expect([answer.status, answer.code]).toEqual([status, code]);
      expect((await on().host(path(id, "r"))).code).toBe("ERR_ACTOR_REMINDER_NOT_FOUND");
    });

  test.concurrent("reminders: names of one path segment alone, and types that the app hosts", async () => {
    const asked = { dueTime: "1h" };
    const slash = await on().remind(`Actor/${fresh("name")}`, "a%2Fb", asked);
    const long = await on().remind(`Actor/${fresh("name")}`, "n".repeat(600), asked);
    const foreign = await on().remind(`Nobody/${fresh("name")}`, "r", asked);
    expect([slash, long, foreign].map(({ status, code }) => [status, code])).toEqual([
      [400, "ERR_BAD_REQUEST"],
      [500, "ERR_ACTOR_REMINDER_CREATE"],
      [403, "ERR_ACTOR_REMINDER_NON_HOSTED"],
    ]);
  });

  test.concurrent("reminders: a second registration replaces the first, unless it says not to", async () => {
    const id = fresh("replace");
    await on().remind(`Actor/${id}`, "r", { dueTime: "1h" });
    expect((await on().remind(`Actor/${id}`, "r", { dueTime: "2h" })).status).toBe(204);
    const kept = await on().remind(`Actor/${id}`, "r", { dueTime: "3h", overwrite: false });
    expect([kept.status, kept.code]).toEqual([409, "ERR_ACTOR_REMINDER_ALREADY_EXISTS"]);
    expect(JSON.parse((await on().host(path(id, "r"))).body).dueTime).toBe("2h");
    await cancel(id, "r");
  });
}

function firing(sides: Sides): void {
  const { on, app } = sides;
  const { fires, path, cancel } = remindersOf(sides);

  test.concurrent("reminders: one fires once, unmarked, with its data alone, and is gone", async () => {
    const id = fresh("once");
    await on().remind(`Actor/${id}`, "r", { dueTime: "0s", data: { k: "v" } });
    await app().until(() => fires(id, "r").length === 1, "the fire");
    const [heard] = fires(id, "r");
    expect([heard?.verb, JSON.parse(heard?.body ?? "")]).toEqual(["PUT", { data: { k: "v" }, dueTime: "", period: "" }]);
    expect([heard?.headers["dapr-api-call"], heard?.headers["content-type"]]).toEqual([undefined, "application/json"]);
    await expect.poll(async () => (await on().host(path(id, "r"))).status, patience).toBe(404);
  });

  test.concurrent("reminders: a period fires at the due time and then every period, as often as it repeats", async () => {
    const id = fresh("period");
    const registered = performance.now();
    await on().remind(`Actor/${id}`, "r", { dueTime: "100ms", period: "R3/PT1S" });
    await expect.poll(async () => (await on().host(path(id, "r"))).status, patience).toBe(404);
    expect(fires(id, "r")).toHaveLength(3);
    for (const [index, fire] of fires(id, "r").entries()) expect(after(fire, registered)).toBeGreaterThan(100 + index * 1_000);
  });

  test.concurrent("reminders: without a due time the first fire comes after one period", async () => {
    const id = fresh("no-due");
    const registered = performance.now();
    await on().remind(`Actor/${id}`, "r", { period: "500ms" });
    await app().until(() => fires(id, "r").length >= 2, "two fires");
    await cancel(id, "r");
    expect(after(fires(id, "r")[0], registered)).toBeGreaterThan(500);
  });

  test.concurrent("reminders: past its ttl it fires no more", async () => {
    const id = fresh("ttl");
    await on().remind(`Actor/${id}`, "r", { dueTime: "0s", period: "300ms", ttl: "700ms" });
    await expect.poll(async () => (await on().host(path(id, "r"))).status, patience).toBe(404);
    expect(fires(id, "r")).toHaveLength(3);
  });

  test.concurrent("reminders: one that was deleted fires no more, and deleting an absent one is no failure", async () => {
    const id = fresh("deleted");
    await on().remind(`Actor/${id}`, "r", { dueTime: "0s", period: "200ms" });
    await on().remind(`Actor/${id}`, "clock", { dueTime: "0s", period: "200ms" });
    await app().until(() => fires(id, "r").length === 2, "two fires");
    expect([(await cancel(id, "r")).status, (await cancel(id, "r")).status]).toEqual([204, 204]);
    const [before, ticks] = [fires(id, "r").length, fires(id, "clock").length];
    await app().until(() => fires(id, "clock").length >= ticks + 4, "four ticks of the other one");
    await cancel(id, "clock");
    expect(fires(id, "r").length - before).toBeLessThanOrEqual(1);
  });

  test.concurrent("reminders: a fire waits for its turn", async () => {
    const id = fresh("waits");
    const gate = app().hold(`/actors/Actor/${id}/method/m`);
    const call = on().call(`Actor/${id}`, "m");
    const held = await gate.next();
    await on().remind(`Actor/${id}`, "r", { dueTime: "0s" });
    const other = fresh("meanwhile");
    await on().remind(`Actor/${other}`, "r", { dueTime: "300ms" });
    await app().until(() => fires(other, "r").length === 1, "a later fire of another actor");
    expect(fires(id, "r")).toEqual([]);
    held.reply();
    await app().until(() => fires(id, "r").length === 1, "the fire after the turn");
    expect((await call).status).toBe(200);
  });
}

function failing(sides: Sides): void {
  const { on, app } = sides;
  const { fires, path, cancel } = remindersOf(sides);

  for (const status of [500, 404, 204])
    test.concurrent(`reminders: a fire that the app answers ${status} is tried three times more, a second apart, and then dropped`, async () => {
      const id = fresh("fails");
      app().on(`/actors/Actor/${id}/method/remind/r`, () => ({ status }));
      const registered = performance.now();
      await on().remind(`Actor/${id}`, "r", { dueTime: "0s" });
      await expect.poll(async () => (await on().host(path(id, "r"))).status, patience).toBe(404);
      expect(fires(id, "r")).toHaveLength(4);
      for (const [index, fire] of fires(id, "r").entries()) expect(after(fire, registered)).toBeGreaterThan(index * 1_000);
    });

  test.concurrent("reminders: a periodic one goes on after a tick that was dropped", async () => {
    const id = fresh("goes-on");
    let failures = 4;
    app().on(`/actors/Actor/${id}/method/remind/r`, () => ({ status: failures-- > 0 ? 500 : 200 }));
    const registered = performance.now();
    await on().remind(`Actor/${id}`, "r", { dueTime: "0s", period: "5s" });
    await app().until(() => fires(id, "r").length === 5, "four failures and the next tick");
    await cancel(id, "r");
    expect(after(fires(id, "r")[4], registered)).toBeGreaterThan(5_000);
  });

  test.concurrent("reminders: X-DaprReminderCancel cancels nothing", async () => {
    const id = fresh("cancel");
    app().on(`/actors/Actor/${id}/method/remind/r`, () => ({ headers: { "X-DaprReminderCancel": "true" } }));
    await on().remind(`Actor/${id}`, "r", { dueTime: "0s", period: "300ms" });
    await app().until(() => fires(id, "r").length === 3, "three fires");
    await cancel(id, "r");
  });
}

function surviving(sides: Sides): void {
  const { on, app, env } = sides;
  const { fires, path } = remindersOf(sides);

  test("reminders: they survive a crash, and what was missed is made up for", async () => {
    const id = fresh("survives");
    await on().remind(`Actor/${id}`, "tick", { dueTime: "0s", period: "R4/PT1S" });
    await on().remind(`Actor/${id}`, "once", { dueTime: "1s", data: "kept" });
    await app().until(() => fires(id, "tick").length === 1, "the first tick");
    await env().restart();
    await app().until(() => fires(id, "tick").length >= 4 && fires(id, "once").length >= 1, "the ticks that are left, and the other one");
    expect(JSON.parse(fires(id, "once")[0]?.body ?? "").data).toBe("kept");
    await expect.poll(async () => (await on().host(path(id, "tick"))).status, patience).toBe(404);
  });
}
