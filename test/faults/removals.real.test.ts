// Without its cure a fault breaks what was promised: a few of the removals, those that are found within seconds. `npm run faults -- --cures` runs all.

import { expect } from "vitest";
import { binaries, liveTest } from "../tools/live.ts";
import { cancelledQueued } from "./cancelled-queued.ts";
import { forged } from "./forged.ts";
import { pastTheLock } from "./past-the-lock.ts";
import { runRemoval } from "./removals.ts";

const RUN_MS = 120_000;
const quick = [cancelledQueued, pastTheLock, forged].flatMap((fault) =>
  fault.cures.map((removal) => ({ fault, removal, name: fault.name, cures: removal.without.join(" and ") })),
);

liveTest.each(quick)(
  "$name finds that the cure $cures is gone",
  async ({ fault, removal }) => {
    const options = { binaries: binaries(), store: "redis", seed: 1, keep: false, report: () => {} } as const;
    const { finding, violations } = await runRemoval(fault, removal, options);
    expect(finding, violations.join("\n")).toMatch(removal.finds);
  },
  RUN_MS,
);
