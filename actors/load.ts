// Reading a context (C6): from the head's hint on, records until one is absent, and in the same bulk read the tombstone and the next page. Where
// these are absent nothing was dropped before they were looked for, nor is anything until D after (C5): docs/decisions/0013.

import type { Entry } from "../core/record.ts";
import { apply, breach, emptyState, type State } from "../core/state.ts";
import { ContextError, isUnavailable } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, ageOf, isYoung, keyOf, type Loaded, type Proof, proofNow } from "./activation.ts";
import { broken, decodeHead, decodeRecord, decodeRecords, type Row, type Standing, stands } from "./decoding.ts";
import { type Hot, Records } from "./hot.ts";
import type { Call, Codec, ContextKeys, Ports, Sealed, Stored } from "./ports.ts";

/**
 * The context as it stands. `needs`: the caller will need its first so many versions (Infinity: all); they are read in the same go. A load is for
 * those who ask next as well, so that neither a caller who goes away nor a deadline ends it: a context that takes longer could never be read.
 */
export async function load(a: Activation, ports: Ports, hot: Hot, call: Call, needs = 0): Promise<Loaded> {
  if (a.loaded !== undefined) return a.loaded;
  const began = ports.clock.elapsed();
  const loaded = await readAll(a, ports, hot, call, needs);
  a.loaded = loaded;
  a.published = Math.max(a.published, loaded.state.published);
  if (loaded.buried) a.buriedAt ??= ports.clock.elapsed();
  ports.events.activated(a.id, loaded.state.version, (ports.clock.elapsed() - began) as typeof began);
  return loaded;
}

async function readAll(a: Activation, ports: Ports, hot: Hot, call: Call, needs: number): Promise<Loaded> {
  for (let round = 0; round < limits.load_rounds; round++) {
    const at = proofNow(ports.clock);
    // Versions that were asked for by number do not wait for the head. "All" does: they may be three.
    const early = needs < Infinity ? range(1, Math.min(needs, limits.records_per_first_bulk)) : [];
    const asked = ports.store.read([keyOf.head(a.id), keyOf.table(a.id), keyOf.tombstone(a.id)], call);
    const reading = early.length === 0 ? Promise.resolve([]) : readRows(a, early, ports, call);
    reading.catch(() => {}); // It is heard where it is needed.
    const [head, table, tombstone] = await asked;
    // The key table is written before the first record and deleted after the tombstone: without it there is nothing else to read.
    if (table === undefined) return loadNothing(a, ports, at, tombstone !== undefined);
    const loading = new Loading(a, ports, call, table);
    try {
      const loaded = await loading.run(hot, { head, early, reading, needs });
      loading.keep(hot);
      return loaded;
    } catch (reason) {
      if (isUnavailable(reason) || (await hasSameKeys(a, table.etag, ports, call))) throw reason;
    }
  }
  throw tooFast();
}

/** Whether `table` still is the key table. Another activation may have added keys since: what they open looks broken without them. */
async function hasSameKeys(a: Activation, table: string | undefined, ports: Ports, call: Call): Promise<boolean> {
  const [now] = await ports.store.read([keyOf.table(a.id)], call);
  return now?.etag === table;
}

const tooFast = (): ContextError =>
  new ContextError("unavailable", "the context changes faster than it can be read", { details: { outcome: "none" } });

function loadNothing(a: Activation, ports: Ports, at: Proof, buried: boolean): Loaded {
  const state = { ...emptyState(a.id, ports.codec.genesis(a.id)), ended: buried };
  const { keys } = ports.codec.mintKeys(a.id);
  return { state, keys, table: undefined, proven: at, sealed: NOT_SEALED, unsealed: at, buried };
}

const NOT_SEALED: Sealed = { page: 0, to: 0 };

/** What was read of a context so far: the fold up to a version, and the last page that is in it. */
type Folded = { readonly state: State; readonly sealed: Sealed };
type Rows = readonly Row[];
/** What was read with the key table, which of the first versions are being read beside it, and how many of them a caller needs. */
type Found = {
  readonly head: Stored | undefined;
  readonly early: readonly number[];
  readonly reading: Promise<Rows>;
  readonly needs: number;
};
/** Records, and the two that say whether records may have been dropped, of one bulk read. */
type Round = { readonly tombstone: Stored | undefined; readonly page: Stored | undefined; readonly rows: Rows };
type Begun = Round & { readonly folded: Folded };

class Loading {
  readonly #a: Activation;
  readonly #ports: Ports;
  readonly #call: Call;
  readonly #table: Stored;
  readonly #keys: ContextKeys;
  /** What was folded, and what was read besides: kept for readers once it is known that none of it is a ghost. */
  #folded = new Records();
  #besides = new Records();

  constructor(a: Activation, ports: Ports, call: Call, table: Stored) {
    this.#a = a;
    this.#ports = ports;
    this.#call = call;
    this.#table = table;
    this.#keys = ports.codec.openKeys(a.id, table.value);
  }

  async run(hot: Hot, found: Found): Promise<Loaded> {
    let at = proofNow(this.#ports.clock);
    let { folded, tombstone, page, rows } = await this.#begin(hot, found);
    let gap: string | undefined;
    for (let round = 0; round < limits.load_rounds; round++) {
      const before = folded.state;
      const read = await this.#readRecords(before, rows).catch((reason: unknown) => {
        // What came to stand after all was deleted may be under keys that are gone: beneath a tombstone that is no damage.
        if (tombstone === undefined || !(reason instanceof ContextError) || isUnavailable(reason)) throw reason;
        return { state: before, gap: undefined };
      });
      folded = { ...folded, state: read.state };
      // A bulk read is no snapshot, and among records that were sealed there may be ghosts: what is wrong with them must be so twice, and no page come.
      const stable = (read.gap === undefined || read.gap.message === gap) && isYoung(at, this.#ports);
      if (page !== undefined) folded = await this.#goOn(folded, page);
      else if (tombstone !== undefined) return this.#done({ ...folded, state: this.#ended(folded.state) }, at, true);
      else if (stable && read.gap === undefined) return this.#done(folded, at, false);
      else if (stable) throw read.gap;
      gap = read.gap?.message;
      at = proofNow(this.#ports.clock);
      ({ tombstone, page, rows } = await this.#readOn(folded));
    }
    throw tooFast();
  }

  /** Keeps what was read for readers to come. */
  keep(hot: Hot): void {
    for (const entry of [...this.#besides.values(), ...this.#folded.values()]) hot.put(this.#a.id, entry);
  }

  /** Under a tombstone, records without the last of all are what is left of them, or ghosts: nothing to go by. */
  #ended(state: State): State {
    return state.ended ? state : { ...this.#nothing().state, ended: true };
  }

  #done({ state, sealed }: Folded, at: Proof, buried: boolean): Loaded {
    return { state, keys: this.#keys, table: { etag: this.#table.etag }, proven: at, sealed, unsealed: at, buried };
  }

  /** From the head on, if it can be gone by, else from the beginning. */
  async #begin(hot: Hot, found: Found): Promise<Begun> {
    const hint = found.head === undefined ? undefined : decodeHead(this.#ports.codec, this.#a, this.#keys, found.head.value);
    const atHead = hint === undefined ? undefined : await this.#beginAt(hint, hot, found);
    if (atHead !== undefined) return atHead;
    const folded = this.#nothing();
    return { folded, ...(await this.#readOn(folded, await found.reading)) };
  }

  /** What comes after the head, if the record that it names stands and is the same: it is only a hint. */
  async #beginAt(hint: Folded, hot: Hot, { early, reading: before, needs }: Found): Promise<Begun | undefined> {
    const { state, sealed } = hint;
    const versions = range(early.length + 1, Math.min(needs, state.version - 1, recordsPerBulk(state)));
    // Several bulk reads at once: while the sidecar is at the others, the first are decoded.
    const bulks = inBulks(versions);
    const last = bulks.pop() ?? [];
    const besides = Promise.all(
      bulks.map(async (bulk) => this.#keepBesides(hot, hint, await readRows(this.#a, bulk, this.#ports, this.#call))),
    );
    const reading = this.#readRound([...last, ...range(state.version, state.version + limits.records_beyond_head)], sealed);
    for (const promise of [besides, reading]) promise.catch(() => {}); // They are heard below, unless what was read before is broken.
    this.#keepBesides(hot, hint, await before);
    await besides;
    const { rows, ...ends } = await reading;
    this.#keepBesides(hot, hint, rows);
    this.#a.head = state.version;
    const bytes = rows[last.length]?.[1];
    const named = bytes === undefined ? undefined : this.#decode(state.version, bytes);
    if (named === undefined || named.digest !== state.digest) return undefined;
    this.#besides.put(named);
    return { folded: hint, ...ends, rows: rows.slice(last.length + 1) };
  }

  /** The records after those folded and those read. */
  async #readOn({ state, sealed }: Folded, read: Rows = []): Promise<Round> {
    const from = state.version + read.length;
    const { rows, ...ends } = await this.#readRound(range(from + 1, from + recordsPerBulk(state) - read.length), sealed);
    return { ...ends, rows: [...read, ...rows] };
  }

  async #readRound(versions: readonly number[], { page }: Sealed): Promise<Round> {
    const { id } = this.#a;
    const keys = [keyOf.tombstone(id), keyOf.page(id, page + 1), ...keyOf.records(id, versions)];
    const [tombstone, next, ...records] = await this.#ports.store.read(keys, this.#call);
    return { tombstone, page: next, rows: rowsOf(versions, records) };
  }

  /** Records before the head's: the fold begins behind them, but readers will ask. */
  #keepBesides(hot: Hot, { state, sealed }: Folded, rows: Rows): void {
    const unknown: Standing[] = [];
    for (const [version, bytes] of rows) {
      if (version <= sealed.to || version >= state.version || bytes === undefined) continue;
      if (hot.get(this.#a.id, version) === undefined) unknown.push([version, bytes]);
    }
    for (const entry of this.#decodeAll(unknown)) this.#besides.put(entry);
  }

  #nothing(): Folded {
    return { state: emptyState(this.#a.id, this.#ports.codec.genesis(this.#a.id)), sealed: NOT_SEALED };
  }

  /** Folds records from `from` on until one is absent. `gap`: why those that stand after it do not follow. */
  async #readRecords(from: State, known: readonly Row[]): Promise<{ readonly state: State; readonly gap?: ContextError }> {
    let state = from;
    let rows = known;
    for (let round = 0; round < limits.versions_per_context; round++) {
      if (rows.length === 0)
        rows = await readRows(this.#a, range(state.version + 1, state.version + recordsPerBulk(state)), this.#ports, this.#call);
      const absent = rows.findIndex((row) => !stands(row));
      const following = absent < 0 ? rows : rows.slice(0, absent);
      for (const entry of this.#decodeAll(following.filter(stands))) {
        const wrong = breach(state, entry);
        if (wrong !== undefined) return { state, gap: broken(entry.version, wrong) };
        state = this.#take(state, entry);
      }
      if (absent >= 0) return rows.slice(absent).some(stands) ? { state, gap: broken(state.version + 1, "it is missing") } : { state };
      rows = [];
    }
    throw new ContextError("internal", "the context has more records than it may have");
  }

  /** A page has come since. Where it holds something else than what was read, that was a ghost (C5), and the pages say what is true. */
  async #goOn({ state, sealed }: Folded, stored: Stored): Promise<Folded> {
    const page = this.#ports.codec.decodePage(stored.value);
    this.#besides = new Records();
    const last = Math.min(state.version, page.to);
    const bytes = page.records[last - page.from];
    const ours = last === state.version ? state.digest : this.#folded.get(last)?.digest;
    // What was not read here cannot be a ghost of ours; what was read and let go of may be one.
    const same = ours === undefined ? this.#folded.complete : bytes === undefined || this.#decode(last, bytes).digest === ours;
    if (same) return this.#replay({ state, sealed }, page);
    this.#folded = new Records();
    let folded = this.#nothing();
    for (let number = 1; number < limits.versions_per_context; number++) {
      const next = await this.#read(keyOf.page(this.#a.id, number));
      if (next === undefined) break;
      folded = this.#replay(folded, this.#ports.codec.decodePage(next.value));
    }
    return folded;
  }

  #replay({ state, sealed }: Folded, page: ReturnType<Codec["decodePage"]>): Folded {
    let folded = state;
    for (const [i, bytes] of page.records.entries())
      if (page.from + i > folded.version) {
        const entry = this.#decode(page.from + i, bytes);
        const wrong = breach(folded, entry);
        if (wrong !== undefined) throw broken(entry.version, wrong);
        folded = this.#take(folded, entry);
      }
    return { state: folded, sealed: { page: sealed.page + 1, to: page.to } };
  }

  #take(state: State, entry: Entry): State {
    this.#folded.put(entry);
    this.#folded.shrink(limits.bytes_per_load);
    return apply(state, entry);
  }

  #decode(version: number, bytes: Uint8Array): Entry {
    return decodeRecord(this.#ports.codec, this.#a, this.#keys, version, bytes);
  }

  #decodeAll(records: readonly Standing[]): Iterable<Entry> {
    return decodeRecords(this.#ports.codec, this.#a, this.#keys, records);
  }

  async #read(key: string): Promise<Stored | undefined> {
    const [found] = await this.#ports.store.read([key], this.#call);
    return found;
  }
}

export async function readRows(a: Activation, versions: readonly number[], ports: Ports, call: Call): Promise<Rows> {
  return rowsOf(versions, await ports.store.read(keyOf.records(a.id, versions), call));
}

const rowsOf = (versions: readonly number[], found: readonly (Stored | undefined)[]): Row[] =>
  versions.map((version, i) => [version, found[i]?.value]);

/** How many records one call may ask for, going by the largest that was seen. */
export const recordsPerBulk = (state: Pick<State, "largest" | "version"> | undefined): number =>
  state === undefined || state.version === 0 ? limits.records_per_first_bulk : bulkOf(state.largest);
const bulkOf = (largest: number): number =>
  Math.max(1, Math.min(limits.records_per_bulk, Math.floor(limits.bytes_per_bulk / Math.max(1, largest))));

const inBulks = (versions: readonly number[]): (readonly number[])[] => {
  const some = limits.records_per_first_bulk;
  return range(1, Math.ceil(versions.length / some)).map((i) => versions.slice((i - 1) * some, i * some));
};

export const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

/**
 * `loaded` with a tail that is proven as of now or of less than `within` ms ago (C8). Undefined: it is not so any more, or the name has ended; the
 * state was dropped, load again. An old proof needs the tombstone and the next page as well: records behind a page may have been dropped, so an
 * absent one proves nothing (C5).
 */
export async function proveTail(a: Activation, loaded: Loaded, ports: Ports, call: Call, within: number): Promise<Loaded | undefined> {
  const young = isYoung(loaded.proven, ports) && isYoung(loaded.unsealed, ports);
  if (young && ageOf(loaded.proven, ports.clock) < within) return loaded;
  const proven = proofNow(ports.clock);
  const keys = [keyOf.record(a.id, loaded.state.version + 1)];
  if (!young) keys.push(keyOf.tombstone(a.id), keyOf.page(a.id, loaded.sealed.page + 1));
  const found = await ports.store.read(keys, call);
  const stands = found.every((row) => row === undefined) && isYoung(proven, ports);
  a.loaded = stands ? { ...loaded, proven, unsealed: young ? loaded.unsealed : proven } : undefined;
  return a.loaded;
}

/** The context as it stands now, whatever was known of it. */
export async function loadProven(a: Activation, ports: Ports, hot: Hot, call: Call): Promise<Loaded> {
  for (let round = 0; round < limits.load_rounds; round++) {
    const loaded = await load(a, ports, hot, call);
    const proven = loaded.buried ? loaded : await proveTail(a, loaded, ports, call, 0);
    if (proven !== undefined) return proven;
  }
  throw tooFast();
}
