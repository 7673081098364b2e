// A runs, B and C wait in the runtime's lock, and C's caller goes away: the runtime starts B beside A.

import { setTimeout as pause } from "node:timers/promises";
import { persist } from "./load.ts";
import type { Fault, Stage } from "./stage.ts";

const TARGETS = 8;
/** One call is with the runtime before the next is sent, as a rule: on a busy machine one may overtake another, and is seen to have. */
const APART_MS = 100;

/** So long A runs on beside a B that was started: enough to be decided, on a slow store and a busy machine as well. */
const BESIDE_MS = 500;

export const cancelledQueued: Fault = {
  name: "cancelled-queued",
  about: "a call that waits behind two others is cancelled, and the runtime starts the first of them beside the one that runs",
  cures: [{ without: ["queue"], fires: 16, finds: /it was decided beside it/ }],
  excess: 4,
  async run(stage) {
    const targets = Array.from({ length: TARGETS }, (_, i) => ({ context: stage.context(`q${i}`), head: 0 }));
    for (const target of targets) target.head = await persist(stage.caller, target.context, "first", stage.signal);
    for (let round = 0; !stage.enough; round++) {
      const { gate } = stage.site.first;
      gate.close();
      await gate.arrives();
      const played = targets.map((target) => play(stage, target, round));
      await pause(APART_MS * 3 + BESIDE_MS);
      gate.open();
      await Promise.all(played);
      await stage.goOn();
    }
  },
};

/** A and B say which head they must meet, so B is refused if it is decided while A still runs. */
async function play(stage: Stage, target: { readonly context: string; head: number }, round: number): Promise<void> {
  const { caller, signal } = stage;
  const { context, head } = target;
  let unanswered = 0;
  const expecting = async (name: string, expect: number) => {
    unanswered++;
    const answer = await caller.append(context, `${name}${round}`, { expect });
    unanswered--;
    return answer;
  };
  const a = expecting("a", head);
  await pause(APART_MS);
  const b = expecting("b", head + 1);
  await pause(APART_MS);
  const leaving = new AbortController();
  const c = caller.append(context, `c${round}`, { signal: leaving.signal });
  await pause(APART_MS);
  // On a machine that stood still B may have overtaken A on its way to the runtime. Then it was refused before C went away, and nothing was let in.
  const inOrder = unanswered === 2;
  stage.fire(`C of ${context} was cancelled while A ran and B waited`, inOrder ? stage.site.first.gate.underWay : 0);
  leaving.abort();
  const [first, second] = await Promise.all([a, b, c]);
  if (inOrder && first.kind === "ok" && second.kind === "refused" && second.code === "conflict")
    stage.claim(false, `${context}: B waited for A, and met version ${first.version}; it was decided beside it`);
  if (first.kind !== "ok") await persist(caller, context, `a${round}`, signal, { expect: head });
  if (first.kind === "ok" && second.kind === "lost") await persist(caller, context, `b${round}`, signal, { expect: head + 1 });
  target.head = await persist(caller, context, `c${round}`, signal);
}
