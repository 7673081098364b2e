// The end of a name (C1): a final record in the log, so that a zombie's next create is refused; then the tombstone, for ever; and D later, by the
// clock of the activation that deletes, the contents. Whoever finds a part of it done finishes the rest.

import { endOf, isExpired } from "../core/context.ts";
import { expiryOf } from "../core/state.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, keyOf, type Loaded } from "./activation.ts";
import { commit } from "./commit.ts";
import { load, loadProven } from "./load.ts";
import { isLate } from "./patience.ts";
import type { Call, Ports } from "./ports.ts";
import { isReminded, letGo, registerClearing, registerExpiry, remind } from "./reminding.ts";
import { type Aftermath, tellUntold } from "./tending.ts";
import type { World } from "./world.ts";

/** Ends the name of a context whose time has run out, as far as the call's deadline allows. */
export async function endName(a: Activation, world: World, call: Call): Promise<void> {
  const { ports } = world;
  for (let round = 0; round < limits.decisions_per_turn && !isLate(call, ports.clock); round++) {
    const loaded = await load(a, ports, world.hot, call);
    if (loaded.state.ended) return bury(a, loaded, world, call);
    if (!isExpired(loaded.state, ports.clock.now())) return;
    await remind(a, ports, call); // Its event has to go out, and the directory to be told.
    const key = loaded.keys.pseudonym("key", "strata/expire");
    const draft = endOf(loaded.state, ports.clock.now(), key, a.published);
    const entry = await commit(a, loaded, draft, [], world, call);
    if (entry !== undefined) world.committed(a, entry);
  }
}

/** The tombstone stands, and a reminder that deletes what is under it. */
async function bury(a: Activation, loaded: Loaded, { ports }: World, call: Call): Promise<void> {
  if (loaded.buried) return;
  const key = keyOf.tombstone(a.id);
  await ports.store.create([{ key, value: ports.codec.encodeTombstone(loaded.state.version) }], call);
  const [stands] = await ports.store.read([key], call);
  if (stands === undefined) return; // Unknown: the reminder that is set comes back to it.
  a.loaded = { ...loaded, buried: true };
  a.buriedAt ??= ports.clock.elapsed();
  ports.events.ended(a.id, loaded.state.version);
  await registerClearing(a, ports);
}

/** What an `expire` reminder does: ends the name when it is time, deletes its contents when that is due, and is cancelled when all is done. */
export async function expire(a: Activation, reminder: string, world: World, { outbox }: Aftermath, call: Call): Promise<void> {
  const { ports } = world;
  const loaded = await loadProven(a, ports, world.hot, call);
  if (!loaded.state.ended && !isExpired(loaded.state, ports.clock.now())) return waitAgain(a, reminder, loaded, ports);
  await endName(a, world, call);
  if (a.buriedAt === undefined) return;
  const buried = ports.clock.elapsed() - a.buriedAt;
  if (buried < ports.settings.dropDelayMs) return;
  // Its events are told from its records.
  if (buried < limits.events_kept_ms && (await tellUntold(a, loaded, world, outbox, call))) return;
  if (!(await dropContents(a, world, call))) return;
  a.loaded = undefined; // What is known of it is gone as well.
  await letGo(a, reminder, ports, true);
}

/** It has moved, or gone: a reminder is set to when it is now. */
async function waitAgain(a: Activation, reminder: string, loaded: Loaded, ports: Ports): Promise<void> {
  const expiry = expiryOf(loaded.state);
  const mine = a.reminders.own.get("expire")?.name === reminder;
  if (expiry !== undefined && (mine || !isReminded(a, "expire", ports))) await registerExpiry(a, expiry, ports);
  if (expiry === undefined || !mine) await letGo(a, reminder, ports, false);
}

/** Deletes all but the tombstone, which stays; true when nothing else is left. The key table goes first: without it the rest is noise. */
async function dropContents(a: Activation, { ports, hot }: World, call: Call): Promise<boolean> {
  const [tombstone] = await ports.store.read([keyOf.tombstone(a.id)], call);
  if (tombstone === undefined) return false;
  const { version } = ports.codec.decodeTombstone(tombstone.value);
  hot.forget(a.id);
  const keys = [keyOf.table(a.id), keyOf.head(a.id)];
  for (let v = 1; v <= version; v++) keys.push(keyOf.record(a.id, v));
  for (let i = 0; i < keys.length; i += limits.drops_at_once) {
    const dropped = await Promise.all(keys.slice(i, i + limits.drops_at_once).map((key) => ports.store.drop(key, call)));
    if (!dropped.every((outcome) => outcome === "dropped")) return false;
  }
  return dropPages(a, ports, call);
}

/** The last page first: pages are found by counting up, so what is left must be the first ones. */
async function dropPages(a: Activation, ports: Ports, call: Call): Promise<boolean> {
  let last = 0;
  while ((await ports.store.read([keyOf.page(a.id, last + 1)], call))[0] !== undefined) last++;
  for (let page = last; page > 0; page--) if ((await ports.store.drop(keyOf.page(a.id, page), call)) === "unknown") return false;
  return true;
}
