// A process that runs histories: a task is a range of seeds.

import { serveTasks } from "./pool.ts";
import type { SeedsTask } from "./seeds.ts";
import { type History, simulateTwice } from "./simulate.ts";

const stray: unknown[] = [];
process.on("unhandledRejection", (reason) => stray.push(reason));

serveTasks(async ({ from, count, steps }: SeedsTask): Promise<readonly History[]> => {
  const histories: History[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const history = await simulateTwice(seed, steps);
    const strays = stray.splice(0).map((reason) => ({ rule: "internal", what: `nobody caught ${String(reason)}`, step: history.steps }));
    histories.push({ ...history, violations: [...history.violations, ...strays] });
  }
  return histories;
});
