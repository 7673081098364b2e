import { expect, test } from "vitest";
import { Activation } from "../../actors/activation.ts";
import { ContextActor } from "../../actors/context.ts";
import { Outbox } from "../../actors/outbox.ts";
import type { ContextEvent } from "../../core/record.ts";
import { limits } from "../../protocol/limits.ts";
import { settle } from "./claims.ts";
import { ID, Scene } from "./scene.ts";

const event = (version: number): ContextEvent =>
  ({ type: "strata.context.appended", context: ID, version, digest: "", at: 0, author: "tester" }) as unknown as ContextEvent;

/** An outbox of a bus that answers when the test does. */
function outboxOf(waiting: number) {
  const answers: ((taken: boolean) => void)[] = [];
  const bus = { publish: () => new Promise<boolean>((resolve) => answers.push(resolve)) };
  const outbox = new Outbox({ ...new Scene({ ContextActor }).ports(), bus }, { ...limits, events_waiting: waiting, events_gather_ms: 0 });
  const answer = async (taken: boolean): Promise<void> => {
    answers.shift()?.(taken);
    await settle();
  };
  return { outbox, answer };
}

test("an outbox takes so many events, and none behind a gap; nobody is to look for more while it has no room", async () => {
  const { outbox, answer } = outboxOf(2);
  const a = new Activation(ID);
  expect([outbox.add(a, event(2)), outbox.add(a, event(1)), outbox.open]).toEqual([false, true, true]);
  expect([outbox.add(a, event(3)), outbox.add(a, event(2)), outbox.open]).toEqual([false, true, false]);
  expect([outbox.add(a, event(3)), outbox.has(a)]).toEqual([false, true]);
  await answer(true);
  await answer(true);
  expect([a.published, outbox.has(a), outbox.open, outbox.add(a, event(3))]).toEqual([2, false, true, true]);
});

test("nobody is to look for more events while the bus is away, until it has taken one", async () => {
  const { outbox, answer } = outboxOf(8);
  const a = new Activation(ID);
  outbox.add(a, event(1));
  for (let i = 0; i < limits.publish_attempts; i++) {
    await answer(false);
    expect(outbox.open).toBe(false);
  }
  expect([a.published, outbox.has(a)]).toEqual([0, false]);
  outbox.add(a, event(1));
  await answer(true);
  expect([a.published, outbox.has(a), outbox.open]).toEqual([1, false, true]);
});
