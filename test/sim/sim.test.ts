import { expect, test } from "vitest";
import { DEFAULT_STEPS, describe, readSeeds, runSeeds } from "./seeds.ts";

/** Seeds, and steps under faults; each seed runs twice, and comes to rest after that. */
const SEEDS = 2_000;
const PATIENCE_MS = 600_000;

test("every seed that ever failed holds", { timeout: PATIENCE_MS }, async () => {
  const { failures } = await runSeeds(readSeeds());
  expect(failures.map(describe)).toEqual([]);
});

test(`V1-V7 hold after every step of ${SEEDS} histories of ${DEFAULT_STEPS} steps, and each seed gives the same trace twice`, {
  timeout: PATIENCE_MS,
}, async () => {
  const { failures, seeds, steps, judged } = await runSeeds([{ from: 1, count: SEEDS, steps: DEFAULT_STEPS }]);
  expect(failures.map(describe)).toEqual([]);
  expect({ seeds, steps }).toEqual({ seeds: SEEDS, steps: SEEDS * DEFAULT_STEPS });
  // A history in which nothing was answered proves nothing.
  for (const kind of [
    "append ok",
    "append conflict",
    "append unavailable",
    "append expired",
    "read ok",
    "read expired",
    "verify ok",
    "list ok",
  ])
    expect(judged[kind] ?? 0, kind).toBeGreaterThan(SEEDS / 20);
});
