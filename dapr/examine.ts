// The store is examined before anything is trusted to it (C9): the fence of every commit is that a key cannot be created twice.

import { z } from "zod";
import type { Die } from "../actors/ports.ts";
import { ContextError } from "../protocol/errors.ts";
import { jsonOf, type Sidecar } from "./sidecar.ts";
import { type GroupPath, StateStore } from "./state.ts";

const Metadata = z.object({ components: z.array(z.object({ name: z.string(), type: z.string() })).nullish() });

export type Examined = { readonly store: StateStore; readonly type: string; readonly group: GroupPath };

/** Throws ContextError "unavailable" that says what is wrong with the store and what to do. */
export async function examineStore(sidecar: Sidecar, component: string, die: Die): Promise<Examined> {
  const type = await typeOf(sidecar, component);
  // On Redis a transaction drops the first-write mark and overwrites; on SQL stores a POST of several keys is slow, and safe.
  const paths: readonly GroupPath[] = type === "state.redis" ? ["post"] : ["transaction", "post"];
  for (const group of paths) {
    const store = new StateStore(sidecar, component, group);
    await fences(store, 1, component, die);
    if (await fences(store, 2, component, die, group === paths.at(-1))) {
      await comparesEtags(store, component, die);
      return { store, type, group };
    }
  }
  throw unfit(component, "creates a key twice");
}

async function typeOf(sidecar: Sidecar, component: string): Promise<string> {
  const answer = await sidecar.call("GET", "/v1.0/metadata", undefined);
  const { status } = answer;
  const metadata = status === 200 ? Metadata.safeParse(jsonOf(answer)) : undefined;
  const found = metadata?.data?.components?.find(({ name }) => name === component);
  if (found === undefined)
    throw new ContextError(
      "unavailable",
      `the sidecar has no state component "${component}" (its metadata answered ${status}); see components/`,
    );
  return found.type;
}

/** Creates `count` keys in one call, twice. True if only the first went through. */
async function fences(store: StateStore, count: number, component: string, die: Die, last = true): Promise<boolean> {
  const keys = Array.from({ length: count }, () => `strata-probe/${Buffer.from(die.bytes(8)).toString("hex")}`);
  const first = await store.create(keys.map((key) => ({ key, value: Buffer.of(1) })));
  const second = await store.create(keys.map((key) => ({ key, value: Buffer.of(2) })));
  const found = await store.read(keys);
  await Promise.all(keys.map((key) => store.drop(key)));
  if (first !== "created") throw unfit(component, "does not take a new key");
  const kept = found.every((stored) => stored?.value[0] === 1);
  if (second === "created" || !kept) {
    if (last) throw unfit(component, `lets a key be created twice (${count === 1 ? "one key a call" : "several keys a call"})`);
    return false;
  }
  return true;
}

/** A write under an etag that no longer stands must be refused: key tables and directories rest on it. */
async function comparesEtags(store: StateStore, component: string, die: Die): Promise<void> {
  const key = `strata-probe/${Buffer.from(die.bytes(8)).toString("hex")}`;
  await store.create([{ key, value: Buffer.of(1) }]);
  const [created] = await store.read([key]);
  const first = await store.replace(key, Buffer.of(2), created?.etag ?? "");
  const second = await store.replace(key, Buffer.of(3), created?.etag ?? "");
  const [stands] = await store.read([key]);
  await store.drop(key);
  if (first !== "written" || second === "written" || stands?.value[0] !== 2) throw unfit(component, "does not compare etags");
}

const unfit = (component: string, why: string): ContextError =>
  new ContextError(
    "unavailable",
    `state component "${component}" ${why}; Strata would lose or double turns on it and does not start. Use state.sqlite, state.redis or state.postgresql v2`,
  );
