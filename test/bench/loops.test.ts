import { expect, test } from "vitest";
import { runLoops, sampleOf } from "../../bench/loops.ts";

test("several runs are measured as one", () => {
  const runs = [
    { ms: 500, took: [4, 1], used: [10, undefined] },
    { ms: 1_500, took: [2, 3, 9, 5], used: [20, 7] },
  ];
  expect(sampleOf(runs)).toEqual({ rate: 3, p50: 4, p99: 9, costs: [5, undefined] });
});

test("what a meter went up by counts, from the end of the unmeasured time on, and calls that end within the measured one", async () => {
  let meter = 0;
  const step = async (): Promise<void> => {
    meter++;
    await new Promise((done) => setImmediate(done));
  };
  const { took, used, ms } = await runLoops([step], { warmMs: 20, ms: 20 }, [() => meter, () => undefined]);
  expect(ms).toBe(20);
  expect(took.length).toBeGreaterThan(0);
  expect(took.length).toBeLessThan(meter);
  expect(used[0]).toBeLessThan(meter);
  expect(used[1]).toBeUndefined();
});
