// The same request arrives twice: at once on two connections, again when it was answered, and once more when the host that answered it is gone.

import { setTimeout as pause } from "node:timers/promises";
import type { Answer } from "./history.ts";
import { persist } from "./load.ts";
import type { Fault, Stage } from "./stage.ts";

const TARGETS = 8;
const APART_MS = 10;
const COPIES = 3;
const AGAIN = 64;

export const deliveredTwice: Fault = {
  name: "delivered-twice",
  about: "the same request is delivered several times at once, later, and after the host has started anew",
  cures: [{ without: ["keys"], fires: 16, finds: /was answered with version \d+, and again with/ }],
  excess: 4,
  async run(stage) {
    const { site, signal } = stage;
    const sent: { readonly context: string; readonly key: string }[] = [];
    const targets = Array.from({ length: TARGETS }, (_, i) => stage.context(`d${i}`));
    for (let round = 0; !stage.enough; round++) {
      site.first.gate.close();
      await site.first.gate.arrives();
      const key = `d${round}`;
      const played = targets.map((context) => deliver(stage, context, key));
      await pause(APART_MS * COPIES * 2);
      site.first.gate.open();
      await Promise.all(played);
      for (const context of targets) sent.push({ context, key });
      const late = stage.random.one(sent);
      await persist(stage.caller, late.context, late.key, signal);
      await reuse(stage, late.context, late.key);
      await stage.goOn();
    }
    await site.first.process.kill();
    await site.first.process.start();
    // The keys are known to whoever reads the records.
    const again = sent.slice(-AGAIN);
    for (const context of targets) {
      for (const { key } of again.filter((one) => one.context === context)) await persist(stage.caller, context, key, signal);
    }
  },
};

async function deliver(stage: Stage, context: string, key: string): Promise<void> {
  let unanswered = 0;
  const copies: Promise<Answer>[] = [];
  for (let copy = 0; copy < COPIES; copy++) {
    if (copy > 0)
      stage.fire(`${key} of ${context} was delivered once more while it ran`, unanswered > 0 ? stage.site.first.gate.underWay : 0);
    unanswered++;
    copies.push(
      stage.caller.append(context, key).finally(() => {
        unanswered--;
      }),
    );
    await pause(APART_MS);
  }
  const answers = await Promise.all(copies);
  const first = answers.filter((answer) => answer.kind === "ok" && answer.duplicate !== true);
  stage.claim(first.length <= 1, `${context}: ${key} is new once; ${first.length} answers said so`);
  await persist(stage.caller, context, key, stage.signal);
}

/** A key that was used is refused to other content, and nothing changes. */
async function reuse(stage: Stage, context: string, key: string): Promise<void> {
  const other = `other than ${key}`;
  stage.history.add({ op: "forbidden", context, key: other, why: "its key had been used for something else" });
  const heard = await stage.caller.call(context, "append", { key, items: [{ role: "user", content: other }] });
  stage.claim(heard.kind !== "ok", `${context}: ${key} was taken a second time, with other content`);
}
