import { expect, test } from "vitest";
import { configured, fresh, type Sides } from "./client.ts";
import { eventOf, messagesOf } from "./publish.ts";

/** What becomes of a message, by what its subscriber answers. */
export function deliverySuite(sides: Sides): void {
  taking(sides);
  refusing(sides);
  losing(sides);
  bounding(sides);
  surviving(sides);
}

const taken = ["", '{"status":"SUCCESS"}', '{"status":""}', "garbage", "null", "[]", '{"status":5}'];
const again = [
  { body: '{"status":"RETRY"}' },
  { body: '{"status":"retry"}' },
  { body: '{"status":"LATER"}' },
  { status: 500 },
  { status: 400 },
  { status: 302, headers: { location: "/in/elsewhere" } },
];

function taking(sides: Sides): void {
  const { on, app } = sides;
  const { arrived, heardAt } = messagesOf(sides);

  for (const body of taken)
    test(`delivery: the answer 200 ${JSON.stringify(body)} takes the message`, async () => {
      const mark = fresh("taken");
      app().onMark(mark, () => ({ body }));
      await on().publish("open", mark);
      await arrived("/in/open", mark);
      const after = fresh("after");
      await on().publish("open", after);
      await arrived("/in/open", after);
      expect([heardAt("/in/open", mark).length, heardAt("/in/dead", mark).length]).toEqual([1, 0]);
    });

  test("delivery: a retry that is taken is the last one", async () => {
    const mark = fresh("second");
    let refusals = 1;
    app().onMark(mark, () => ({ status: refusals-- > 0 ? 500 : 200 }));
    await on().publish("open", mark);
    await arrived("/in/open", mark, 2);
    const after = fresh("after");
    await on().publish("open", after);
    await arrived("/in/open", after);
    expect([heardAt("/in/open", mark).length, heardAt("/in/dead", mark).length]).toEqual([2, 0]);
  });
}

function refusing(sides: Sides): void {
  const { on, app } = sides;
  const { arrived, heardAt } = messagesOf(sides);

  for (const reply of again)
    test(`delivery: after ${JSON.stringify(reply)} the message is delivered twice more, and then to the dead-letter topic`, async () => {
      const mark = fresh("again");
      app().onMark(mark, ({ path }) => (path === "/in/dead" ? {} : reply));
      await on().publish("open", mark);
      const [dead] = await arrived("/in/dead", mark);
      const delivered = heardAt("/in/open", mark);
      expect(delivered).toHaveLength(1 + configured.retries);
      expect(new Set(delivered.map((heard) => eventOf(heard).id))).toEqual(new Set([eventOf(dead).id]));
      expect(eventOf(dead)).toMatchObject({ data: mark, topic: "open" });
    });

  for (const reply of [{ body: '{"status":"DROP"}' }, { status: 404 }])
    test(`delivery: after ${JSON.stringify(reply)} the message goes to the dead-letter topic at once`, async () => {
      const mark = fresh("drop");
      app().onMark(mark, ({ path }) => (path === "/in/dead" ? {} : reply));
      await on().publish("open", mark);
      await arrived("/in/dead", mark);
      expect(heardAt("/in/open", mark)).toHaveLength(1);
    });
}

function losing(sides: Sides): void {
  const { on, app } = sides;
  const { arrived, heardAt } = messagesOf(sides);

  test("delivery: without a dead-letter topic the message is lost after the last retry", async () => {
    const mark = fresh("lost");
    app().onMark(mark, () => ({ status: 500 }));
    await on().publish("alone", mark);
    await arrived("/in/alone", mark, 1 + configured.retries);
    const after = fresh("after");
    await on().publish("alone", after);
    await arrived("/in/alone", after);
    expect([heardAt("/in/alone", mark).length, heardAt("/in/dead", mark).length]).toEqual([1 + configured.retries, 0]);
  });

  test("delivery: a dead letter that is refused is tried again, and then dropped", async () => {
    const mark = fresh("dead");
    app().onMark(mark, ({ path }) => ({ body: path === "/in/dead" ? '{"status":"RETRY"}' : '{"status":"DROP"}' }));
    await on().publish("open", mark);
    await arrived("/in/dead", mark, 1 + configured.retries);
    const after = fresh("after");
    await on().publish("dead", after);
    await arrived("/in/dead", after);
    expect(heardAt("/in/dead", mark)).toHaveLength(1 + configured.retries);
  });

  test("delivery: a message past its time to live is not delivered but dead-lettered", async () => {
    const mark = fresh("expired");
    const event = { id: mark, data: mark, expiration: "2020-01-01T00:00:00Z" };
    await on().publish("open", JSON.stringify(event), "application/cloudevents+json");
    const after = fresh("after");
    await on().host("/v1.0/publish/bus/open?metadata.ttlInSeconds=100", { body: after });
    const [heard] = await arrived("/in/open", after);
    expect(Date.parse(String(eventOf(heard).expiration)) - Date.parse(String(eventOf(heard).time))).toBe(100_000);
    expect(heardAt("/in/open", mark)).toEqual([]);
  });
}

function bounding(sides: Sides): void {
  const { on, app } = sides;
  const { heardAt } = messagesOf(sides);

  test("delivery: ten messages at once, and the others when these are taken", async () => {
    const marks = Array.from({ length: 25 }, () => fresh("at-once"));
    const held: (() => void)[] = [];
    for (const mark of marks) app().onMark(mark, () => new Promise((resolve) => held.push(() => resolve({}))));
    await Promise.all(marks.map((mark) => on().publish("alone", mark)));
    await app().until(() => held.length === configured.concurrency, "as many as fit");
    const quiet = fresh("quiet");
    for (let round = 0; round < 20; round++) await on().call(`Actor/${quiet}`, "m");
    expect(held).toHaveLength(configured.concurrency);
    for (let served = 0; served < marks.length; served++) {
      await app().until(() => held.length > served, "the next one");
      held[served]?.();
    }
    for (const mark of marks) expect(heardAt("/in/alone", mark).length).toBeGreaterThanOrEqual(1);
  });
}

function surviving(sides: Sides): void {
  const { on, app, env } = sides;
  const { heardAt } = messagesOf(sides);

  test("delivery: what was accepted survives a crash, delivered or not", async () => {
    const marks = Array.from({ length: 25 }, () => fresh("survives"));
    const release = Promise.withResolvers<void>();
    for (const mark of marks) app().onMark(mark, () => release.promise.then(() => ({})));
    await Promise.all(marks.map((mark) => on().publish("alone", mark)));
    await app().until(
      () => marks.filter((mark) => heardAt("/in/alone", mark).length > 0).length === configured.concurrency,
      "as many as fit",
    );
    const before = app().heard.length;
    for (const mark of marks) app().onMark(mark, () => ({}));
    await env().restart();
    release.resolve();
    const after = (mark: string) =>
      app()
        .heard.slice(before)
        .some(({ path, body }) => path === "/in/alone" && body.includes(mark));
    await app().until(() => marks.every(after), "all of them after the crash");
  });
}
