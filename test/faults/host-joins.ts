// A second host joins and leaves while turns take longer than the runtime waits for them: it starts them again, here or there.

import { setTimeout as pause } from "node:timers/promises";
import type { FaultHost } from "./installation.ts";
import { LogTail } from "./log-tail.ts";
import type { Fault, Stage } from "./stage.ts";

/** How long turns are held: past the drain of 1 s (cures.ts), within what a call to the store may take (5 s). */
const HELD_MS = 2_500;
/** After it the runtime has cut off what runs. */
const DRAINED_MS = 1_300;
const NEWS_MS = 100;

export const hostJoins: Fault = {
  name: "host-joins",
  about: "a second host joins, and leaves, while turns take longer than the runtime waits for them",
  cures: [["fence"], ["keys"], ["attempt-id"]],
  async run(stage) {
    const { site } = stage;
    const second = await site.second();
    let cut = 0;
    for (let joined = true; !stage.enough; joined = !joined) {
      using log = new LogTail(site.first.logs.sidecar);
      if (joined) await leave(stage, second);
      else await join(stage, second);
      if (await log.finds((line) => line.includes("force cancelling"), NEWS_MS)) cut++;
      await stage.load.flows();
    }
    stage.claim(cut > 0, "the runtime cut turns off and started them anew");
    await stop(second);
  },
};

/** Turns run long on `hosts` while `change` is made. */
async function whileLong(stage: Stage, what: string, hosts: readonly FaultHost[], change: () => Promise<void>): Promise<void> {
  const { first } = stage.site;
  for (const { gate } of hosts) gate.close();
  await first.gate.arrives();
  const inFlight = hosts.reduce((sum, { gate }) => sum + gate.underWay, 0);
  stage.fire(what, inFlight);
  const changed = change();
  await Promise.race([pause(HELD_MS), changed]);
  for (const { gate } of hosts) gate.open();
  await changed;
}

async function join(stage: Stage, second: FaultHost): Promise<void> {
  // Each waits for the other; once the application serves, its sidecar finds it within a second and says so to placement.
  const sidecar = second.host.sidecar.process.start();
  await second.process.start();
  await whileLong(stage, "a host joined", [stage.site.first], async () => {
    await sidecar;
    await second.host.ready();
    await pause(DRAINED_MS);
  });
}

async function leave(stage: Stage, second: FaultHost): Promise<void> {
  await whileLong(stage, "a host left", [stage.site.first, second], async () => {
    await pause(DRAINED_MS);
    await stop(second);
  });
}

async function stop(second: FaultHost): Promise<void> {
  await second.process.stop();
  await second.host.sidecar.process.stop();
}
