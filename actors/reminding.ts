// The reminders of a context: what brings somebody back to work that a turn left undone, whoever has died since (C7).
//
// A reminder's name is used once. An activation counts on the one that it registered for some periods, from before a commit until after it. Who finds
// nothing left to do cancels the one that fired: at once if it is its own, else when it has seen it for twice as long. (Else: one activation finds all
// done and cancels, while another, which counts on the same reminder, commits and dies, and what it left undone sleeps for ever.) Nobody cancels
// before D has passed since a record was sent of which nothing is known: it may land yet, and then its event has to be told.

import { limits } from "../protocol/limits.ts";
import { millis } from "../protocol/units.ts";
import { type Activation, ageOf, type Duty, proofNow } from "./activation.ts";
import type { Call, Ports, Settings } from "./ports.ts";

export const CONTEXT = "Context";

export const dutyOf = (reminder: string): Duty | undefined => (["tend", "expire"] as const).find((duty) => reminder.startsWith(duty));

/** Whether this activation has set a reminder of that duty, so lately that nobody else can have cancelled it. */
export const isReminded = (a: Activation, duty: Duty, ports: Ports): boolean => {
  const own = a.reminders.own.get(duty);
  return own !== undefined && ageOf(own.since, ports.clock) < trustOf(ports);
};

const trustOf = ({ settings }: Ports): number => settings.tendMs * limits.reminder_trust_periods;

/** Makes sure that somebody comes back after what the next commit leaves undone. Throws ContextError "unavailable". */
export async function remind(a: Activation, ports: Ports, call: Call): Promise<void> {
  if (isReminded(a, "tend", ports)) return;
  const period = ports.settings.tendMs;
  await register(a, "tend", Math.ceil(period * (1 - a.stagger)), period, ports, call);
}

/** In the place of the one that this activation had for that duty: else each would fire for ever, or until somebody has seen it for long enough. */
async function register(a: Activation, duty: Duty, due: number, period: number, ports: Ports, call: Call = {}): Promise<void> {
  const since = proofNow(ports.clock);
  const name = `${duty}-${Buffer.from(ports.die.bytes(6)).toString("hex")}`;
  const old = a.reminders.own.get(duty);
  await ports.reminders.register(CONTEXT, a.id, name, millis(due), millis(period), call);
  a.reminders.own.set(duty, { name, since });
  if (old !== undefined) await ports.reminders.cancel(CONTEXT, a.id, old.name);
}

/** Whether a record that this activation sent may yet land, though it is not there: by elapsed time alone, since a wall clock that jumps settles nothing. */
export const mayLand = (a: Activation, { clock, settings }: Ports): boolean =>
  a.unsettled !== undefined && clock.elapsed() - a.unsettled < settings.dropDelayMs;

/** Cancels the reminder that fired if nobody can count on it. `ever`: nobody will, since there is nothing left that could be done. */
export async function letGo(a: Activation, reminder: string, ports: Ports, ever: boolean): Promise<void> {
  const { own, others } = a.reminders;
  const mine = [...own].find(([, { name }]) => name === reminder);
  if (mine !== undefined) own.delete(mine[0]);
  else if (!ever && !isOld(a, reminder, ports)) return;
  others.delete(reminder);
  await ports.reminders.cancel(CONTEXT, a.id, reminder);
}

function isOld(a: Activation, reminder: string, ports: Ports): boolean {
  const { others } = a.reminders;
  const now = ports.clock.elapsed();
  const enough = Math.max(2 * trustOf(ports), ports.settings.dropDelayMs);
  if (!others.has(reminder)) {
    // Those that would be old enough and do not fire have been cancelled by others. A newcomer waits until there is room.
    for (const [name, since] of others) if (now - since >= 2 * enough) others.delete(name);
    if (others.size >= limits.reminders_known) return false;
  }
  const since = others.get(reminder) ?? now;
  others.set(reminder, since);
  return now - since >= enough;
}

/** How far the fires of an `expire` reminder are apart once it is due, ms. */
export const expirePeriod = ({ dropDelayMs, tendMs }: Pick<Settings, "dropDelayMs" | "tendMs">): number =>
  Math.max(tendMs, Math.ceil(dropDelayMs / limits.expire_fires_per_drop_delay));

/** The contents of a name that has ended go D from now. */
export async function registerClearing(a: Activation, ports: Ports): Promise<void> {
  await register(a, "expire", ports.settings.dropDelayMs, expirePeriod(ports.settings), ports);
}

/**
 * A reminder of duty `expire`: it fires when the time to live runs out, and when that has moved by then, another one is set. From then on it fires so
 * often that its context stays in memory until all is done: how long a tombstone has stood, and a reminder of another activation has been seen, is
 * known to this one alone, and would be forgotten between two fires that are further apart.
 */
export async function registerExpiry(a: Activation, expiry: number, ports: Ports): Promise<void> {
  const due = Math.max(1, Math.min(expiry - ports.clock.now(), limits.expire_due_max_ms));
  await register(a, "expire", due, expirePeriod(ports.settings), ports);
}
