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

/** Most texts are plain ASCII, which one search tells: as many bytes as characters. */
const BEYOND_ASCII = /[\u0080-\uffff]/;

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  if (!BEYOND_ASCII.test(text)) return bytes;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x80) continue;
    // A surrogate pair is two characters and four bytes, so each of its halves adds one.
    bytes += c < 0x800 || (c >= 0xd800 && c <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
