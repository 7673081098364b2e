// One commit, read downwards. The linearisation point is the create-only write of one key, the record (V6). Rules C1-C5: design.md, section 5.

import type { Draft, Entry } from "../core/record.ts";
import { apply } from "../core/state.ts";
import { ContextError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, ageOf, type Hot, keyOf, type Loaded, type Proof, proofNow } from "./activation.ts";
import type { Group } from "./group.ts";
import { decodeRecord } from "./load.ts";
import type { Call, Ports } from "./ports.ts";

export type Committing = { readonly ports: Ports; readonly group: Group; readonly hot: Hot };

/**
 * Commits `draft` on top of `loaded`. Undefined: another activation has won this version, or the name has ended; the state was dropped, so load and
 * decide again. Throws ContextError "unavailable" with `outcome` when the deadline passes first.
 */
export async function commit(
  a: Activation,
  loaded: Loaded,
  draft: Draft,
  contents: readonly string[],
  by: Committing,
  call: Call,
  deadline: number,
): Promise<Entry | undefined> {
  const { bytes, entry } = by.ports.codec.encode(a.id, loaded.keys, draft, contents);
  const sent = proofNow(by.ports.clock);
  // From here on nothing in memory is to be trusted until it is known what stands: a throw leaves the activation unloaded (V3).
  a.loaded = undefined;
  if (!(await stands(a, loaded, entry, bytes, by, call, deadline))) return undefined;

  a.loaded = { ...loaded, state: apply(loaded.state, entry), proven: sent };
  by.hot.put(a.id, entry);
  by.ports.events.committed(a.id, entry.version);
  return entry;
}

/** Whether the record came to stand and counts. Once it was sent, no failure means that it was not written. */
async function stands(
  a: Activation,
  loaded: Loaded,
  entry: Entry,
  bytes: Uint8Array,
  by: Committing,
  call: Call,
  deadline: number,
): Promise<boolean> {
  try {
    return (await settle(a, loaded, entry, bytes, by, call, deadline)) && (await isGenuine(a, loaded, entry.version, by.ports, call));
  } catch (cause) {
    throw cause instanceof ContextError && cause.code === "unavailable" ? unknownOutcome(cause) : cause;
  }
}

/** Sends one record until it is known whose stands at its key: true if it is this attempt's (C2, C3). */
async function settle(
  a: Activation,
  loaded: Loaded,
  entry: Entry,
  bytes: Uint8Array,
  by: Committing,
  call: Call,
  deadline: number,
): Promise<boolean> {
  const { clock, store, events } = by.ports;
  const key = keyOf.record(a.id, entry.version);
  for (let attempt = 0; attempt < limits.settle_attempts; attempt++) {
    if ((await by.group.create(key, bytes, call, attempt > 0)) === "created") return true;

    const [stands, page] = await look(key, keyOf.page(a.id, loaded.page + 1));
    const settled = stands === undefined ? "absent" : attemptAt(stands) === entry.attempt ? "mine" : "other";
    events.unknown(a.id, entry.version, settled);
    if (settled !== "absent") return settled === "mine";
    if (page) return false; // Sealed over by another: the version is taken, its record dropped.
    // Absent does not mean that it will not land later. The same record again is safe: whichever lands, it is this attempt.
    if (clock.elapsed() >= deadline) break;
    await clock.sleep(Math.min(limits.settle_pause_ms * 2 ** attempt, limits.settle_pause_max_ms));
  }
  throw unknownOutcome();

  async function look(record: string, next: string): Promise<[Uint8Array | undefined, boolean]> {
    while (clock.elapsed() < deadline) {
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

  function attemptAt(stands: Uint8Array): string {
    return decodeRecord(by.ports.codec, a, loaded.keys, entry.version, stands).attempt;
  }
}

const unknownOutcome = (cause?: unknown): ContextError =>
  new ContextError("unavailable", "the store did not say in time whether the turn was written; repeat it with the same key", {
    details: { outcome: "unknown" },
    cause,
  });

/**
 * Whether a record that was created also counts (C5). One whose activation proved its tail too long ago may have been written behind a page, or after
 * the end of the name: a ghost that nobody will ever read. It is deleted, unless it is what stands in for the end itself.
 */
export async function isGenuine(a: Activation, loaded: Loaded, version: number, ports: Ports, call: Call): Promise<boolean> {
  if (ageOf(loaded.proven, ports.clock) < ports.settings.dropDelayMs / 2) return true;
  const [tombstone] = await ports.store.read([keyOf.tombstone(a.id)], call);
  if (tombstone === undefined && !(await isCovered(a, loaded.page, version, ports, call))) return true;
  await ports.store.drop(keyOf.record(a.id, version), call);
  ports.events.ghost(a.id, version);
  return false;
}

/** Whether a page covers `version`. One that ends before it proves nothing: its records were sealed, this one was not. */
async function isCovered(a: Activation, page: number, version: number, ports: Ports, call: Call): Promise<boolean> {
  for (let number = page + 1; number < page + limits.load_rounds; number++) {
    const [found] = await ports.store.read([keyOf.page(a.id, number)], call);
    if (found === undefined) return false;
    if (ports.codec.decodePage(found.value).to >= version) return true;
  }
  return true; // So many pages have come since that this activation is of another time.
}

/** Whether an answer that rests on `loaded` may be given: its tail was proven lately enough that no dropped record is answered for (C5). */
export const mayAcknowledge = (proven: Proof, ports: Ports): boolean => ageOf(proven, ports.clock) < ports.settings.dropDelayMs / 2;
