// Records by version, from memory or from the store.

import type { Entry } from "../core/record.ts";
import { ContextError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, keyOf, type Loaded } from "./activation.ts";
import { broken, decodeRecord, range } from "./load.ts";
import type { Call, Stored } from "./ports.ts";
import type { World } from "./world.ts";

export async function readEntry(a: Activation, loaded: Loaded, version: number, world: World, call: Call): Promise<Entry> {
  for await (const entry of entries(a, loaded, version, version, world, call)) return entry;
  throw broken(version, "it is missing");
}

/** The records `from` to `to`, in order, read in bulk as they are asked for. Throws ContextError "internal" where one is missing or broken. */
export async function* entries(a: Activation, loaded: Loaded, from: number, to: number, world: World, call: Call): AsyncGenerator<Entry> {
  for (let first = from; first <= to; first += limits.records_per_bulk) {
    const versions = range(first, Math.min(to, first + limits.records_per_bulk - 1));
    const batch = await fetch(a, loaded, versions, world, call);
    for (const version of versions) {
      const entry = batch.get(version);
      if (entry === undefined) throw broken(version, "it is missing");
      yield entry;
    }
  }
}

/** Those of `versions` that stand: from memory, from records, or where those were dropped, from pages. */
async function fetch(
  a: Activation,
  loaded: Loaded,
  versions: readonly number[],
  { hot, ports }: World,
  call: Call,
): Promise<Map<number, Entry>> {
  const batch = new Map<number, Entry>();
  const keep = (version: number, bytes: Uint8Array): void => {
    const entry = decodeRecord(ports.codec, a, loaded.keys, version, bytes);
    hot.put(a.id, entry);
    batch.set(version, entry);
  };
  for (const version of versions) {
    const entry = hot.get(a.id, version);
    if (entry !== undefined) batch.set(version, entry);
  }
  const missing = versions.filter((version) => !batch.has(version));
  if (missing.length === 0) return batch;
  const found = await ports.store.read(
    missing.map((version) => keyOf.record(a.id, version)),
    call,
  );
  for (const [i, version] of missing.entries()) {
    const bytes = found[i]?.value;
    if (bytes !== undefined) keep(version, bytes);
  }
  for (let page = 1; batch.size < versions.length && page <= loaded.page; page++) {
    const [stored]: (Stored | undefined)[] = await ports.store.read([keyOf.page(a.id, page)], call);
    if (stored === undefined) throw new ContextError("internal", `page ${page} is missing`);
    const sealed = ports.codec.decodePage(stored.value);
    for (const version of versions) {
      const bytes = batch.has(version) || version < sealed.from ? undefined : sealed.records[version - sealed.from];
      if (bytes !== undefined) keep(version, bytes);
    }
  }
  return batch;
}
