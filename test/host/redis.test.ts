import { expect, test } from "vitest";
import { examineRedis } from "../../services/host/redis.ts";

/** Whom an examination with these settings warns about; what it throws, as its message. */
async function examined(redisUrl: string | undefined, acceptLoss: boolean): Promise<string[]> {
  const said: string[] = [];
  const events = { unexamined: (component: string) => void said.push(component) };
  await examineRedis({ stateStore: "store", redisUrl, acceptLoss }, events).catch((reason: unknown) => said.push(String(reason)));
  return said;
}

test("a Redis that nobody may look at is warned about once (C9)", async () => {
  expect(await examined(undefined, false)).toEqual(["store"]);
});

test("who accepts loss is not warned, and nothing is looked at", async () => {
  expect(await examined(undefined, true)).toEqual([]);
  expect(await examined("redis://127.0.0.1:1", true)).toEqual([]);
});

test("a Redis that is named and cannot be looked at ends the start", async () => {
  expect(await examined("redis://127.0.0.1:1", false)).toEqual([expect.stringMatching(/could not be examined/)]);
});
