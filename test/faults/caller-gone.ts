// A runs and its caller goes away: the runtime lets the next call in beside it. And a call that waits in the host's own queue is given up.

import { setTimeout as pause } from "node:timers/promises";
import { persist } from "./load.ts";
import { LogTail } from "./log-tail.ts";
import type { Fault, Stage } from "./stage.ts";

const TARGETS = 8;
const APART_MS = 100;
/** So long A runs on beside those that were let in: enough to be decided, on a slow store and a busy machine as well. */
const BESIDE_MS = 500;
const LET_GO_MS = 2_000;

type Target = { readonly context: string; head: number };

export const callerGone: Fault = {
  name: "caller-gone",
  about: "the caller of the turn that runs goes away, comes back with the same turn, and others come in beside it",
  cures: [
    { without: ["queue"], fires: 24, finds: /was decided before it stood/ },
    { without: ["abort"], fires: 8, finds: /it let go of 0/ },
    { without: ["keys"], fires: 8, finds: /a\d+ was refused with conflict/ },
  ],
  excess: 4,
  async run(stage) {
    const { site, caller, signal } = stage;
    const targets = Array.from({ length: TARGETS }, (_, i): Target => ({ context: stage.context(`g${i}`), head: 0 }));
    for (const target of targets) target.head = await persist(caller, target.context, "first", signal);
    let letGo = 0;
    for (let round = 0; !stage.enough; round++) {
      using log = new LogTail(site.first.logs.app);
      site.first.gate.close();
      await site.first.gate.arrives();
      const played = targets.map((target, i) => play(stage, target, round, i % 2 === 1));
      await pause(APART_MS * 3 + BESIDE_MS);
      // What was let go says so while A still runs.
      const given = targets.filter((_, i) => i % 2 === 1);
      const heard = await Promise.all(given.map(({ context }) => log.finds(saysLetGo(context), LET_GO_MS)));
      letGo += heard.filter((one) => one).length;
      for (const [i, { context }] of given.entries())
        if (heard[i]) stage.history.add({ op: "forbidden", context, key: `x${round}`, why: "the host let it go before it began" });
      site.first.gate.open();
      await Promise.all(played);
      await stage.goOn();
    }
    stage.claim(letGo * 4 >= stage.fired, `the host lets go of calls whose callers have gone; of ${stage.fired / 2} it let go of ${letGo}`);
  },
};

const saysLetGo =
  (context: string) =>
  (line: string): boolean =>
    line.includes(`.${context}"`) && line.includes('"code":"unavailable"');

async function play(stage: Stage, target: Target, round: number, givesUp: boolean): Promise<void> {
  const { caller, signal } = stage;
  const { context, head } = target;
  const leaving = new AbortController();
  let running = true;
  const a = caller.append(context, `a${round}`, { expect: head, signal: leaving.signal }).finally(() => {
    running = false;
  });
  await pause(APART_MS);
  stage.fire(`the caller of the turn of ${context} that ran went away`, running ? stage.site.first.gate.underWay : 0);
  leaving.abort();
  await a;
  if (givesUp) {
    // The next one in, beside A: it waits in the host, and its caller does not. On a machine that stood still A may not be there yet: it comes after A.
    const gone = new AbortController();
    const x = caller.append(context, `x${round}`, { expect: head + 1, signal: gone.signal });
    await pause(APART_MS);
    gone.abort();
    await x;
  }
  // The first comes back at once, while its first call still runs.
  const again = caller.append(context, `a${round}`, { expect: head });
  const b = caller.append(context, `b${round}`, { expect: head + 1 });
  const [first, second] = await Promise.all([again, b]);
  if (first.kind === "ok" && first.version !== head + 1)
    stage.claim(false, `${context}: the turn that was repeated met version ${head} and became version ${first.version}`);
  // That A ran when it was left is seen from its being known when it comes again; and where X was not let go in time, B met that.
  const stood = !givesUp && first.kind === "ok" && first.duplicate === true;
  if (stood && second.kind === "refused" && second.code === "conflict")
    stage.claim(false, `${context}: B came after version ${first.version} and was decided before it stood`);
  if (first.kind !== "ok") await persist(caller, context, `a${round}`, signal, { expect: head });
  target.head = await persist(caller, context, `c${round}`, signal);
}
