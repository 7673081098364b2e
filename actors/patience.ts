// How long a call may take, and whether anybody waits for its answer.

import { ContextError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { millis } from "../protocol/units.ts";
import type { Call, Clock } from "./ports.ts";

/** `call`, with the time that one turn may take from now on. */
export const forOneTurn = (call: Call, clock: Clock): Call => ({ ...call, deadline: millis(clock.elapsed() + limits.turn_deadline_ms) });

export const isLate = ({ deadline }: Call, clock: Clock): boolean => deadline !== undefined && clock.elapsed() >= deadline;

/**
 * To be asked between the reads of what may take many. Throws ContextError "unavailable" where nobody waits for the answer any more, or it takes too
 * long. Not for what was begun with a write: that is seen to its end.
 */
export function checkPatience(call: Call, clock: Clock): void {
  if (call.signal?.aborted) throw new ContextError("unavailable", "the caller went away meanwhile", NOTHING);
  if (!isLate(call, clock)) return;
  const message = `it could not be read within ${limits.turn_deadline_ms} ms; try again, or ask for less at once`;
  throw new ContextError("unavailable", message, NOTHING);
}

const NOTHING = { details: { outcome: "none" } };
