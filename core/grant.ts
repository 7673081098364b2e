// What a grant allows (P1). Whether it is genuine is the keyring's to say; this module only reads claims.

import { type Refusal, refuse } from "../protocol/errors.ts";
import { type Claims, type Grantable, ofHosts } from "../protocol/grant.ts";
import type { ContextName, TenantId } from "../protocol/ids.ts";
import { type Instant, instant, iso } from "../protocol/units.ts";

/** A refusal, or undefined where `claims` allow `method` (any, where none is named) on the context, or without a name on the tenant itself, now. */
export function judge(
  claims: Claims,
  method: Grantable | undefined,
  tenant: TenantId,
  name: ContextName | undefined,
  now: Instant,
): Refusal | undefined {
  if (claims.tenant !== tenant) return refuse("denied", `the grant is for tenant ${claims.tenant}, not ${tenant}`);
  if (now >= claims.expires) return refuse("denied", `the grant expired at ${iso(instant(claims.expires))}; ask for a new one`);
  // What rules the tenant rules all its contexts: for a grant that reaches some of them, * does not stand for that.
  const all = claims.methods.includes("*") && (name !== undefined || claims.contexts.includes("*"));
  if (method !== undefined && !claims.methods.includes(method) && !(all && !ofHosts.includes(method))) {
    if (ofHosts.includes(method)) return refuse("denied", `${method} is what hosts tell each other; no caller's grant allows it`);
    const allowed = claims.methods.join(", ") || "nothing";
    const of = name === undefined && claims.methods.includes("*") ? `${allowed} of contexts` : allowed;
    return refuse("denied", `the grant of ${claims.subject} does not allow ${method}; it allows ${of}`);
  }
  if (name !== undefined && !claims.contexts.some((pattern) => matches(pattern, name))) {
    return refuse("denied", `the grant of ${claims.subject} does not reach this context; it reaches ${told(claims.contexts)}`);
  }
  return undefined;
}

const told = (patterns: readonly string[]): string => {
  const more = patterns.length - PATTERNS_TOLD;
  return `${patterns.slice(0, PATTERNS_TOLD).join(", ") || "none"}${more > 0 ? ` and ${more} more` : ""}`;
};
/** Of up to 64 patterns: enough to see which grant it is. */
const PATTERNS_TOLD = 8;

const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
