// The claims about single parts, held against a mutant.

import { acknowledgingClaims } from "../actors/acknowledging-claims.ts";
import { commitClaims } from "../actors/commit-claims.ts";
import { clearingClaims, endingClaims } from "../actors/ending-claims.ts";
import { groupClaims } from "../actors/group-claims.ts";
import { loadClaims } from "../actors/load-claims.ts";
import { loadingClaims } from "../actors/loading-claims.ts";
import { prepareClaims } from "../actors/prepare-claims.ts";
import { eventClaims, publishingClaims } from "../actors/publishing-claims.ts";
import { queueClaims } from "../actors/queue-claims.ts";
import { remindingClaims } from "../actors/reminding-claims.ts";
import { tendingClaims } from "../actors/tending-claims.ts";
import { turnClaims } from "../actors/turn-claims.ts";

/** For one that never rests: far more than any claim takes, whatever else the machine does. */
const PATIENCE_MS = 20_000;
/** A claim waits for what it has set going itself, on clocks that stand still: where nothing is to happen for so many rounds, nothing ever will. */
const ROUNDS_AT_REST = 50;

/** The first claim that does not hold, and why; `load` gives the mutant's module. */
export async function broken(load: (path: string) => Promise<unknown>): Promise<string | undefined> {
  const { Queue } = (await load("actors/queue.ts")) as typeof import("../../actors/queue.ts");
  const { Group } = (await load("actors/group.ts")) as typeof import("../../actors/group.ts");
  const { ContextActor } = (await load("actors/context.ts")) as typeof import("../../actors/context.ts");
  const { tend } = (await load("actors/tending.ts")) as typeof import("../../actors/tending.ts");
  const { expire } = (await load("actors/ending.ts")) as typeof import("../../actors/ending.ts");
  const claims = [
    ...queueClaims.map(([claim, holds]) => [claim, () => holds({ Queue })] as const),
    ...groupClaims.map(([claim, holds]) => [claim, () => holds({ Group })] as const),
    ...clearingClaims.map(([claim, holds]) => [claim, () => holds({ expire })] as const),
    ...publishingClaims.map(([claim, holds]) => [claim, () => holds({ tend })] as const),
    ...[
      ...turnClaims,
      ...commitClaims,
      ...acknowledgingClaims,
      ...prepareClaims,
      ...tendingClaims,
      ...eventClaims,
      ...endingClaims,
      ...remindingClaims,
      ...loadClaims,
      ...loadingClaims,
    ].map(([claim, holds]) => [claim, () => holds({ ContextActor })] as const),
  ];
  // A worker waits for messages.
  const before = new Set(process.getActiveResourcesInfo().filter((kind) => kind !== "Immediate" && kind !== "Timeout"));
  for (const [claim, holds] of claims) {
    const wrong = await inTime(holds, before);
    if (wrong !== undefined) return `${claim}: ${wrong}`;
  }
  return undefined;
}

async function inTime(holds: () => Promise<void> | void, before: ReadonlySet<string>): Promise<string | undefined> {
  const over = new AbortController();
  try {
    const held = Promise.resolve(holds()).then(() => undefined);
    return await Promise.race([held, standstill(before, over.signal)]);
  } catch (reason) {
    return reason instanceof Error ? (reason.message.split("\n", 1)[0] ?? "") : String(reason);
  } finally {
    over.abort();
  }
}

/** Resolves when nothing goes on any more that did not go on `before`, or after too long. */
async function standstill(before: ReadonlySet<string>, signal: AbortSignal): Promise<string> {
  const until = performance.now() + PATIENCE_MS;
  for (let quiet = 0; !signal.aborted && quiet < ROUNDS_AT_REST && performance.now() < until; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const waits = process.getActiveResourcesInfo().some((kind) => !before.has(kind));
    quiet = waits ? 0 : quiet + 1;
  }
  return "it does not come to an end";
}
