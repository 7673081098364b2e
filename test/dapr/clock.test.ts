import { expect, test } from "vitest";
import { systemClock } from "../../dapr/clock.ts";

test("rounds are over once the event loop has come round so often, and no sooner", async () => {
  const said: string[] = [];
  const round = (n: number): void => {
    said.push(`round ${n}`);
    if (n < 5) setImmediate(round, n + 1);
  };
  setImmediate(round, 1);
  await systemClock.rounds(3);
  expect(said).toEqual(["round 1", "round 2", "round 3"]);
  await systemClock.rounds(0);
  expect(said).toHaveLength(3);
});
