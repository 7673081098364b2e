// kill -9 at random moments under load, of everything in turn: host, both sidecars, placement, the store. Each is started again.

import { setTimeout as pause } from "node:timers/promises";
import type { Process } from "../../tools/run/processes.ts";
import type { Installation } from "./installation.ts";
import type { Fault } from "./stage.ts";

/** A kill comes at any moment within so many ms after a write was seen under way. */
const WITHIN_MS = 20;
const DOWN_MS = 200;

export const kills: Fault = {
  name: "kills",
  about: "host, sidecars, placement and the store are killed (kill -9) at random moments under load and started again",
  cures: [
    { without: ["read-back"], fires: 10, finds: /\(V[46]\)|\(A2\)|history can't be read/ },
    { without: ["keys"], fires: 10, finds: /\(V5\)/ },
    { without: ["told-again"], fires: 10, finds: /\(C7\)/ },
    { without: ["durable"], fires: 10, finds: /\(V4\)|history can't be read/ },
  ],
  async run(stage) {
    const { site, random } = stage;
    let bag: [string, Process][] = [];
    while (!stage.enough) {
      if (bag.length === 0) bag = [...victims(site)];
      const [[name, victim] = ["", undefined]] = bag.splice(random.below(bag.length), 1);
      if (victim === undefined) return;
      await site.first.gate.arrives();
      await pause(random.between(0, WITHIN_MS));
      await site.first.gate.arrives();
      stage.fire(`${name} was killed`, site.first.gate.underWay);
      await victim.kill();
      await pause(random.between(0, DOWN_MS));
      await victim.start();
      await stage.goOn();
    }
  },
};

function victims({ cluster, first }: Installation): Map<string, Process> {
  const all = new Map<string, Process>([
    ["the host", first.process],
    ["the host's sidecar", first.host.sidecar.process],
    ["the callers' sidecar", cluster.callers.process],
  ]);
  for (const [name, own] of [
    ["placement", cluster.placement.process],
    ["the store", cluster.store?.process],
  ] as const)
    if (own !== undefined) all.set(name, own);
  return all;
}
