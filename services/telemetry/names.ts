// What comes from outside is reported only where it is one of a few known words, or has the form of an id.

import { reportedMethod } from "../../actors/actor.ts";

/** The method that was called on `id`; contexts' ids have a dot in them, tenants' have none. */
export const methodOf = (id: string, method: string): string => reportedMethod(!id.includes("."), method);

/** What was being done when it failed: a method, a reminder that fired, or a part of the host. */
export function deedOf(id: string, doing: string): string {
  const [, reminder] = /^remind\/(tend|expire)\b/.exec(doing) ?? [];
  if (reminder !== undefined) return `remind/${reminder}`;
  return ["serve", "list", "reach"].includes(doing) ? doing : methodOf(id, doing);
}

export const idOf = (id: string): string => (/^[a-z0-9.-]{1,127}$/.test(id) ? id : "(malformed)");
