// When a reminder fires, as Dapr's scheduler decides it. Times are ms since the epoch.

import { limits } from "../../protocol/limits.ts";

export type Schedule = {
  /** Where counting begins: the due time, at which it fires, or the registration, at which it does not. */
  readonly beginAt: number;
  readonly firesAtBegin: boolean;
  /** Absent in a reminder that fires once. */
  readonly everyMs: number | undefined;
  readonly repeats: number | undefined;
  readonly expiresAt: number | undefined;
};

export type Progress = {
  /** Ticks done, dropped ones included. */
  readonly count: number;
  readonly lastAt: number | undefined;
  /** Failures of the tick that is due. */
  readonly attempts: number;
  readonly nextAt: number;
};

/** `undefined` for a reminder that will never fire. */
export const begin = (schedule: Schedule): Progress | undefined => advance(schedule, 0, undefined);

/** After a tick that the app took. Ticks count from the time they were due, so what was missed is made up for, one after the other. */
export const succeeded = (schedule: Schedule, progress: Progress): Progress | undefined =>
  advance(schedule, progress.count + 1, tick(schedule, progress.count, progress.lastAt));

/** After one that it did not: tried again a second later, three times, and then dropped for this tick. */
export function failed(schedule: Schedule, progress: Progress): Progress | undefined {
  const attempts = progress.attempts + 1;
  if (attempts <= limits.sidecar_reminder_retries)
    return { ...progress, attempts, nextAt: progress.nextAt + limits.sidecar_reminder_retry_ms };
  return succeeded(schedule, progress);
}

function advance(schedule: Schedule, count: number, lastAt: number | undefined): Progress | undefined {
  const nextAt = tick(schedule, count, lastAt);
  if (nextAt === undefined) return undefined;
  if (schedule.expiresAt !== undefined && nextAt > schedule.expiresAt) return undefined;
  return { count, lastAt, attempts: 0, nextAt };
}

/** The tick number `count`, given when the one before it was due. */
function tick(schedule: Schedule, count: number, lastAt: number | undefined): number | undefined {
  if (schedule.everyMs === undefined) return count === 0 ? schedule.beginAt : undefined;
  if (schedule.repeats !== undefined && count >= schedule.repeats) return undefined;
  if (lastAt !== undefined) return lastAt + schedule.everyMs;
  return schedule.firesAtBegin ? schedule.beginAt : schedule.beginAt + schedule.everyMs;
}
