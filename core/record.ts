// What one turn adds, once it is decided: a draft before it is written, a record after.

import type { ContextId } from "../protocol/ids.ts";
import type { Role } from "../protocol/item.ts";
import type { RawJson } from "../protocol/json.ts";
import type { Policy } from "../protocol/policy.ts";
import { type Instant, utf8Length } from "../protocol/units.ts";

/** Why a record was added. `expire` is the last of its context (C1). */
export type Kind = "append" | "configure" | "expire";

export type ItemMark = {
  readonly role: Role;
  readonly labels: readonly string[];
  /** Keyed pseudonyms: whom the content is about. */
  readonly subjects: readonly string[];
  /** UTF-8 bytes of the content. */
  readonly bytes: number;
};
/** `bytes` is null where the slot was removed. */
export type SlotMark = { readonly name: string; readonly bytes: number | null };

/** What a turn adds. Contents stand beside it, in the order of items and then of the slots that were set. */
export type Draft = {
  readonly version: number;
  /** Digest of the record before, hex. */
  readonly previous: string;
  readonly at: Instant;
  readonly kind: Kind;
  readonly author: string;
  /** Keyed pseudonym of the idempotency key, and keyed digest of what was asked under it (C10). */
  readonly key: string;
  readonly request: string;
  /** Index of the first item, and of the first content, within the context. */
  readonly firstItem: number;
  readonly firstContent: number;
  /** Events up to this version are known to be out (C7). */
  readonly published: number;
  readonly items: readonly ItemMark[];
  readonly slots: readonly SlotMark[];
  /** The policy from this version on, where it changes. */
  readonly policy: Policy | null;
};

/** A record as it stands: the draft, whose attempt it was, its digest, and its contents as JSON texts (null: erased). */
export type Entry = Draft & {
  readonly attempt: string;
  readonly digest: string;
  readonly contents: readonly (string | null)[];
};

/** The JSON text of an item as a caller sees it. Role and labels stand in the skeleton, everything else is content. */
export function itemText(mark: ItemMark, content: string): string {
  const labels = mark.labels.length > 0 ? `"labels":${JSON.stringify(mark.labels)},` : "";
  return `{"role":"${mark.role}",${labels}${content.slice(1)}`;
}

/** What the slots of a record were set to, in their order: name, and value or null where it was removed. */
export function slotChanges(entry: Entry): { readonly name: string; readonly text: string | null; readonly content: number }[] {
  let position = entry.items.length;
  return entry.slots.map(({ name, bytes }) => {
    if (bytes === null) return { name, text: null, content: -1 };
    const at = position++;
    return { name, text: entry.contents[at] ?? null, content: entry.firstContent + at };
  });
}

/** Bytes of content, as a history tells them. */
export const bytesOf = (draft: Pick<Draft, "items" | "slots">): number =>
  draft.items.reduce((sum, item) => sum + item.bytes, 0) + draft.slots.reduce((sum, slot) => sum + (slot.bytes ?? 0), 0);

/** What a turn adds at rest before compression, skeleton included, near enough: what bulk reads and memory have to reckon with. */
export const weightOf = (draft: Pick<Draft, "items" | "slots">): number =>
  bytesOf(draft) + namesOf(draft) + BYTES_PER_MARK * (draft.items.length + draft.slots.length);

/** UTF-8 bytes of what a caller's names take in the skeleton: labels, pseudonyms, slots. */
export function namesOf({ items, slots }: Pick<Draft, "items" | "slots">): number {
  let bytes = 0;
  for (const { labels, subjects } of items) {
    for (const label of labels) bytes += utf8Length(label);
    bytes += BYTES_PER_SUBJECT * subjects.length;
  }
  for (const { name } of slots) bytes += utf8Length(name);
  return bytes;
}

/** A role, a length, and the keyed digest of a content; a pseudonym. */
const BYTES_PER_MARK = 64;
const BYTES_PER_SUBJECT = 16;

/** A slot as it stands: its value, and the leaf of the key tree that keeps it. */
export type Slot = { readonly value: RawJson; readonly content: number };

/** What is told on the bus about a version: ids and numbers, no content (P5). */
export type ContextEvent = {
  readonly type: "strata.context.appended" | "strata.context.configured" | "strata.context.expired";
  readonly context: ContextId;
  readonly version: number;
  readonly digest: string;
  readonly at: Instant;
  readonly author: string;
};

const eventTypes = { append: "strata.context.appended", configure: "strata.context.configured", expire: "strata.context.expired" } as const;

export const eventOf = (context: ContextId, entry: Entry): ContextEvent => ({
  type: eventTypes[entry.kind],
  context,
  version: entry.version,
  digest: entry.digest,
  at: entry.at,
  author: entry.author,
});
