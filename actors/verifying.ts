// Proving a context's chain, from what the store holds now: nothing in memory is believed.

import { noContext } from "../core/query.ts";
import type { Entry } from "../core/record.ts";
import { breach, emptyState, type State } from "../core/state.ts";
import type { Verify } from "../protocol/contract.ts";
import { ContextError, type Refusal, refuse } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, isYoung, keyOf, proofNow } from "./activation.ts";
import { broken, decodeHead, decodeRecord } from "./decoding.ts";
import { range, recordsPerBulk } from "./load.ts";
import { checkPatience } from "./patience.ts";
import type { Call, Codec, ContextKeys } from "./ports.ts";
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
  const { from = 1, to } = query;
  if (to !== undefined && from > to) return refuse("invalid", `from: ${from} is after to, ${to}; ask the other way round`);
  let found: unknown;
  for (let round = 0; round < limits.load_rounds; round++) {
    try {
      return await prove(a, from, to, world, call);
    } catch (reason) {
      if (!(reason instanceof ContextError) || reason.details?.broken === undefined) throw reason;
      // Bulk reads are no snapshot, and others may write and seal meanwhile: broken is what is found so twice.
      if (found === reason.details.broken) return ContextError.refusal(reason);
      found = reason.details.broken;
    }
  }
  return refuse("unavailable", "the context changes faster than it can be verified; try again", { details: { outcome: "none" } });
}

async function prove(a: Activation, from: number, to: number | undefined, world: World, call: Call): Promise<string | Refusal> {
  const chain = await openChain(a, world, call);
  if ("ok" in chain) return chain;
  const before = from === 1 ? chain.start : await linkBefore(a, chain, from, world, call);
  const last = before === undefined ? undefined : await walk(a, chain, before, to, world, call);
  if (last !== undefined && last.version >= (to ?? from)) return JSON.stringify({ ok: true, version: last.version, digest: last.digest });
  const head = last ?? (await walk(a, chain, chain.start, undefined, world, call));
  return refuseVersion(head, to ?? from, to === undefined ? "from" : "to");
}

function refuseVersion({ version: head }: Link, version: number, field: string): Refusal {
  if (head === 0) return noContext();
  return refuse("not_found", `${field}: there is no version ${version}; the head is ${head}`, { details: { head } });
}

/** `known`: versions up to here are known to have stood, so that one that is absent was taken away. */
type Chain = { readonly keys: ContextKeys; readonly start: Link; readonly known: number };

async function openChain(a: Activation, { ports }: World, call: Call): Promise<Chain | Refusal> {
  const { store, codec } = ports;
  const rows = [keyOf.table(a.id), keyOf.tombstone(a.id), keyOf.head(a.id), keyOf.record(a.id, 1)];
  const [table, tombstone, head, first] = await store.read(rows, call);
  if (tombstone !== undefined) return refuse("expired", "the context's time to live has run out; its contents are gone or about to go");
  if (table === undefined && first === undefined) return noContext();
  const keys = table === undefined ? undefined : openKeys(a, codec, table.value);
  if (keys === undefined) throw broken(1, `the key table ${table === undefined ? "is missing" : "cannot be opened"}`);
  const hint = head === undefined ? undefined : decodeHead(codec, a, keys, head.value);
  return {
    keys,
    start: emptyState(a.id, codec.genesis(a.id)),
    // The head is sealed, and written after the record that it names: what it says has been.
    known: Math.max(a.loaded?.state.version ?? 0, a.head, hint?.state.version ?? 0),
  };
}

function openKeys(a: Activation, codec: Codec, table: Uint8Array): ContextKeys | undefined {
  try {
    return codec.openKeys(a.id, table);
  } catch {
    return undefined;
  }
}

/** Checks record after record from the one after `start` on, up to `to` or the end: those in pages, then those beyond them. */
async function walk(a: Activation, chain: Chain, start: Link, to: number | undefined, world: World, call: Call): Promise<Link> {
  const { codec } = world.ports;
  let link = start;
  const take = (version: number, bytes: Uint8Array): void => {
    if (version > link.version && version <= (to ?? version)) link = check(link, decodeRecord(codec, a, chain.keys, version, bytes, true));
  };
  for (let page = 1; link.version < (to ?? Number.POSITIVE_INFINITY); ) {
    if (link !== start) checkPatience(call, world.ports.clock);
    const last = Math.min(to ?? Number.POSITIVE_INFINITY, link.version + recordsPerBulk(a.loaded?.state));
    const { sealed, found } = await readOn(a, page, range(link.version + 1, last), world, call);
    if (sealed !== undefined) {
      for (const [i, bytes] of sealed.records.entries()) take(sealed.from + i, bytes);
      page++;
      continue;
    }
    const absent = found.indexOf(undefined);
    const first = link.version + 1;
    for (const [i, bytes] of found.slice(0, absent < 0 ? found.length : absent).entries()) if (bytes !== undefined) take(first + i, bytes);
    if (absent < 0) continue;
    if (link.version < chain.known || found.slice(absent).some((bytes) => bytes !== undefined))
      throw broken(link.version + 1, "it is missing");
    return link;
  }
  return link;
}

/** The page of that number, or where there is none, the records of `versions` as they stand beyond all pages. */
async function readOn(a: Activation, page: number, versions: readonly number[], { ports }: World, call: Call) {
  for (let round = 0; round < limits.load_rounds; round++) {
    const looked = proofNow(ports.clock);
    const [stored] = await ports.store.read([keyOf.page(a.id, page)], call);
    if (stored !== undefined) return { sealed: ports.codec.decodePage(stored.value), found: [] };
    const found = await ports.store.read(keyOf.records(a.id, versions), call);
    // They may have been sealed and dropped since, and something else written under their keys (C5): then look again.
    if (isYoung(looked, ports)) return { sealed: undefined, found: found.map((record) => record?.value) };
  }
  throw new ContextError("unavailable", "the context could not be read in time; try again", { details: { outcome: "none" } });
}

function check(link: Link, entry: Entry): Link {
  const wrong = breach(link, entry);
  if (wrong !== undefined) throw broken(link.version + 1, wrong);
  return linkOf(entry);
}

/** Undefined where there is no such record to begin after, and none was known to be. */
async function linkBefore(a: Activation, { keys, known }: Chain, from: number, world: World, call: Call): Promise<Link | undefined> {
  const version = from - 1;
  const { codec } = world.ports;
  for (let page = 1; ; page++) {
    const { sealed, found } = await readOn(a, page, [version], world, call);
    if (sealed !== undefined && sealed.to < version) continue;
    const bytes = sealed === undefined ? found[0] : sealed.records[version - sealed.from];
    if (bytes !== undefined) return linkOf(decodeRecord(codec, a, keys, version, bytes, true));
    if (version <= known) throw broken(version, "it is missing");
    return undefined;
  }
}
