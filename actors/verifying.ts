// Proving a context's chain, from what the store holds now: nothing in memory is believed.

import { noContext } from "../core/query.ts";
import type { Entry } from "../core/record.ts";
import { breach, emptyState, type State } from "../core/state.ts";
import type { Verify } from "../protocol/contract.ts";
import { ContextError, type Refusal, refuse } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, keyOf } from "./activation.ts";
import { decodeRecord, range } from "./load.ts";
import type { Call, ContextKeys } from "./ports.ts";
import type { World } from "./world.ts";

type Link = Pick<State, "version" | "digest" | "items" | "contents" | "at" | "ended">;

const linkOf = (entry: Entry): Link => ({
  version: entry.version,
  digest: entry.digest,
  items: entry.firstItem + entry.items.length,
  contents: entry.firstContent + entry.contents.length,
  at: entry.at,
  ended: entry.kind === "expire",
});

/** `version` and `digest` of the last record that was checked, or the first broken one. */
export async function verify(a: Activation, query: Verify, world: World, call: Call): Promise<string | Refusal> {
  const { store, codec } = world.ports;
  const [table, tombstone] = await store.read([keyOf.table(a.id), keyOf.tombstone(a.id)], call);
  if (tombstone !== undefined) return refuse("expired", "the context's time to live has run out; its contents are gone or about to go");
  if (table === undefined) return noContext();
  const keys = codec.openKeys(a.id, table.value);
  const from = query.from ?? 1;
  try {
    const before = from === 1 ? emptyState(a.id, codec.genesis(a.id)) : await linkBefore(a, keys, from, world, call);
    const last = await walk(a, keys, before, query.to, world, call);
    if (last.version === 0) return noContext();
    if (query.to !== undefined && last.version < query.to)
      return refuse("not_found", `to: there is no version ${query.to}; the head is ${last.version}`, { details: { head: last.version } });
    return JSON.stringify({ ok: true, version: last.version, digest: last.digest });
  } catch (reason) {
    if (reason instanceof ContextError && reason.details?.["broken"] !== undefined) return ContextError.refusal(reason);
    throw reason;
  }
}

/** Checks record after record from the one after `link` on, up to `to` or the end. */
async function walk(a: Activation, keys: ContextKeys, start: Link, to: number | undefined, world: World, call: Call): Promise<Link> {
  let link = start;
  const known = Math.max(a.loaded?.state.version ?? 0, a.head);
  for (;;) {
    const last = Math.min(to ?? Number.POSITIVE_INFINITY, link.version + limits.records_per_bulk);
    const versions = range(link.version + 1, last);
    if (versions.length === 0) return link;
    const found = await world.ports.store.read(
      versions.map((version) => keyOf.record(a.id, version)),
      call,
    );
    for (const [i, version] of versions.entries()) {
      const bytes = found[i]?.value;
      const later = found.slice(i + 1).some((stored) => stored !== undefined);
      if (bytes === undefined && (later || version <= known)) throw brokenRecord(version, "it is missing");
      if (bytes === undefined) return link;
      link = check(link, decodeRecord(world.ports.codec, a, keys, version, bytes, true));
    }
  }
}

function check(link: Link, entry: Entry): Link {
  const wrong = breach(link, entry);
  if (wrong !== undefined) throw brokenRecord(link.version + 1, wrong);
  return linkOf(entry);
}

async function linkBefore(a: Activation, keys: ContextKeys, from: number, world: World, call: Call): Promise<Link> {
  const [stored] = await world.ports.store.read([keyOf.record(a.id, from - 1)], call);
  if (stored === undefined) throw new ContextError("not_found", `from: there is no version ${from - 1} to begin after`);
  return linkOf(decodeRecord(world.ports.codec, a, keys, from - 1, stored.value, true));
}

const brokenRecord = (version: number, why: string): ContextError =>
  new ContextError("internal", `record ${version} is broken: ${why}`, { details: { broken: version } });
