// Records by version, from memory or from the store.

import type { Entry } from "../core/record.ts";
import { ContextError } from "../protocol/errors.ts";
import { type Activation, isYoung, keyOf, type Loaded } from "./activation.ts";
import { broken, decodeRecords, type Row, stands } from "./decoding.ts";
import { range, readRows, recordsPerBulk } from "./load.ts";
import { checkPatience } from "./patience.ts";
import type { Call, Ports, Stored } from "./ports.ts";
import type { World } from "./world.ts";

export async function readEntry(a: Activation, loaded: Loaded, version: number, world: World, call: Call): Promise<Entry> {
  for await (const entry of entries(a, loaded, version, version, world, call)) return entry;
  throw broken(version, "it is missing");
}

/** The records `from` to `to`, in order, read in bulk as they are asked for. Throws ContextError "internal" where one is missing or broken. */
export async function* entries(a: Activation, loaded: Loaded, from: number, to: number, world: World, call: Call): AsyncGenerator<Entry> {
  const bulk = recordsPerBulk(loaded.state);
  for (let first = from; first <= to; first += bulk) {
    if (first > from) checkPatience(call, world.ports.clock);
    const versions = range(first, Math.min(to, first + bulk - 1));
    const batch = await readBatch(a, loaded, versions, world, call);
    for (const version of versions) {
      const entry = batch.get(version);
      if (entry === undefined) throw broken(version, "it is missing");
      yield entry;
    }
  }
}

/** Those of `versions` that stand: from memory, from pages, or from records. */
async function readBatch(
  a: Activation,
  loaded: Loaded,
  versions: readonly number[],
  { hot, ports }: World,
  call: Call,
): Promise<Map<number, Entry>> {
  const batch = new Map<number, Entry>();
  for (const version of versions) {
    const entry = hot.get(a.id, version);
    if (entry !== undefined) batch.set(version, entry);
  }
  hot.touch(a.id);
  const missing = versions.filter((version) => !batch.has(version));
  const keep = (rows: readonly Row[]): void => {
    for (const entry of decodeRecords(ports.codec, a, loaded.keys, rows.filter(stands))) batch.set(entry.version, entry);
  };
  // What a page holds is read from there: its records were dropped, and under a dropped record's key there may be a ghost (C5).
  const sealed = missing.filter((version) => version <= loaded.sealed.to);
  for (let page = loaded.sealed.page; page > 0 && sealed.some((version) => !batch.has(version)); page--) {
    const [stored]: (Stored | undefined)[] = await ports.store.read([keyOf.page(a.id, page)], call);
    if (stored === undefined) throw new ContextError("internal", `page ${page} is missing`);
    const { from, records } = ports.codec.decodePage(stored.value);
    keep(sealed.filter((version) => version >= from && !batch.has(version)).map((version): Row => [version, records[version - from]]));
  }
  keep(await readUnsealed(a, loaded, missing.slice(sealed.length), ports, call));
  for (const version of missing) {
    const entry = batch.get(version);
    if (entry !== undefined) hot.put(a.id, entry);
  }
  return batch;
}

async function readUnsealed(a: Activation, loaded: Loaded, versions: readonly number[], ports: Ports, call: Call): Promise<readonly Row[]> {
  if (versions.length === 0) return [];
  const rows = await readRows(a, versions, ports, call);
  // Only now is it known that none of them was dropped and written again before it was read.
  if (!isYoung(loaded.unsealed, ports)) {
    a.loaded = undefined;
    throw new Outdated();
  }
  return rows;
}

/** What the activation held is of no use to a reader any more, and was dropped: load again. */
class Outdated extends ContextError {
  constructor() {
    super("unavailable", "the context has changed since it was read here; try again", { details: { outcome: "none" } });
  }
}

/** For who loads again: undefined. Throws everything else on. */
export function undefinedIfOutdated(reason: unknown): undefined {
  if (!(reason instanceof Outdated)) throw reason;
}
