import { expect, test } from "vitest";
import { runLoops, sampleOf } from "../../bench/loops.ts";

test("several runs are measured as one", () => {
  const runs = [
    { ms: 500, took: [4, 1], used: [10, undefined] },
    { ms: 1_500, took: [2, 3, 9, 5], used: [20, 7] },
  ];
  expect(sampleOf(runs)).toEqual({ rate: 3, p50: 4, p99: 9, costs: [5, undefined] });
});

test("calls count that end within the measured time: none before it, and of each loop all but the last", async () => {
  let calls = 0;
  const step = async (): Promise<void> => {
    calls++;
    await new Promise((done) => setImmediate(done));
  };
  const meters = [() => calls, () => undefined];
  expect(await runLoops([step], { warmMs: 20, ms: 0 }, meters)).toMatchObject({ ms: 0, took: [] });
  calls = 0;
  const { took, used, ms } = await runLoops([step], { warmMs: 0, ms: 20 }, meters);
  expect([ms, took.length, used[1]]).toEqual([20, calls - 1, undefined]);
  expect(used[0]).toBeLessThanOrEqual(calls);
});
