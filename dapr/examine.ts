// The store is examined before anything is trusted to it (C9): the fence of every commit is that a key cannot be created twice.

import { z } from "zod";
import type { Clock, Die, Ports } from "../actors/ports.ts";
import { ContextError, isUnavailable } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { jsonOf, type Sidecar } from "./sidecar.ts";
import { type Creating, StateStore } from "./state.ts";

const Metadata = z.object({ components: z.array(z.object({ name: z.string(), type: z.string() })).nullish() });

export type Examined = { readonly store: StateStore; readonly type: string; readonly creating: Creating };

/** Throws ContextError "unavailable" that says what is wrong with the store and what to do. */
export async function examineStore(sidecar: Sidecar, component: string, { die, clock }: Pick<Ports, "die" | "clock">): Promise<Examined> {
  const type = await typeOf(sidecar, component);
  // A POST of several keys is several writes: slower everywhere, and safe.
  const fence = type === "state.redis" ? "etag" : "first-write";
  let unfenced: string | undefined;
  for (const several of ["transaction", "post"] as const) {
    const store = new StateStore(sidecar, component, { several, fence });
    unfenced = await whatIsWrong(whyUnfenced, store, die, clock);
    if (unfenced !== undefined) continue;
    const uncompared = await whatIsWrong(whyUncompared, store, die, clock);
    if (uncompared !== undefined) throw unfit(component, uncompared);
    return { store, type, creating: { several, fence } };
  }
  throw unfit(component, unfenced ?? "");
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

/** Undefined where nothing is wrong with it. */
type Question = (store: StateStore, die: Die) => Promise<string | undefined>;

const TWICE = "lets a key be created twice";
const UNCOMPARED = "does not compare etags";

/** What a store will not do may be a moment's trouble, and is asked of it again; what it lets happen once, it lets happen again. */
async function whatIsWrong(question: Question, store: StateStore, die: Die, clock: Clock): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    const why = await question(store, die).catch((reason: unknown) => {
      if (!isUnavailable(reason)) throw reason;
      return "does not answer";
    });
    if (why === undefined || why === TWICE || why === UNCOMPARED || attempt === limits.examine_attempts) return why;
    await clock.sleep(limits.examine_pause_ms);
  }
}

/** How keys are created, by themselves or several in a call: one that stands must never be created again. */
const whyUnfenced: Question = async (store, die) => {
  const [single = "", ...group] = Array.from({ length: 3 }, () => probeKey(die));
  const keys = [single, ...group];
  const create = (keys: readonly string[], value: number) => store.create(keys.map((key) => ({ key, value: Buffer.of(value) })));
  try {
    if ((await create([single], 1)) !== "created") return "does not take a new key";
    if ((await create(group, 1)) !== "created") return "does not take several new keys in one call";
    // What one kind of call created, the other may not create either.
    const again = [await create([single], 2), await create(group, 3), await create(keys, 4)];
    for (const key of group) again.push(await create([key], 5));
    const kept = (await store.read(keys)).every((stored) => stored?.value[0] === 1);
    return again.includes("created") || !kept ? TWICE : undefined;
  } finally {
    await Promise.all(keys.map((key) => store.drop(key)));
  }
};

/** A write under an etag that no longer stands must be refused: key tables and directories rest on it. */
const whyUncompared: Question = async (store, die) => {
  const key = probeKey(die);
  try {
    if ((await store.create([{ key, value: Buffer.of(1) }])) !== "created") return "does not take a new key";
    const [created] = await store.read([key]);
    if ((await store.replace(key, Buffer.of(2), created?.etag ?? "")) !== "written") return "does not take a change";
    const again = await store.replace(key, Buffer.of(3), created?.etag ?? "");
    const [stands] = await store.read([key]);
    return again === "written" || stands?.value[0] !== 2 ? UNCOMPARED : undefined;
  } finally {
    await store.drop(key);
  }
};

const probeKey = (die: Die): string => `strata-probe/${Buffer.from(die.bytes(8)).toString("hex")}`;

const unfit = (component: string, why: string): ContextError =>
  new ContextError(
    "unavailable",
    `state component "${component}" ${why}; Strata would lose or double turns on it and does not start. Use state.sqlite, state.redis or state.postgresql v2`,
  );
