// A second host joins and leaves while turns take longer than the runtime waits for them: it starts them again, here or there.

import { setTimeout as pause } from "node:timers/promises";
import type { FaultHost } from "./installation.ts";
import { LogTail } from "./log-tail.ts";
import type { Fault, Stage } from "./stage.ts";

/** How long turns are held at most: past the drain of half a second (cures.ts), within what a call to the store may take (5 s). */
const HELD_MS = 3_500;
/** The runtime starts what it cut off anew after a second. */
const AFTER_MS = 1_300;
const STOP_MS = 1_000;

export const hostJoins: Fault = {
  name: "host-joins",
  about: "a second host joins, and leaves, while turns take longer than the runtime waits for them",
  cures: [["fence"], ["keys"], ["attempt-id"]],
  async run(stage) {
    const second = await stage.site.second();
    let cut = 0;
    for (let joined = true; !stage.enough; joined = !joined) {
      if (await (joined ? leave(stage, second) : join(stage, second))) cut++;
      await stage.goOn();
    }
    stage.claim(cut > 0, "the runtime cut turns off and started them anew");
    await stop(second);
  },
};

/** Turns run long on `hosts` while `change` is made, until the runtime has cut them off; true if it has. */
async function whileLong(stage: Stage, what: string, hosts: readonly FaultHost[], change: () => Promise<void>): Promise<boolean> {
  const { first } = stage.site;
  using log = new LogTail(first.logs.sidecar);
  for (const { gate } of hosts) gate.close();
  await first.gate.arrives();
  const inFlight = hosts.reduce((sum, { gate }) => sum + gate.underWay, 0);
  stage.fire(what, inFlight);
  const changed = change();
  const cut = await log.finds((line) => line.includes("force cancelling"), HELD_MS);
  await pause(AFTER_MS);
  for (const { gate } of hosts) gate.open();
  await changed;
  return cut;
}

async function join(stage: Stage, second: FaultHost): Promise<boolean> {
  // Each waits for the other; once the application serves, its sidecar finds it within a second and says so to placement.
  const sidecar = second.host.sidecar.process.start();
  await second.process.start();
  return whileLong(stage, "a host joined", [stage.site.first], async () => {
    await sidecar;
    await second.host.ready();
  });
}

/** Sometimes its own turns are long as well: then it waits for them. */
async function leave(stage: Stage, second: FaultHost): Promise<boolean> {
  const { first } = stage.site;
  return whileLong(stage, "a host left", stage.random.chance(0.3) ? [first, second] : [first], () => stop(second));
}

/** A sidecar waits up to 5 s for calls that will not come to an end; nobody else has to. */
async function stop({ process, host }: FaultHost): Promise<void> {
  await process.stop();
  const patience = setTimeout(() => void host.sidecar.process.kill(), STOP_MS);
  await host.sidecar.process.stop();
  clearTimeout(patience);
}
