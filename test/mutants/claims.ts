// The claims about single parts, held against a mutant.

import { commitClaims } from "../actors/commit-claims.ts";
import { groupClaims } from "../actors/group-claims.ts";
import { loadClaims } from "../actors/load-claims.ts";
import { queueClaims } from "../actors/queue-claims.ts";
import { remindingClaims } from "../actors/reminding-claims.ts";
import { turnClaims } from "../actors/turn-claims.ts";

const PATIENCE_MS = 2_000;

/** The first claim that does not hold, and why; `load` gives the mutant's module. */
export async function broken(load: (path: string) => Promise<unknown>): Promise<string | undefined> {
  const { Queue } = (await load("actors/queue.ts")) as typeof import("../../actors/queue.ts");
  const { Group } = (await load("actors/group.ts")) as typeof import("../../actors/group.ts");
  const { ContextActor } = (await load("actors/context.ts")) as typeof import("../../actors/context.ts");
  const claims = [
    ...queueClaims.map(([claim, holds]) => [claim, () => holds({ Queue })] as const),
    ...groupClaims.map(([claim, holds]) => [claim, () => holds({ Group })] as const),
    ...[...turnClaims, ...commitClaims, ...loadClaims, ...remindingClaims].map(
      ([claim, holds]) => [claim, () => holds({ ContextActor })] as const,
    ),
  ];
  for (const [claim, holds] of claims) {
    const wrong = await inTime(holds);
    if (wrong !== undefined) return `${claim}: ${wrong}`;
  }
  return undefined;
}

async function inTime(holds: () => Promise<void> | void): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("it does not come to an end"), PATIENCE_MS);
  });
  try {
    return await Promise.race([Promise.resolve(holds()).then(() => undefined), late]);
  } catch (reason) {
    return reason instanceof Error ? (reason.message.split("\n", 1)[0] ?? "") : String(reason);
  } finally {
    clearTimeout(timer);
  }
}
