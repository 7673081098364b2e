// Durations as reminders and timers take them: Go's ("1h5m", "1.5s", "100ms"), ISO 8601 ("PT10S", "R5/PT10S") and points in time
// (RFC 3339). Lengths are in ms; what is finer is a fraction.

const goUnits: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const goPart = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Go counts a duration in int64 nanoseconds: some 292 years. */
export const longestGoMs = 2 ** 63 / 1e6;
/** No calendar of ours reaches further. */
const longestIsoYears = 10_000;

/** ms of a Go duration, `undefined` where it is none. */
export function goDuration(text: string): number | undefined {
  const negative = text.startsWith("-");
  const digits = text.startsWith("-") || text.startsWith("+") ? text.slice(1) : text;
  if (digits === "0") return 0;
  if (digits === "") return undefined;
  let sum = 0;
  goPart.lastIndex = 0;
  while (goPart.lastIndex < digits.length) {
    const part = goPart.exec(digits);
    if (part === null) return undefined;
    sum += Number(part[1]) * (goUnits[part[2] ?? ""] ?? 0);
  }
  if (sum >= longestGoMs) return undefined;
  return negative ? -sum : sum;
}

/** Years, months and days have no fixed length; the rest has. `repeats` is absent where the text says nothing of it. */
export type IsoDuration = { years: number; months: number; days: number; ms: number; repeats?: number };

const isoParts = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

export function isoDuration(text: string): IsoDuration | undefined {
  const repeated = /^R(-?\d+)(?:\/(.*))?$/s.exec(text);
  const length = repeated === null ? text : repeated[2];
  const found: IsoDuration = { years: 0, months: 0, days: 0, ms: 0 };
  if (repeated !== null) found.repeats = Number(repeated[1]);
  // "R5" alone repeats without a length, as daprd reads it.
  if (length === undefined || length === "") return repeated === null ? undefined : found;
  const parts = isoParts.exec(length);
  if (parts === null || length.length < 2) return undefined;
  const [years, months, weeks, days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0));
  found.years = years ?? 0;
  found.months = months ?? 0;
  found.days = (weeks ?? 0) * 7 + (days ?? 0);
  found.ms = (hours ?? 0) * 3_600_000 + (minutes ?? 0) * 60_000 + (seconds ?? 0) * 1_000;
  return found.years + found.months / 12 + found.days / 365 + found.ms / (365 * 86_400_000) > longestIsoYears ? undefined : found;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

export function pointInTime(text: string): number | undefined {
  if (!rfc3339.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** `from` and the duration, on the calendar. */
export function addIso(from: number, duration: IsoDuration): number {
  const date = new Date(from);
  date.setUTCFullYear(date.getUTCFullYear() + duration.years, date.getUTCMonth() + duration.months, date.getUTCDate() + duration.days);
  // Date drops fractions of a ms; a due time does not need them.
  return date.getTime() + duration.ms;
}

/** A due time or the end of a time to live, counted from `now`. `repeats` is -1 where the text names none. */
export function timeFrom(text: string, now: number): { readonly at: number; readonly repeats: number } | undefined {
  const at = pointInTime(text);
  if (at !== undefined) return { at, repeats: -1 };
  const go = goDuration(text);
  if (go !== undefined) return { at: now + go, repeats: -1 };
  const iso = isoDuration(text);
  return iso === undefined ? undefined : { at: addIso(now, iso), repeats: iso.repeats ?? -1 };
}

/** A period. `undefined` where the text is neither an ISO nor a Go duration. */
export function periodFrom(text: string): Required<IsoDuration> | undefined {
  const iso = isoDuration(text);
  if (iso !== undefined) return { repeats: -1, ...iso };
  const ms = goDuration(text);
  return ms === undefined ? undefined : { years: 0, months: 0, days: 0, ms, repeats: -1 };
}

/** Go's way of writing a duration, as daprd hands periods back: "10s", "1h30m0s", "100µs". */
export function writeGoDuration(ms: number): string {
  if (ms === 0) return "0s";
  const sign = ms < 0 ? "-" : "";
  const size = Math.abs(ms);
  if (size < 1e-3) return `${sign}${Math.round(size * 1e6)}ns`;
  if (size < 1) return `${sign}${trim(size * 1e3, 3)}µs`;
  if (size < 1_000) return `${sign}${trim(size, 6)}ms`;
  const hours = Math.floor(size / 3_600_000);
  const minutes = Math.floor((size % 3_600_000) / 60_000);
  const seconds = `${trim((size % 60_000) / 1_000, 9)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

const trim = (value: number, places: number): string => String(Number(value.toFixed(places)));
