// A second host joins and leaves while turns take longer than the runtime waits for them: it starts them again, here or there.

import { setTimeout as pause } from "node:timers/promises";
import type { FaultHost } from "./installation.ts";
import { LogTail } from "./log-tail.ts";
import type { Fault, Stage } from "./stage.ts";

/** How long a cut is waited for: past the drain of half a second (cures.ts). All in all turns are held for less than a call to the store may take. */
const CUT_MS = 2_000;
/** The runtime starts what it cut off anew after a second, on another host after two; then it has a moment to get ahead of the first. */
const ANEW_MS = { here: 1_300, there: 2_200 } as const;
const AHEAD_MS = 300;
const STOP_MS = 1_000;

export const hostJoins: Fault = {
  name: "host-joins",
  about: "a second host joins, and leaves, while turns take longer than the runtime waits for them",
  cures: [
    { without: ["keys"], fires: 4, finds: /\(V5\)/ },
    { without: ["handover", "fence"], fires: 10, finds: /\(V[46]\)/ },
    { without: ["handover", "attempt-id"], fires: 10, finds: /\(V[46]\)|\(A2\)/ },
  ],
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

type Change = {
  readonly what: string;
  /** Where turns run long meanwhile. */
  readonly on: readonly FaultHost[];
  make(): Promise<void>;
  /** What was cut off has been started anew, and is ahead of its first run where it can be. */
  anew(): Promise<void>;
};

/** Makes a change while turns run long, until the runtime has cut them off and started them anew; true if it has. */
async function whileLong(stage: Stage, { what, on, make, anew }: Change): Promise<boolean> {
  const { first } = stage.site;
  using log = new LogTail(first.logs.sidecar);
  for (const { gate } of on) gate.close();
  await first.gate.arrives();
  stage.fire(
    what,
    on.reduce((sum, { gate }) => sum + gate.underWay, 0),
  );
  const made = make();
  const cut = await log.finds((line) => line.includes("force cancelling"), CUT_MS);
  await anew();
  for (const { gate } of on) gate.open();
  await made;
  return cut;
}

async function join(stage: Stage, second: FaultHost): Promise<boolean> {
  // Each waits for the other; once the application serves, its sidecar finds it within a second and says so to placement.
  const sidecar = second.host.sidecar.process.start();
  await second.process.start();
  return whileLong(stage, {
    what: "a host joined",
    on: [stage.site.first],
    make: async () => {
      await sidecar;
      await second.host.ready();
    },
    anew: () => Promise.race([second.gate.arrives().then(() => pause(AHEAD_MS)), pause(ANEW_MS.there)]),
  });
}

/** Sometimes its own turns are long as well: then it waits for them while they are started anew where they belong now. */
function leave(stage: Stage, second: FaultHost): Promise<boolean> {
  const { first } = stage.site;
  return whileLong(stage, {
    what: "a host left",
    on: stage.random.chance(0.5) ? [second, first] : [first],
    make: () => stop(second),
    anew: () => pause(ANEW_MS.here),
  });
}

/** A sidecar waits up to 5 s for calls that will not come to an end; nobody else has to. */
async function stop({ process, host }: FaultHost): Promise<void> {
  await process.stop();
  const patience = setTimeout(() => void host.sidecar.process.kill(), STOP_MS);
  await host.sidecar.process.stop();
  clearTimeout(patience);
}
