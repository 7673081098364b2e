// A queue that is full to the last place. The store answers nobody until the test lets it, so it is known who waits.

import { expect, test } from "vitest";
import { limits } from "../../protocol/limits.ts";
import { appends, CALLS, expectExactly, flood } from "../suites/bad-input/floods.ts";
import { settle, text } from "../suites/caller.ts";
import { openInMemory } from "./memory-installation.ts";

/** More connections than calls that can wait, so that those that are refused do not wait for those that are not. */
const CONNECTIONS = 512;

test(`B2: of ${CALLS} calls of a context that stands still one runs, ${limits.queue_per_context} wait, and all others hear when to come back`, async () => {
  await using installation = await openInMemory();
  const setting = await settle(installation);
  const { caller, name } = setting;
  const id = name("full");
  const { store, clock } = installation.world;
  const opened = Promise.withResolvers<void>();
  store.gate = () => opened.promise;
  // However long it takes to send so many, nobody's patience runs out.
  const now = clock.elapsed();
  clock.elapsed = () => now;

  const room = limits.queue_per_context + 1;
  let answered = 0;
  const answers = await flood(installation.host, appends(id, caller.grant), CONNECTIONS, () => {
    answered++;
    // All that could be refused was refused; only now may the others go on.
    if (answered === CALLS - room) opened.resolve();
  });

  const refused = answers.filter((answer) => !answer.ok);
  expect(refused.length).toBe(CALLS - room);
  for (const refusal of refused)
    expect(refusal).toEqual({
      ok: false,
      code: "overloaded",
      message: `${limits.queue_per_context} turns wait for this context already; at most ${limits.queue_per_context}. Try again after ${limits.queue_retry_after_ms} ms`,
      retryAfterMs: limits.queue_retry_after_ms,
    });
  await expectExactly(setting, id, answers);
  // Who was refused comes back, and is served as one who was never here.
  const [n = 0] = answers.flatMap((answer, n) => (answer.ok ? [] : [n]));
  const again = await caller.call(id, "append", { key: `flood-${n}`, items: [text(`flood-${n}`)] });
  expect(again).toMatchObject({ version: room + 1 });
  expect(again.duplicate).toBeUndefined();
});

test("B2: another context is served while one is full", async () => {
  await using installation = await openInMemory();
  const setting = await settle(installation);
  const { caller, name } = setting;
  const [full, other] = [name("full"), name("other")];
  await caller.call(other, "append", { key: "k", items: [text("x")] });
  const opened = Promise.withResolvers<void>();
  installation.world.store.gate = () => opened.promise;
  const isFull = Promise.withResolvers<void>();
  const count = limits.queue_per_context + 2;
  // The first answer is the refusal of the only one for whom there is no room.
  const all = flood(installation.host, appends(full, caller.grant, count), count, isFull.resolve);
  await isFull.promise;
  // What is hot needs no store.
  expect(await caller.call(other, "read")).toMatchObject({ version: 1 });
  opened.resolve();
  expect((await all).filter((answer) => answer.ok).length).toBe(limits.queue_per_context + 1);
});
