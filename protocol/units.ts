declare const unit: unique symbol;
type Unit<T, U extends string> = T & { readonly [unit]: U };

/** Wall-clock time, ms since the epoch. */
export type Instant = Unit<number, "ms since the epoch">;
/** A length of time, ms. */
export type Millis = Unit<number, "ms">;

export const instant = (n: number): Instant => n as Instant;
export const millis = (n: number): Millis => n as Millis;
export const later = (from: Instant, by: Millis): Instant => (from + by) as Instant;
export const since = (from: Instant, to: Instant): Millis => (to - from) as Millis;
/** The last time that a date can say (ECMA-262, 21.4.1.1). */
export const LAST_INSTANT = 8.64e15;
/** ISO 8601 in UTC with milliseconds: the one form in which a time leaves the system. */
export const iso = (at: Instant): string => new Date(at).toISOString();
