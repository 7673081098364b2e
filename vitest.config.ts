import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * Tests of these files start whole installations on a real Dapr runtime: after all others, and five at a time, since for much of their time they
 * wait for reminders, leases and hosts that come back.
 */
const real = "**/*.real.test.ts";
/** These need two installations at once each, and moments that are hard to hit on a machine that does much else: two that mostly wait beside the others. */
const faults = "test/faults/*.real.test.ts";
const outside = ["**/node_modules/**", "var/**", "bench/peers/**", "tools/dapr/**"];

export default defineConfig({
  test: {
    // A property that fails prints its seed and what it shrank to; the rest of a run says nothing that nobody asked for.
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...outside, real],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // One more than there are cores, since some wait for the processes that they start. By default it would be one less, which is half of two.
          maxWorkers: availableParallelism() + 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "real",
          include: [real],
          exclude: [...outside, faults],
          maxWorkers: 5,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "faults",
          include: [faults],
          exclude: outside,
          maxWorkers: 3,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
