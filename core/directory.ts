// A tenant's directory: leaves of sorted entries, each pointing to its right neighbour (Lehman and Yao's B-link tree, its leaves alone), so that a
// leaf can be split by one conditional write and a reader who comes to the old one finds the way.

import { z } from "zod";
import { type DirectoryState, Refused, type Report, replies } from "../protocol/contract.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import type { Policy } from "../protocol/policy.ts";
import type { Instant } from "../protocol/units.ts";

/** Of a tenant's documents, this directory and its policy: the one that is written, and the only one so far. */
export const FORMAT = 1;

const Entry = z.tuple([z.string(), z.int(), z.int(), z.int().nullable(), z.boolean()]);
/** `right`: from which name on the entries are in another leaf. */
export const Leaf = z.strictObject({
  f: z.literal(FORMAT),
  entries: z.array(Entry),
  right: z.strictObject({ from: z.string(), id: z.string() }).nullable(),
});
export type Leaf = z.infer<typeof Leaf>;

export const emptyLeaf: Leaf = { f: FORMAT, entries: [], right: null };

const packed = (report: Report): Leaf["entries"][number] => [report.name, report.version, report.at, report.expires, report.ended];
export const reportFrom = ([name, version, at, expires, ended]: Leaf["entries"][number]): Report => ({
  name: name as Report["name"],
  version,
  at,
  expires,
  ended,
});

/** `leaf` with what `reports` tell; undefined where they tell nothing new. All names must belong here. */
export function mergeInto(leaf: Leaf, reports: readonly Report[]): Leaf | undefined {
  const entries = new Map(leaf.entries.map((entry) => [entry[0], reportFrom(entry)]));
  let changed = false;
  for (const report of reports) {
    const before = entries.get(report.name);
    const after = before === undefined ? report : later(before, report);
    if (before !== undefined && JSON.stringify(packed(before)) === JSON.stringify(packed(after))) continue;
    entries.set(report.name, after);
    changed = true;
  }
  if (!changed) return undefined;
  return { ...leaf, entries: [...entries.values()].map(packed).sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** Reports may come late, twice or out of order: the higher version counts, an end is for ever, and of two times for one version the earlier. */
function later(before: Report, report: Report): Report {
  const [old, young] = before.version <= report.version ? [before, report] : [report, before];
  const expires = old.version < young.version ? young.expires : earlier(old.expires, young.expires);
  return { ...young, expires, ended: before.ended || report.ended };
}

const earlier = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.min(a, b));

/** The lower half, which points to the upper half under its new id. */
export function splitLeaf(leaf: Leaf, id: string): { readonly lower: Leaf; readonly upper: Leaf } {
  const middle = Math.ceil(leaf.entries.length / 2);
  const upper: Leaf = { f: FORMAT, entries: leaf.entries.slice(middle), right: leaf.right };
  const from = upper.entries[0]?.[0] ?? "";
  return { lower: { f: FORMAT, entries: leaf.entries.slice(0, middle), right: { from, id } }, upper };
}

const Answer = z.union([replies["tenant.register"], Refused]);

/** What a tenant answered to `register`, as whoever begins a context may hear it; undefined where that is no answer of a tenant. */
export function registered(json: unknown): { readonly ok: true; readonly policy: Policy } | Refusal | undefined {
  const { data } = Answer.safeParse(json);
  if (data === undefined || data.ok) return data;
  const { code, message, retryAfterMs } = data;
  const when = retryAfterMs === undefined ? {} : { retryAfterMs };
  switch (code) {
    case "overloaded":
      return refuse(code, message, when);
    case "unavailable": // The context's record comes after its entry.
      return refuse(code, message, { ...when, details: { outcome: "none" } });
    case "not_found":
    case "internal":
      return refuse(code, message);
    default: // Grant and arguments were the host's own.
      return refuse("internal", `the tenant's host refused what this host told it (${code}); their clocks or their versions differ`);
  }
}

/** What the directory knows to be true of an entry by itself; undefined where the context has to be asked (a report may be under way or lost). */
export function knownState(entry: Report, now: Instant): DirectoryState | undefined {
  if (entry.ended) return "expired";
  if (entry.version === 0 || (entry.expires !== null && entry.expires <= now)) return undefined;
  return "live";
}
