// Rounds of attempts to get in beside a turn: each holds a turn, lets everything be tried while it runs, and counts as one fault, however many
// doors there are.

import { setTimeout as pause } from "node:timers/promises";
import { until } from "../../tools/run/polling.ts";
import { type Heard, knock } from "./doors.ts";
import { persist } from "./load.ts";
import type { Stage } from "./stage.ts";

const FOUND_MS = 30_000;
/** So long the turn runs on beside them: who got in would wait behind it, or beside it. */
const BESIDE_MS = 100;

export async function rounds(stage: Stage, context: string, attempt: (round: number) => Promise<unknown>): Promise<void> {
  const { gate } = stage.site.first;
  let head = await persist(stage.caller, context, "first", stage.signal);
  for (let round = 0; !stage.enough; round++) {
    gate.close();
    const running = stage.caller.append(context, `a${round}`, { expect: head });
    await gate.arrives();
    stage.fire(`round ${round}`, gate.underWay);
    const attempts = attempt(round);
    await pause(BESIDE_MS);
    gate.open();
    await attempts;
    const answer = await running;
    head = answer.kind === "ok" ? answer.version : await persist(stage.caller, context, `a${round}`, stage.signal, { expect: head });
    await stage.goOn();
  }
}

/** What an attempt was answered must be as `refused` has it. */
export function claimRefused({ claim }: Stage, what: string, heard: Heard, refused: (heard: NonNullable<Heard>) => boolean): void {
  const seen = heard === undefined ? "nothing in time" : `${heard.status} ${heard.text}`;
  claim(heard !== undefined && refused(heard), `${what} is refused; it was answered ${seen}`);
}

/** The path by which a sidecar is asked to hand a request on to the host's app. */
export const invocation = (path: string): string => `/v1.0/invoke/strata-host/method/${path}`;

/** Another application's sidecar, which has found the host: until then it proves nothing. */
export async function foreignSidecar({ site }: Stage): Promise<string> {
  const foreign = await site.foreign();
  await until("the foreign sidecar finds the host", FOUND_MS, async () => {
    const heard = await knock(foreign, invocation("healthz"), { method: "GET" });
    return heard === undefined || /failed to resolve|couldn't find/i.test(heard.text) ? undefined : true;
  });
  return foreign;
}
