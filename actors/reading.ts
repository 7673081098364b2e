// What a reader asks: read, history, diff, verify. None of it changes the context.

import { expired, isExpired } from "../core/context.ts";
import {
  Difference,
  historyRow,
  ItemPage,
  noContext,
  readText,
  refuseTime,
  refuseVersion,
  setSlots,
  timeOf,
  type Unsure,
} from "../core/query.ts";
import type { Command, Diff, History, Read } from "../protocol/contract.ts";
import { ContextError, type Refusal, refuse } from "../protocol/errors.ts";
import type { RawJson } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { type Instant, instant } from "../protocol/units.ts";
import type { Activation, Loaded } from "./activation.ts";
import { endName } from "./ending.ts";
import { load, proveTail } from "./load.ts";
import { isLate } from "./patience.ts";
import type { Call } from "./ports.ts";
import { entries, readEntry, undefinedIfOutdated } from "./records.ts";
import { verify } from "./verifying.ts";
import type { World } from "./world.ts";

type Query = Extract<Command, { method: "read" | "history" | "diff" | "verify" }>;
type Answer = string | Refusal | Unsure | { readonly refusal: Refusal; readonly proof: false };

/** The answer as JSON text, or a refusal. */
export async function ask(a: Activation, query: Query, world: World, call: Call): Promise<string | Refusal> {
  const { ports } = world;
  for (let round = 0; round < limits.decisions_per_turn && !isLate(call, ports.clock); round++) {
    const loaded = await loadFor(a, query, world, call);
    if (loaded?.buried) return expired(loaded.state);
    if (loaded !== undefined && (loaded.state.ended || isExpired(loaded.state, ports.clock.now()))) {
      // Another activation may have moved the time to live: expired is only what ends here and now.
      await endName(a, world, call);
      if (a.loaded?.state.ended) return expired(a.loaded.state);
      continue;
    }
    if (query.method === "verify") return verify(a, query, world, call);
    if (loaded === undefined) continue; // Only where verify is asked for, which has gone its way.
    const fresh = query.method === "read" && query.fresh === true;
    const proven = await proveTail(a, loaded, ports, call, fresh ? 0 : ports.settings.hotMs);
    if (proven === undefined) continue;
    const answer = await answerTo(a, proven, query, world, call).catch(undefinedIfOutdated);
    if (answer === undefined) continue;
    if (typeof answer === "string" || "ok" in answer) return answer;
    // What another activation may know better is asked of the store before it is refused.
    if (!answer.proof || (await proveTail(a, proven, ports, call, 0))) return answer.refusal;
  }
  return refuse("unavailable", "the context could not be read in time; try again", { details: { outcome: "none" } });
}

/** Undefined where a record is broken and that is what is asked about: then nobody knows whether the time of the context has run out. */
async function loadFor(a: Activation, query: Query, { ports, hot }: World, call: Call): Promise<Loaded | undefined> {
  try {
    return await load(a, ports, hot, call, needs(query));
  } catch (reason) {
    if (query.method === "verify" && reason instanceof ContextError && reason.code === "internal") return undefined;
    throw reason;
  }
}

/** How many of the first versions a query will need, so that a cold load reads them at once. */
const needs = (query: Query): number => (query.method !== "read" ? 0 : typeof query.at === "number" ? query.at : Infinity);

function answerTo(a: Activation, loaded: Loaded, query: Exclude<Query, { method: "verify" }>, world: World, call: Call): Promise<Answer> {
  switch (query.method) {
    case "read":
      return read(a, loaded, query, world, call);
    case "history":
      return history(a, loaded, query, world, call);
    case "diff":
      return diff(a, loaded, query, world, call);
  }
}

async function read(a: Activation, loaded: Loaded, query: Read, world: World, call: Call): Promise<Answer> {
  const { state } = loaded;
  const version = await locate(a, loaded, query.at, world, call);
  if (typeof version !== "number") return version;
  const head = version === state.version;
  const from = query.from ?? 0;
  // An older version's slots are the fold of all records up to it; the head's are at hand, so that only the records of the page are needed.
  const first = head ? await recordOfItem(a, loaded, from, world, call) : 1;
  const slots = new Map<string, RawJson>(head ? [...state.slots].map(([name, slot]) => [name, slot.value]) : []);
  const page = new ItemPage(from, query.limit ?? limits.items_per_read, limits.bytes_per_reply);
  for await (const entry of entries(a, loaded, first, version, world, call)) {
    page.add(entry);
    if (!head) setSlots(slots, entry);
    else if (page.next !== undefined) break;
  }
  const last = await readEntry(a, loaded, version, world, call);
  return readText({ version, digest: last.digest, at: last.at, slots, items: page.items, next: page.next });
}

/** The version that `at` names: a number, or the last that stood at a time. */
async function locate(a: Activation, loaded: Loaded, at: Read["at"], world: World, call: Call): Promise<number | Exclude<Answer, string>> {
  const { state } = loaded;
  if (at === undefined || typeof at === "number") return refuseVersion(state, at ?? 1, "at") ?? at ?? state.version;
  const time = timeOf(at);
  const refused = refuseTime(state, time, world.ports.clock.now());
  if (refused !== undefined) return refused;
  a.observed = instant(Math.max(a.observed, time));
  if (time >= state.at) return state.version;
  return lastBy(state.version, async (version) => (await readEntry(a, loaded, version, world, call)).at <= (time as Instant));
}

/** The record that holds item `index`; the last one where there is no such item. */
async function recordOfItem(a: Activation, loaded: Loaded, index: number, world: World, call: Call): Promise<number> {
  if (index === 0) return 1;
  if (index >= loaded.state.items) return loaded.state.version;
  return lastBy(loaded.state.version, async (version) => (await readEntry(a, loaded, version, world, call)).firstItem <= index);
}

/** The last of 1 … `head` for which `holds`, which holds for 1 and, from some version on, no more. */
async function lastBy(head: number, holds: (version: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [1, head];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (await holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

async function history(a: Activation, loaded: Loaded, query: History, world: World, call: Call): Promise<Answer> {
  const { state } = loaded;
  if (state.version === 0) return { refusal: noContext(), proof: true };
  const to = Math.min(state.version, (query.before ?? state.version + 1) - 1);
  const from = Math.max(1, to - (query.limit ?? limits.history_default) + 1);
  const rows: ReturnType<typeof historyRow>[] = [];
  for await (const entry of entries(a, loaded, from, to, world, call)) rows.unshift(historyRow(entry));
  return JSON.stringify({ ok: true, versions: rows, ...(from > 1 ? { next: from } : {}) });
}

async function diff(a: Activation, loaded: Loaded, query: Diff, world: World, call: Call): Promise<Answer> {
  const refused = refuseVersion(loaded.state, query.to, "to");
  if (refused !== undefined) return refused;
  if (query.from > query.to) return refuse("invalid", `from: ${query.from} is after to, ${query.to}; ask the other way round`);
  const difference = new Difference(query.from, limits);
  for await (const entry of entries(a, loaded, 1, query.to, world, call)) {
    const refused = difference.add(entry);
    if (refused !== undefined) return refused;
  }
  return difference.text(query.to);
}
