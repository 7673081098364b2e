// What a reader is told: pure functions of a state and of records. None of them changes anything.

import { type Refusal, refuse } from "../protocol/errors.ts";
import { RawJson, writeJson } from "../protocol/json.ts";
import type { Limits } from "../protocol/limits.ts";
import { type Instant, instant, iso } from "../protocol/units.ts";
import { bytesOf, type Entry, itemText, slotChanges } from "./record.ts";
import type { State } from "./state.ts";

/** A refusal that holds only if the head is what the state says. */
export type Unsure = { readonly refusal: Refusal; readonly proof: true };

export const noContext = (): Refusal => refuse("not_found", "there is no such context; an append creates it");

/** Whether `version` stands. */
export function refuseVersion(state: State, version: number, field: string): Unsure | undefined {
  if (state.version === 0) return { refusal: noContext(), proof: true };
  if (version <= state.version) return undefined;
  const message = `${field}: there is no version ${version} yet; the head is ${state.version}`;
  return { refusal: refuse("not_found", message, { details: { head: state.version } }), proof: true };
}

/** Whether a reader may ask for what stood at `time`. */
export function refuseTime(
  state: State,
  time: Instant,
  now: Instant,
): Unsure | { readonly refusal: Refusal; readonly proof: false } | undefined {
  if (time > now && time > state.at)
    return { refusal: refuse("invalid", `at: ${iso(time)} is in the future; it is ${iso(now)}`), proof: false };
  if (state.version === 0) return { refusal: noContext(), proof: true };
  if (time >= state.created) return undefined;
  return { refusal: refuse("not_found", `at: ${iso(time)} is before the first version, of ${iso(state.created)}`), proof: false };
}

/** The slots as they stood after the last of `entries`, which begin at version 1. */
export function foldSlots(entries: Iterable<Entry>): Map<string, RawJson> {
  const slots = new Map<string, RawJson>();
  for (const entry of entries) {
    for (const { name, text } of slotChanges(entry)) {
      if (text === null) slots.delete(name);
      else slots.set(name, RawJson.trusted(text));
    }
  }
  return slots;
}

/** The items of `entries` from index `from` on, as JSON texts, as many as fit; `next` is where to go on. */
export function pageOfItems(
  entries: Iterable<Entry>,
  from: number,
  limit: number,
  bytes: number,
): { readonly items: RawJson[]; readonly next?: number } {
  const items: RawJson[] = [];
  let room = bytes;
  for (const entry of entries) {
    for (let i = Math.max(0, from - entry.firstItem); i < entry.items.length; i++) {
      const mark = entry.items[i];
      const content = entry.contents[i];
      if (mark === undefined || content === undefined || content === null) continue;
      if (items.length >= limit || (items.length > 0 && mark.bytes > room)) return { items, next: entry.firstItem + i };
      items.push(RawJson.trusted(itemText(mark, content)));
      room -= mark.bytes;
    }
  }
  return { items };
}

export type ReadReply = {
  readonly version: number;
  readonly digest: string;
  readonly at: Instant;
  readonly slots: ReadonlyMap<string, RawJson>;
  readonly items: readonly RawJson[];
  readonly next?: number;
};

/** The reply's JSON text: what is stored as text is joined, not parsed again. */
export function readText(reply: ReadReply): string {
  const slots = [...reply.slots].map(([name, value]) => `${JSON.stringify(name)}:${value.text}`).join(",");
  const items = reply.items.map((item) => item.text).join(",");
  const next = reply.next === undefined ? "" : `,"next":${reply.next}`;
  return `{"ok":true,"version":${reply.version},"at":"${iso(reply.at)}","items":[${items}],"slots":{${slots}},"digest":"${reply.digest}"${next}}`;
}

/** One line of a context's history. */
export const historyRow = (entry: Entry) => ({
  number: entry.version,
  at: iso(entry.at),
  author: entry.author,
  items: entry.items.length,
  bytes: bytesOf(entry),
  digest: entry.digest,
  reason: entry.kind,
});

/** What came between two versions: `before` are the slots at `from`, `entries` the records after it up to `to`. */
export function diffText(
  from: number,
  to: number,
  before: ReadonlyMap<string, RawJson>,
  entries: readonly Entry[],
  limits: Limits,
): string | Refusal {
  const bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
  if (bytes > limits.bytes_per_reply) {
    return refuse(
      "too_large",
      `the versions ${from} to ${to} differ by ${bytes} bytes; at most ${limits.bytes_per_reply} in one answer. Ask for a shorter range`,
    );
  }
  const { items } = pageOfItems(entries, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  const after = new Map(before);
  const touched = new Set<string>();
  for (const entry of entries) {
    for (const { name, text } of slotChanges(entry)) {
      touched.add(name);
      if (text === null) after.delete(name);
      else after.set(name, RawJson.trusted(text));
    }
  }
  const slots: Record<string, { before: RawJson | undefined; after: RawJson | undefined }> = {};
  for (const name of touched) {
    const [was, is] = [before.get(name), after.get(name)];
    if (was?.text !== is?.text) slots[name] = { before: was, after: is };
  }
  return writeJson({ ok: true, from, to, items, slots, erased: [] });
}

/** Parses what the schema has checked to be an ISO time. */
export const timeOf = (text: string): Instant => instant(Date.parse(text));
