// One commit, read downwards. The linearisation point is the create-only write of one key, the record (V6). Rules C1-C5: docs/invariants.md.

import type { Draft, Entry } from "../core/record.ts";
import { apply } from "../core/state.ts";
import { ContextError, isUnavailable } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, isYoung, keyOf, type Loaded, proofNow } from "./activation.ts";
import type { Group } from "./group.ts";
import type { Hot } from "./hot.ts";
import { isLate } from "./patience.ts";
import type { Call, Ports } from "./ports.ts";
import { isReminded, registerClearing, remind } from "./reminding.ts";

export type Committing = { readonly ports: Ports; readonly group: Group; readonly hot: Hot };

/**
 * Commits `draft` on top of `loaded`. Undefined: another activation has won this version, or the name has ended; the state was dropped, so load and
 * decide again. Throws ContextError "unavailable" with `outcome` when the call's deadline passes first.
 */
export async function commit(
  a: Activation,
  loaded: Loaded,
  draft: Draft,
  contents: readonly string[],
  by: Committing,
  call: Call,
): Promise<Entry | undefined> {
  const { bytes, entry } = by.ports.codec.encode(a.id, loaded.keys, draft, contents);
  const sent = proofNow(by.ports.clock);
  // From here on nothing in memory is to be trusted until it is known what stands: a throw leaves the activation unloaded (V3).
  a.loaded = undefined;
  if (!(await stands(a, loaded, entry, bytes, by, call))) return undefined;

  a.loaded = { ...loaded, state: apply(loaded.state, entry), proven: sent };
  by.hot.put(a.id, entry);
  by.ports.events.committed(a.id, entry.version);
  return entry;
}

/** Whether the record came to stand and counts. Once it was sent, no failure means that it was not written. */
async function stands(a: Activation, loaded: Loaded, entry: Entry, bytes: Uint8Array, by: Committing, call: Call): Promise<boolean> {
  try {
    if (!(await settle(a, loaded, entry, bytes, by, call))) return false;
    // Where all this took so long that nobody may be coming back to it any more (C7), somebody is told to, and then it is looked again, since that
    // takes its time as well: between the last look and the acknowledgement nothing is waited for.
    for (let round = 0; round < limits.load_rounds; round++) {
      await remind(a, by.ports, call);
      const looked = proofNow(by.ports.clock);
      if (!(await isGenuine(a, loaded, entry, by.ports, call))) return false;
      if (isReminded(a, "tend", by.ports) && isYoung(looked, by.ports)) return true;
    }
    throw unknownOutcome();
  } catch (cause) {
    a.unsettled = by.ports.clock.elapsed();
    // Under an old proof it may stand where the name has ended and its contents have gone: then somebody has to clear once more.
    if (!isYoung(loaded.proven, by.ports)) await registerClearing(a, by.ports).catch(() => undefined);
    throw isUnavailable(cause) ? unknownOutcome(cause) : cause;
  }
}

/** Sends one record until it is known whose stands at its key: true if it is this attempt's (C2, C3). */
async function settle(a: Activation, loaded: Loaded, entry: Entry, bytes: Uint8Array, by: Committing, call: Call): Promise<boolean> {
  const { clock, store, events } = by.ports;
  const key = keyOf.record(a.id, entry.version);
  for (let attempt = 0; attempt < limits.settle_attempts; attempt++) {
    if ((await by.group.create(key, bytes, call, attempt > 0)) === "created") return true;

    const [stands, page] = await look(key, keyOf.page(a.id, loaded.sealed.page + 1));
    // No two attempts are the same bytes. Whose else it is need not be known, nor may it be to tell: under a name that ended, its keys can be gone.
    const settled = stands === undefined ? "absent" : Buffer.compare(stands, bytes) === 0 ? "mine" : "other";
    events.unknown(a.id, entry.version, settled);
    if (settled !== "absent") return settled === "mine";
    if (page) {
      // Sealed by another, perhaps over this version: what stands has to be read again, and what was sent may land beside it.
      a.unsettled = clock.elapsed();
      return false;
    }
    // Absent does not mean that it will not land later. The same record again is safe: whichever lands, it is this attempt.
    if (isLate(call, clock)) break;
    await clock.sleep(Math.min(limits.settle_pause_ms * 2 ** attempt, limits.settle_pause_max_ms));
  }
  throw unknownOutcome();

  async function look(record: string, next: string): Promise<[Uint8Array | undefined, boolean]> {
    while (!isLate(call, clock)) {
      try {
        const [found] = await store.read([record], call);
        if (found !== undefined) return [found.value, false];
        const [page] = await store.read([next], call);
        return [undefined, page !== undefined];
      } catch {
        await clock.sleep(limits.settle_pause_ms); // The store does not answer now; until it does, nothing is known.
      }
    }
    throw unknownOutcome();
  }
}

const unknownOutcome = (cause?: unknown): ContextError =>
  new ContextError("unavailable", "the store did not say in time whether the turn was written; repeat it with the same key", {
    details: { outcome: "unknown" },
    cause,
  });

/**
 * Whether a record that was created also counts (C5). One whose activation proved its tail too long ago may have been written where another record
 * was sealed and dropped: a ghost, which nobody may answer for. It is deleted. A record that was sealed itself is none, and one of a name that has
 * ended is left to who ended it: either may be the fence that stops the next who wakes.
 */
async function isGenuine(a: Activation, loaded: Loaded, entry: Entry, ports: Ports, call: Call): Promise<boolean> {
  if (isYoung(loaded.proven, ports)) return true;
  // Pages before the tombstone: one that is absent while the name lives says that nothing was sealed, however long this takes.
  const sealed = await readSealed(a, loaded.sealed.page, entry.version, ports, call);
  const [tombstone] = await ports.store.read([keyOf.tombstone(a.id)], call);
  if (tombstone !== undefined) {
    // What was written now may be all that is left of the name; it goes as everything went before.
    await registerClearing(a, ports);
    return false;
  }
  const genuine = sealed === undefined || ports.codec.attemptOf(loaded.keys, sealed) === entry.attempt;
  if (!genuine) {
    await ports.store.drop(keyOf.record(a.id, entry.version), call);
    ports.events.ghost(a.id, entry.version);
  }
  return genuine;
}

/** The record of `version` in the pages after `page`, or undefined: one that ends before it proves nothing, its records were sealed, this one was not. */
async function readSealed(a: Activation, page: number, version: number, ports: Ports, call: Call): Promise<Uint8Array | undefined> {
  for (let number = page + 1; number <= page + limits.versions_per_context; number++) {
    const [found] = await ports.store.read([keyOf.page(a.id, number)], call);
    if (found === undefined) return undefined;
    const { from, to, records } = ports.codec.decodePage(found.value);
    if (version <= to) return records[version - from];
  }
  return undefined;
}
