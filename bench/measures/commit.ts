// Commits: turns of 1 KB, each durable when it is answered, by c closed loops, a fresh context every 100 turns; and the floor's writes the same way.
import type { Growing } from "../client.ts";
import { runPhase, type Phase, type Sample, type Step } from "../load.ts";
import type { Rig } from "../rig.ts";

const TURNS_PER_CONTEXT = 100;
export function ours({ client }: Rig): Step {
  let context: Growing = client.context();
  return async () => {
    if (context.version === TURNS_PER_CONTEXT) context = client.context();
    await client.append(context);
  };
}

export function floors({ caller, client }: Rig): Step {
  let { id } = client.context();
  let written = 0;
  const body = JSON.stringify({ grant: "x".repeat(200), text: "x".repeat(1_100) });
  return async () => {
    if (written === TURNS_PER_CONTEXT) {
      ({ id } = client.context());
      written = 0;
    }
    const answer = await caller.call("Floor", id, "write", body);
    written++;
    if (answer !== `{"ok":true,"version":${written}}`) throw new Error(`the floor answered ${answer}`);
  };
}

export const measure = (make: (rig: Rig) => Step, rig: Rig, c: number, phase: Phase): Promise<Sample> =>
  runPhase(Array.from({ length: c }, () => make(rig)), phase);
