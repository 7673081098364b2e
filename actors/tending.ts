// What a context's `tend` reminder does: whatever turns left undone, until the context is idle and nothing is (C7).

import { eventOf } from "../core/record.ts";
import { expiryOf, type State } from "../core/state.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, isYoung, keyOf, type Loaded } from "./activation.ts";
import { loadProven } from "./load.ts";
import type { Outbox } from "./outbox.ts";
import type { Call, Ports } from "./ports.ts";
import { entries } from "./records.ts";
import { letGo, mayLand, registerClearing, registerExpiry } from "./reminding.ts";
import { type Reporter, reportOf } from "./reporter.ts";
import type { World } from "./world.ts";

export type Aftermath = { readonly outbox: Outbox; readonly reporter: Reporter };

/** Publishes, reports and writes the head; cancels the reminder when all of it is done. Leaves a context in use to its turns. */
export async function tend(a: Activation, reminder: string, world: World, { outbox, reporter }: Aftermath, call: Call): Promise<void> {
  const { ports } = world;
  if (a.loaded !== undefined && isInUse(a, a.loaded, outbox, ports)) {
    if (a.reported < a.loaded.state.version) reporter.tell(a, reportOf(a.id, a.loaded.state));
    if (a.loaded.state.version - a.head > limits.head_behind_in_use) await writeHead(a, a.loaded, world, call);
    return ports.events.tended(a.id, "in use");
  }
  const loaded = await loadProven(a, ports, world.hot, call);
  const { version } = loaded.state;
  const behind = await tellUntold(a, loaded, world, outbox, call);
  if (a.reported < version) reporter.tell(a, reportOf(a.id, loaded.state));
  if (a.head < version || loaded.state.published < a.published) await writeHead(a, loaded, world, call);
  if (behind || a.reported < version || a.head < version || mayLand(a, ports)) return ports.events.tended(a.id, "unfinished");
  await ensureExpiry(a, loaded, world, call);
  await letGo(a, reminder, ports, loaded.buried);
  ports.events.tended(a.id, "clean");
}

/** Whether turns are made so often that the next fire is soon enough, and what they left to be told is on its way. Many are: this asks no store. */
function isInUse(a: Activation, { state }: Loaded, outbox: Outbox, { clock, settings }: Ports): boolean {
  const recent = !state.ended && clock.elapsed() - a.committed < settings.tendMs;
  return recent && (!settings.events || a.published >= state.version || outbox.has(a));
}

/**
 * The end of a name that has one is looked after by a reminder of its own. One that was set before its record stood may have been cancelled since, or
 * be due for a record that never came to stand. Of one that was set behind it the head tells whoever comes next, so that not each leaves one behind.
 */
async function ensureExpiry(a: Activation, loaded: Loaded, world: World, call: Call): Promise<void> {
  const { ports } = world;
  const { state, table } = loaded;
  if (state.ended && table !== undefined) return registerClearing(a, ports);
  const expiry = expiryOf(state);
  if (expiry === undefined || isMinded(state, ports)) return;
  const reminded = ports.clock.now();
  await registerExpiry(a, expiry, ports);
  await writeHead(a, { ...loaded, state: { ...state, reminded } }, world, call);
}

/** Whether a reminder of the end was set so lately, by a clock that may have jumped, that none is set in case that one was lost. */
function isMinded({ reminded, policy }: State, { clock }: Ports): boolean {
  const age = clock.now() - reminded;
  return age >= 0 && age < Math.min(policy.ttl?.ms ?? 0, limits.expire_due_max_ms) / limits.expire_reminders;
}

/** Behind a turn whose event does not follow those that are out: another host has crashed, or the bus was away. All of them go, in their order. */
export async function catchUp(a: Activation, world: World, outbox: Outbox): Promise<void> {
  if (a.loaded !== undefined && !outbox.has(a)) await publishAgain(a, a.loaded, world, outbox, {});
}

/** Tells the events that are not known to be out again, unless they are on their way; whether there are any. */
export async function tellUntold(a: Activation, loaded: Loaded, world: World, outbox: Outbox, call: Call): Promise<boolean> {
  const untold = world.ports.settings.events && a.published < loaded.state.version;
  if (untold && !outbox.has(a)) await publishAgain(a, loaded, world, outbox, call);
  return untold;
}

/** Finds the events that are not known to be out. They may be told twice; their id says which version they are of. */
async function publishAgain(a: Activation, loaded: Loaded, world: World, outbox: Outbox, call: Call): Promise<void> {
  const first = a.published + 1;
  const to = Math.min(loaded.state.version, a.published + limits.events_per_fire);
  for await (const entry of entries(a, loaded, first, to, world, call)) {
    // The first ones find out whether the bus is there; more would be read for nothing where it is not.
    if (entry.version >= first + limits.events_per_publish && !outbox.open) return;
    if (!outbox.add(a, eventOf(a.id, entry))) return;
  }
}

/** Whether a head belongs behind this version. It says all keys that are remembered: the more there are, the less often it is written. */
export const isHeadDue = ({ version, keys }: Pick<State, "version" | "keys">, stagger: number): boolean => {
  const { head_every_versions: every, head_every_versions_max: max, keys_per_head_step: step } = limits;
  const versions = Math.min(max, every * (1 + Math.floor(keys.size / step)));
  return (version + Math.floor(versions * stagger)) % versions === 0;
};

/** The head is a hint: written without a condition, and lost without harm. */
export async function writeHead(a: Activation, loaded: Loaded, { ports }: World, call: Call): Promise<void> {
  if (loaded.state.version === 0 || loaded.state.ended) {
    a.head = loaded.state.version;
    return;
  }
  // Of what is long proven the name may have ended meanwhile, and its contents gone: no head may come to stand behind them.
  if (!isYoung(loaded.proven, ports)) return;
  // One that names a later record than stands was written when that stood: it is what is left to say that it was lost (A2).
  if (a.head > loaded.state.version) return;
  loaded.state.keys.prune(ports.clock.now(), limits);
  const state = { ...loaded.state, published: a.published };
  const head = ports.codec.encodeHead(a.id, loaded.keys, state, loaded.sealed);
  if ((await ports.store.put(keyOf.head(a.id), head, call)) === "unknown") return;
  a.head = loaded.state.version;
  a.loaded = { ...loaded, state };
}
