// What a reader is told: pure functions of a state and of records. None of them changes anything.

import { type Refusal, refuse } from "../protocol/errors.ts";
import { RawJson, writeJson } from "../protocol/json.ts";
import type { Limits } from "../protocol/limits.ts";
import { type Instant, instant, iso, utf8Length } from "../protocol/units.ts";
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

/** Makes of the slots before `entry` those after it: folded from version 1 on they are what stood at a version. */
export function setSlots(slots: Map<string, RawJson>, entry: Entry): void {
  for (const { name, text } of slotChanges(entry)) {
    if (text === null) slots.delete(name);
    else slots.set(name, RawJson.trusted(text));
  }
}

/** The items of the records that are added, from index `from` on, as JSON texts: as many as `limit` and `bytes` allow, but one at least. */
export class ItemPage {
  readonly items: RawJson[] = [];
  readonly #from: number;
  readonly #limit: number;
  #room: number;
  #next: number | undefined;

  constructor(from: number, limit: number, bytes: number) {
    this.#from = from;
    this.#limit = limit;
    this.#room = bytes;
  }

  /** Index of the first item that found no place; nothing is added any more then. */
  get next(): number | undefined {
    return this.#next;
  }

  /** Bytes that are left. */
  get room(): number {
    return this.#room;
  }

  add(entry: Entry): void {
    for (let i = Math.max(0, this.#from - entry.firstItem); i < entry.items.length && this.#next === undefined; i++) {
      const mark = entry.items[i];
      const content = entry.contents[i];
      if (mark === undefined || content === undefined || content === null) continue;
      const text = itemText(mark, content);
      // What stands beside the content, role and labels, is ASCII.
      const bytes = mark.bytes + text.length - content.length;
      if (this.items.length >= this.#limit || (this.items.length > 0 && bytes > this.#room)) this.#next = entry.firstItem + i;
      else {
        this.items.push(RawJson.trusted(text));
        this.#room -= bytes;
      }
    }
  }
}

export type ReadReply = {
  readonly version: number;
  readonly digest: string;
  readonly at: Instant;
  readonly slots: ReadonlyMap<string, RawJson>;
  readonly items: readonly RawJson[];
  readonly next: number | undefined;
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

/** What came between version `from` and the last of the records that are added, from version 1 on. */
export class Difference {
  readonly #from: number;
  readonly #limits: Limits;
  readonly #items: ItemPage;
  readonly #before = new Map<string, RawJson>();
  readonly #after = new Map<string, RawJson>();
  readonly #touched = new Set<string>();

  constructor(from: number, limits: Limits) {
    this.#from = from;
    this.#limits = limits;
    this.#items = new ItemPage(0, Number.POSITIVE_INFINITY, limits.bytes_per_reply);
  }

  /** A refusal once it is more than one answer may carry. */
  add(entry: Entry): Refusal | undefined {
    setSlots(this.#after, entry);
    if (entry.version <= this.#from) {
      setSlots(this.#before, entry);
      return undefined;
    }
    this.#items.add(entry);
    for (const { name } of entry.slots) this.#touched.add(name);
    return this.#items.next === undefined ? undefined : this.#tooLarge(entry.version);
  }

  text(to: number): string | Refusal {
    const slots: Record<string, { before: RawJson | undefined; after: RawJson | undefined }> = {};
    let room = this.#items.room;
    for (const name of this.#touched) {
      const [before, after] = [this.#before.get(name), this.#after.get(name)];
      if (before?.text === after?.text) continue;
      slots[name] = { before, after };
      room -= utf8Length(before?.text ?? "") + utf8Length(after?.text ?? "");
    }
    if (room < 0) return this.#tooLarge(to);
    return writeJson({ ok: true, from: this.#from, to, items: this.#items.items, slots, erased: [] });
  }

  #tooLarge(to: number): Refusal {
    const most = this.#limits.bytes_per_reply;
    return refuse(
      "too_large",
      `the versions ${this.#from} to ${to} differ by more than ${most} bytes, the most in one answer. Ask for a shorter range`,
    );
  }
}

/** Parses what the schema has checked to be an ISO time. */
export const timeOf = (text: string): Instant => instant(Date.parse(text));
