import { expect, test } from "vitest";
import { fresh, type Sides } from "./client.ts";
import { after } from "./reminders.ts";

/** Timers, which outlive nothing. */
export function timerSuite(sides: Sides): void {
  firing(sides);
  refusing(sides);
  forgetting(sides);
}

function timersOf({ on, app }: Sides) {
  const fires = (id: string, name: string) => app().at(`/actors/Actor/${id}/method/timer/${name}`);
  const cancel = (id: string, name: string) => on().host(`/v1.0/actors/Actor/${id}/timers/${name}`, { verb: "DELETE" });
  /** Four ticks of a timer that is registered now: later than anything that an earlier one still had to do. */
  const ticks = async () => {
    const id = fresh("clock");
    await on().time(`Actor/${id}`, "t", { period: "200ms" });
    await app().until(() => fires(id, "t").length >= 4, "four ticks");
    await cancel(id, "t");
  };
  return { fires, cancel, ticks };
}

function firing(sides: Sides): void {
  const { on, app } = sides;
  const { fires, cancel, ticks } = timersOf(sides);

  test.concurrent("timers: one fires once, unmarked, with callback, data and what was asked", async () => {
    const id = fresh("once");
    const asked = { dueTime: "100ms", data: { q: 1 }, callback: "cb" };
    expect((await on().time(`Actor/${id}`, "t", asked)).status).toBe(204);
    await app().until(() => fires(id, "t").length === 1, "the fire");
    const [heard] = fires(id, "t");
    expect(JSON.parse(heard?.body ?? "")).toEqual({ ...asked, period: "" });
    expect(heard?.headers["dapr-api-call"]).toBeUndefined();
  });

  test.concurrent("timers: a period without a due time begins at once, and a failed tick is not tried again", async () => {
    const id = fresh("period");
    app().on(`/actors/Actor/${id}/method/timer/t`, () => ({ status: 500 }));
    const registered = performance.now();
    await on().time(`Actor/${id}`, "t", { period: "R2/PT1S" });
    await app().until(() => fires(id, "t").length === 2, "two fires");
    expect(after(fires(id, "t")[1], registered)).toBeGreaterThan(1_000);
  });

  test.concurrent("timers: one fires as often as it repeats, and not past its ttl", async () => {
    const [repeats, ends] = [fresh("repeats"), fresh("ends")];
    await on().time(`Actor/${repeats}`, "t", { dueTime: "0s", period: "R2/PT1S" });
    await on().time(`Actor/${ends}`, "t", { dueTime: "0s", period: "100ms", ttl: "250ms" });
    await app().until(() => fires(repeats, "t").length === 2, "both repetitions");
    const before = fires(ends, "t").length;
    for (let round = 0; round < 2; round++) await ticks();
    expect([fires(repeats, "t").length, fires(ends, "t").length]).toEqual([2, before]);
  });

  test.concurrent("timers: one that was deleted fires no more, even if it was firing just then", async () => {
    const [idle, busy] = [fresh("idle"), fresh("busy")];
    await on().time(`Actor/${idle}`, "t", { dueTime: "1s", period: "100ms" });
    const gate = app().hold(`/actors/Actor/${busy}/method/timer/t`);
    await on().time(`Actor/${busy}`, "t", { period: "100ms" });
    const held = await gate.next();
    expect([(await cancel(idle, "t")).status, (await cancel(busy, "t")).status, (await cancel(busy, "absent")).status]).toEqual([
      204, 204, 204,
    ]);
    held.reply();
    for (let round = 0; round < 2; round++) await ticks();
    expect([fires(idle, "t").length, fires(busy, "t").length]).toEqual([0, 1]);
  });
}

function refusing({ on }: Sides): void {
  const refused = [
    [{ dueTime: "soon" }, 500, "ERR_ACTOR_TIMER_CREATE"],
    [{ dueTime: "R5/PT1H" }, 500, "ERR_ACTOR_TIMER_CREATE"],
    [{ dueTime: "1h", period: "often" }, 500, "ERR_ACTOR_TIMER_CREATE"],
    [{ dueTime: "1h", period: "R0/PT10S" }, 500, "ERR_ACTOR_TIMER_CREATE"],
    [{ dueTime: "2h", period: "1h", ttl: "-1h" }, 500, "ERR_ACTOR_TIMER_CREATE"],
    ["{", 400, "ERR_MALFORMED_REQUEST"],
    ["", 400, "ERR_MALFORMED_REQUEST"],
  ] as const;
  for (const [asked, status, code] of refused)
    test.concurrent(`timers: ${JSON.stringify(asked)} is refused`, async () => {
      const answer = await on().time(`Actor/${fresh("refused")}`, "t", asked);
      expect([answer.status, answer.code]).toEqual([status, code]);
    });

  test.concurrent("timers: only for types that the app hosts", async () => {
    const answer = await on().time(`Nobody/${fresh("x")}`, "t", { dueTime: "1h" });
    expect([answer.status, answer.code]).toEqual([500, "ERR_ACTOR_TIMER_CREATE"]);
  });
}

function forgetting(sides: Sides): void {
  const { on, app, env } = sides;
  const { fires, ticks } = timersOf(sides);

  test("timers: a crash forgets them", async () => {
    const id = fresh("forgotten");
    await on().time(`Actor/${id}`, "t", { period: "300ms" });
    await app().until(() => fires(id, "t").length === 1, "the first fire");
    await env().restart();
    const before = fires(id, "t").length;
    await ticks();
    expect(fires(id, "t")).toHaveLength(before);
  });
}
