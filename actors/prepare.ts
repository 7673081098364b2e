// What must stand before a record may: an entry in the tenant's directory, the key table, and a reminder to look after what the turn leaves undone.

import type { Draft } from "../core/record.ts";
import { expiryOf, type State } from "../core/state.ts";
import { ContextError, type Refusal, refuse } from "../protocol/errors.ts";
import { tenantOf } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { Policy } from "../protocol/policy.ts";
import { type Activation, isYoung, keyOf, type Loaded } from "./activation.ts";
import type { Call, Ports } from "./ports.ts";
import { registerExpiry, remind } from "./reminding.ts";
import { reportOf } from "./reporter.ts";
import type { World } from "./world.ts";

/** "again": decide anew, since what the decision stood on has changed. */
export async function prepare(a: Activation, loaded: Loaded, draft: Draft, world: World, call: Call): Promise<"ready" | "again" | Refusal> {
  const { ports } = world;
  const birth = draft.version === 1 && a.defaults === undefined;
  const subjects = [...new Set(draft.items.flatMap((item) => item.subjects))];
  const rooted = loaded.keys.hasRoots(subjects);
  const known = rooted ? 0 : loaded.keys.countWith(subjects);
  if (known > limits.subjects_per_context)
    return refuse(
      "too_large",
      `the context would be about ${known} subjects; at most ${limits.subjects_per_context}. Begin another context`,
    );
  const [entered] = await Promise.all([birth ? ports.directory.enter(a.id, call) : undefined, remind(a, ports, call)]);
  if (entered?.ok === false) return entered;
  if (entered !== undefined) a.defaults = entered.policy;
  if (draft.policy !== null) await announceExpiry(a, loaded.state, draft, draft.policy, ports);
  const keyed = rooted && loaded.table !== undefined;
  if (!keyed) await writeKeys(a, loaded, subjects, world, call);
  // The tenant's policy belongs into the first record; keys that were written have an etag to be read: both mean another look.
  return keyed && !birth ? "ready" : "again";
}

/** A new time to live: the reminder is set, and the directory told, before the record that brings it. Both may be early, neither may be late. */
async function announceExpiry(a: Activation, state: State, draft: Draft, policy: Policy, ports: Ports): Promise<void> {
  const born = state.version === 0;
  const after: State = {
    ...state,
    version: draft.version,
    created: born ? draft.at : state.created,
    appended: draft.kind === "append" ? draft.at : state.appended,
    policy,
  };
  const expiry = expiryOf(after);
  // The record may come to stand or not: the reminder fires at the earlier of both ends, and goes on from there.
  if (expiry !== undefined) await registerExpiry(a, Math.min(expiry, expiryOf(state) ?? expiry), ports);
  // Before its first record a context is asked itself what state it is in.
  if (born || (await ports.directory.report(tenantOf(a.id), { ...reportOf(a.id, after), version: state.version, at: state.at }))) return;
  throw new ContextError("unavailable", "the tenant's directory could not be told of the time to live; try again", {
    details: { outcome: "none" },
  });
}

/** Writes the key table, with a root for every subject. */
async function writeKeys(a: Activation, loaded: Loaded, subjects: readonly string[], { ports, group }: World, call: Call): Promise<void> {
  if (!isYoung(loaded.proven, ports)) {
    // The name may have ended meanwhile, and no keys may come to stand where they were deleted.
    a.loaded = undefined;
    return;
  }
  const { table, keys } = ports.codec.addRoots(a.id, loaded.keys, subjects);
  const key = keyOf.table(a.id);
  if (loaded.table === undefined && (await group.create(key, table, call)) === "created") {
    a.loaded = { ...loaded, keys, table: { etag: undefined } };
    return;
  }
  if (loaded.table?.etag !== undefined) await ports.store.replace(key, table, loaded.table.etag, call);
  // Whatever was answered, what stands now is what counts: it may be another activation's table.
  const [stands] = await ports.store.read([key], call);
  a.loaded = stands === undefined ? undefined : { ...loaded, keys: ports.codec.openKeys(a.id, stands.value), table: { etag: stands.etag } };
}
