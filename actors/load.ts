// Reading a context (C6): from the head's hint on, records until one is absent, then the tombstone, then the next page, in that order, since what
// is absent in the end then says that nothing was dropped before.

import type { Entry } from "../core/record.ts";
import { apply, breach, emptyState, type State } from "../core/state.ts";
import { ContextError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, ageOf, type Hot, keyOf, type Loaded, type Proof, proofNow } from "./activation.ts";
import type { Call, Codec, ContextKeys, Ports, Stored } from "./ports.ts";

/** How many records the first read asks for where nothing tells how many there are. */
const FIRST = 32;
/** How many records beyond the head's version the first read asks for. */
const AHEAD = 8;

/** The context as it stands. `wanted`: versions that the caller will need, read in the same call. */
export async function load(a: Activation, ports: Ports, hot: Hot, call: Call, wanted: readonly number[] = []): Promise<Loaded> {
  if (a.loaded !== undefined) return a.loaded;
  const began = ports.clock.elapsed();
  const proven = proofNow(ports.clock);
  const [head, table] = await ports.store.read([keyOf.head(a.id), keyOf.table(a.id)], call);
  // The key table is written before the first record and deleted after the tombstone: without it there is nothing else to read.
  const loaded =
    table === undefined
      ? await loadNothing(a, ports, proven, call)
      : await new Loading(a, ports, hot, call).run(table, head, proven, wanted);
  a.loaded = loaded;
  a.published = Math.max(a.published, loaded.state.published);
  if (loaded.buried) a.buriedAt ??= ports.clock.elapsed();
  ports.events.activated(a.id, loaded.state.version, (ports.clock.elapsed() - began) as typeof began);
  return loaded;
}

async function loadNothing(a: Activation, ports: Ports, proven: Proof, call: Call): Promise<Loaded> {
  const [tombstone] = await ports.store.read([keyOf.tombstone(a.id)], call);
  const state = emptyState(a.id, ports.codec.genesis(a.id));
  const { keys } = ports.codec.mintKeys(a.id);
  return { state: { ...state, ended: tombstone !== undefined }, keys, table: undefined, page: 0, proven, buried: tombstone !== undefined };
}

class Loading {
  readonly #a: Activation;
  readonly #ports: Ports;
  readonly #hot: Hot;
  readonly #call: Call;

  constructor(a: Activation, ports: Ports, hot: Hot, call: Call) {
    this.#a = a;
    this.#ports = ports;
    this.#hot = hot;
    this.#call = call;
  }

  async run(table: Stored, head: Stored | undefined, proven: Proof, wanted: readonly number[]): Promise<Loaded> {
    const keys = this.#ports.codec.openKeys(this.#a.id, table.value);
    let { state, page, known } = await this.#begin(keys, head, wanted);
    for (let round = 0; round < limits.load_rounds; round++) {
      state = await this.#readRecords(keys, state, known);
      known = [];
      const [tombstone] = await this.#ports.store.read([keyOf.tombstone(this.#a.id)], this.#call);
      const buried = tombstone !== undefined;
      if (buried || state.ended) return { state: { ...state, ended: true }, keys, table: table.etag, page, proven, buried };
      const [next] = await this.#ports.store.read([keyOf.page(this.#a.id, page + 1)], this.#call);
      if (next === undefined) return { state, keys, table: table.etag, page, proven, buried };
      // Sealed while the records were read: go on from what the page holds.
      state = this.#replay(keys, state, next);
      page++;
    }
    throw new ContextError("unavailable", "the context changes faster than it can be read", { details: { outcome: "none" } });
  }

  /** Where to begin: at the head if the record that it names stands and is the same, else at the beginning. A head is only a hint. */
  async #begin(keys: ContextKeys, head: Stored | undefined, wanted: readonly number[]) {
    const hint = head === undefined ? undefined : decodeHead(this.#ports.codec, this.#a, keys, head.value);
    const last = hint === undefined ? Math.max(FIRST, ...wanted) : hint.state.version + AHEAD;
    const versions =
      hint === undefined ? range(1, last) : [...wanted.filter((v) => v < hint.state.version), ...range(hint.state.version, last)];
    const known = [...(await this.#readMany(versions))];
    if (hint === undefined) return { state: this.#empty(), page: 0, known };
    const named = known.find(([version]) => version === hint.state.version)?.[1];
    const entry = named === undefined ? undefined : this.#decode(keys, hint.state.version, named);
    if (entry?.digest !== hint.state.digest) return { state: this.#empty(), page: 0, known: [] };
    this.#a.head = hint.state.version;
    for (const [version, bytes] of known) if (version <= hint.state.version && bytes !== undefined) this.#remember(keys, version, bytes);
    return { state: hint.state, page: hint.page, known: known.filter(([version]) => version > hint.state.version) };
  }

  #empty(): State {
    return emptyState(this.#a.id, this.#ports.codec.genesis(this.#a.id));
  }

  /** Folds records from `state` on until one is absent. A hole before one that is present means: read again, bulk reads are no snapshot. */
  async #readRecords(keys: ContextKeys, from: State, known: readonly (readonly [number, Uint8Array | undefined])[]): Promise<State> {
    let state = from;
    let batch = known;
    for (let round = 0; round < limits.versions_per_context; round++) {
      if (batch.length === 0) batch = [...(await this.#readMany(range(state.version + 1, state.version + limits.records_per_bulk)))];
      let absent = false;
      let hole = false;
      for (const [version, bytes] of batch) {
        if (bytes === undefined) absent = true;
        else if (absent) hole = true;
        else state = this.#take(state, this.#decode(keys, version, bytes));
      }
      if (absent && !hole) return state;
      batch = [];
    }
    throw new ContextError("internal", "the context has more records than it may have");
  }

  #replay(keys: ContextKeys, from: State, page: Stored): State {
    const { from: first, records } = this.#ports.codec.decodePage(page.value);
    let state = from;
    for (const [i, bytes] of records.entries())
      if (first + i > state.version) state = this.#take(state, this.#decode(keys, first + i, bytes));
    return state;
  }

  #take(state: State, entry: Entry): State {
    const wrong = breach(state, entry);
    if (wrong !== undefined) throw broken(state.version + 1, wrong);
    this.#hot.put(this.#a.id, entry);
    return apply(state, entry);
  }

  #remember(keys: ContextKeys, version: number, bytes: Uint8Array): void {
    if (this.#hot.get(this.#a.id, version) === undefined) this.#hot.put(this.#a.id, this.#decode(keys, version, bytes));
  }

  #decode(keys: ContextKeys, version: number, bytes: Uint8Array): Entry {
    return decodeRecord(this.#ports.codec, this.#a, keys, version, bytes);
  }

  async #readMany(versions: readonly number[]): Promise<Map<number, Uint8Array | undefined>> {
    const found = await this.#ports.store.read(
      versions.map((version) => keyOf.record(this.#a.id, version)),
      this.#call,
    );
    return new Map(versions.map((version, i) => [version, found[i]?.value]));
  }
}

export const broken = (version: number, why: string, cause?: unknown): ContextError =>
  new ContextError("internal", `record ${version} is broken: ${why}`, { details: { broken: version }, cause });

export function decodeRecord(codec: Codec, a: Activation, keys: ContextKeys, version: number, bytes: Uint8Array, thorough = false): Entry {
  try {
    return codec.decode(a.id, keys, bytes, thorough);
  } catch (cause) {
    throw broken(version, cause instanceof ContextError ? cause.message.replace(/^\[\w+\] /, "") : "it does not decode", cause);
  }
}

function decodeHead(codec: Codec, a: Activation, keys: ContextKeys, bytes: Uint8Array) {
  try {
    return codec.decodeHead(a.id, keys, bytes);
  } catch {
    return undefined; // Whatever is wrong with a hint, the records say what is right.
  }
}

export const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

/**
 * Whether the tail is where `a` thinks, as of now or of less than `within` ms ago (C8). On false the state was dropped: load again.
 * An old proof needs the tombstone and the next page as well: records behind a page may have been dropped, so an absent one proves nothing (C5).
 */
export async function proveTail(a: Activation, loaded: Loaded, ports: Ports, call: Call, within: number): Promise<boolean> {
  const age = ageOf(loaded.proven, ports.clock);
  if (age < within) return true;
  const proven = proofNow(ports.clock);
  const next = keyOf.record(a.id, loaded.state.version + 1);
  const [record] = await ports.store.read([next], call);
  const old = age >= ports.settings.dropDelayMs / 2;
  const [tombstone] = record === undefined && old ? await ports.store.read([keyOf.tombstone(a.id)], call) : [undefined];
  const [page] = record === undefined && old ? await ports.store.read([keyOf.page(a.id, loaded.page + 1)], call) : [undefined];
  const same = record === undefined && tombstone === undefined && page === undefined;
  a.loaded = same ? { ...loaded, proven } : undefined;
  return same;
}
