// What the schemas cannot say of a method: what it is for, and one call of it.

import { limits } from "../../protocol/limits.ts";

export type Described = {
  readonly summary: string;
  readonly description: string;
  /** A body that is taken. */
  readonly example: { readonly grant: string; readonly [argument: string]: unknown };
  /** Between hosts. */
  readonly internal?: true;
};

const grant = "strata1.1.eyJ2IjoxfQ.c2lnbmF0dXJl";
const { key_window_versions: versions, items_per_read: itemsPerRead } = limits;

export const described: Readonly<Record<string, Described>> = {
  "Context.append": {
    summary: "Adds a version: items, slots, or both.",
    description: `Creates the context where it is not there yet. The same key with the same arguments has one effect and one answer, for ${versions} versions or 24 hours, whichever is longer; with other arguments it answers conflict. With \`expect\`, a head that is another is refused, never merged.`,
    example: {
      grant,
      key: "turn-17",
      items: [
        { role: "user", content: "Where is my parcel?" },
        { role: "assistant", content: [{ type: "tool_call", id: "c1", name: "track", arguments: { order: 17 } }] },
      ],
      set: { goal: "find the parcel", draft: null },
      expect: 16,
    },
  },
  "Context.read": {
    summary: "Items and slots as they stood at a version or a time.",
    description: `At most ${itemsPerRead} items and ${limits.bytes_per_reply} bytes of items a reply; \`next\` says where to go on. A version beyond the head, or a time before the first, is not_found; a time in the future is invalid. A read may be ${limits.hot_ms} ms old, with \`fresh\` it is not.`,
    example: { grant, at: "2026-01-31T12:00:00Z", from: 0, limit: 100 },
  },
  "Context.history": {
    summary: "The versions, newest first.",
    description: "Number, time, author, count of items, bytes and digest of each; no content.",
    example: { grant, before: 17, limit: 10 },
  },
  "Context.diff": {
    summary: "What came between two versions.",
    description:
      "Items that were added after `from` up to `to`, slots that differ, and versions that were erased. `from: 0` is before the first.",
    example: { grant, from: 3, to: 17 },
  },
  "Context.configure": {
    summary: "Sets the context's policy, as a version of its own.",
    description:
      "`ttl` counts from the creation or from the last append. When it runs out the name has ended: it answers expired, and is never used again.",
    example: { grant, key: "policy-1", policy: { ttl: { ms: 86_400_000, from: "lastAppend" } } },
  },
  "Context.verify": {
    summary: "Proves the chain from what the store holds now.",
    description:
      "The version and digest of the last record that was checked. A broken record answers internal, with its number in `details.broken`.",
    example: { grant, from: 1, to: 17 },
  },
  "Tenant.create": {
    summary: "Creates the tenant.",
    description: "Has one effect however often it is repeated; `created` says whether it was this call's.",
    example: { grant },
  },
  "Tenant.configure": {
    summary: "Sets what holds for new contexts.",
    description: "A context takes the tenant's policy into its first version; contexts that are there keep theirs.",
    example: { grant, policy: { ttl: null } },
  },
  "Tenant.list": {
    summary: "The contexts of the tenant, by name.",
    description: `Name and state are true; version and time may trail by up to ${(limits.report_delay_ms + limits.tend_period_ms) / 1000} s while hosts are up. A page may be short, or empty where a state is asked for, and still have a \`next\`.`,
    example: { grant, prefix: "desk-", state: "live", limit: 100 },
  },
  "Tenant.register": {
    summary: "Between hosts: what contexts tell their directory.",
    description: "Callers have no use for it. Entries are merged: the higher version counts, an end is for ever.",
    example: { grant, contexts: [{ name: "desk-4", version: 17, at: 1_769_860_800_000, expires: null, ended: false }] },
    internal: true,
  },
};
