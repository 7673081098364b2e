// The skeleton of a record as it is packed: an array, in the order below. It is packed once and then only carried, so its bytes, and with
// them the chain's digest, do not depend on who encodes next.

import type { Draft, ItemMark, Kind, SlotMark } from "../core/record.ts";
import { ContextError } from "../protocol/errors.ts";
import type { Role } from "../protocol/item.ts";
import type { Policy } from "../protocol/policy.ts";
import { instant } from "../protocol/units.ts";

/** Their places are what is stored: new ones go to the end. */
const kinds: readonly Kind[] = ["append", "configure", "expire"];
const roles: readonly Role[] = ["system", "user", "assistant", "tool", "note"];

type PackedItem = readonly [role: number, bytes: number, digest: Buffer, labels: readonly string[], subjects: readonly Buffer[]];
type PackedSlot = readonly [name: string, bytes: number | null, digest: Buffer | null];
type PackedSkeleton = readonly [
  version: number,
  attempt: Buffer,
  previous: Buffer,
  at: number,
  kind: number,
  author: string,
  key: Buffer,
  request: Buffer,
  firstItem: number,
  firstContent: number,
  published: number,
  items: readonly PackedItem[],
  slots: readonly PackedSlot[],
  policy: Policy | null,
];

/** `digests` are those of the contents, in their order. */
export function packSkeleton(draft: Draft, attempt: Buffer, digests: readonly Buffer[]): PackedSkeleton {
  let next = 0;
  const digest = (): Buffer => digests[next++] ?? Buffer.alloc(0);
  return [
    draft.version,
    attempt,
    Buffer.from(draft.previous, "hex"),
    draft.at,
    kinds.indexOf(draft.kind),
    draft.author,
    Buffer.from(draft.key, "latin1"),
    Buffer.from(draft.request, "latin1"),
    draft.firstItem,
    draft.firstContent,
    draft.published,
    draft.items.map(
      (item): PackedItem => [
        roles.indexOf(item.role),
        item.bytes,
        digest(),
        item.labels,
        item.subjects.map((s) => Buffer.from(s, "latin1")),
      ],
    ),
    draft.slots.map((slot): PackedSlot => (slot.bytes === null ? [slot.name, null, null] : [slot.name, slot.bytes, digest()])),
    draft.policy,
  ];
}

/** Only for bytes whose seal was checked: what is inside was written by `packSkeleton`. */
export function unpackSkeleton(packed: PackedSkeleton): {
  readonly draft: Draft;
  readonly attempt: string;
  readonly digests: readonly Buffer[];
} {
  const [version, attempt, previous, at, kind, author, key, request, firstItem, firstContent, published, items, slots, policy] = packed;
  const digests: Buffer[] = [];
  const draft: Draft = {
    version,
    previous: previous.toString("hex"),
    at: instant(at),
    kind: known("kind", kinds[kind]),
    author,
    key: key.toString("latin1"),
    request: request.toString("latin1"),
    firstItem,
    firstContent,
    published,
    items: items.map(([role, bytes, digest, labels, subjects]): ItemMark => {
      digests.push(digest);
      return { role: known("role", roles[role]), bytes, labels, subjects: subjects.map((s) => s.toString("latin1")) };
    }),
    slots: slots.map(([name, bytes, digest]): SlotMark => {
      if (digest !== null) digests.push(digest);
      return { name, bytes };
    }),
    policy,
  };
  return { draft, attempt: attempt.toString("latin1"), digests };
}

/** A host that is older than who wrote: what it does not know may be the end of the name, and is refused, not guessed at. */
function known<T>(what: string, value: T | undefined): T {
  if (value === undefined) throw new ContextError("internal", `the record is of a ${what} that this version does not know`);
  return value;
}
