// A last look at a context: everything that stands, and the proof of its chain.

import { setTimeout as pause } from "node:timers/promises";
import type { Caller, Reply } from "./caller.ts";
import type { Final, History, Told } from "./history.ts";
import { TENANT } from "./stage.ts";
import type { Bus } from "./told.ts";

const AGAIN_MS = 100;
const VERSIONS = 1_000;

type Version = { readonly number: number; readonly digest: string; readonly at: string; readonly items: number };

export interface Sources {
  readonly caller: Caller;
  readonly bus: Bus;
  readonly history: History;
}

/** Aborted when what stands must be readable, and when all of it must have been told. */
export interface Patience {
  readonly healed: AbortSignal;
  readonly told: AbortSignal;
}

/** Writes down what stands and what was told of it, or that the context's time has run out. Throws when that can't be seen in time. */
export async function readFinal(context: string, { caller, bus, history }: Sources, patience: Patience): Promise<void> {
  const signal = patience.healed;
  const versions = await readVersions(caller, context, signal);
  if (versions === "expired") return history.add({ op: "ended", context });
  if (versions.length === 0) return;
  const texts = await readTexts(caller, context, signal);
  const proof = await caller.call(context, "verify", {}, signal);
  const verified: Final["verified"] =
    proof.kind === "ok" ? { version: proof.reply.version, digest: proof.reply.digest } : { failed: JSON.stringify(proof) };
  let taken = 0;
  const own = versions.map(({ items, ...version }) => {
    taken += items;
    return { ...version, texts: texts.slice(taken - items, taken) };
  });
  const told = await readTold(bus, `${TENANT}.${context}`, versions.length, patience.told);
  history.add({ op: "final", context, versions: own, verified, told });
}

/** Waits until every version was told of, as long as that may take; whether all are there is for the checker to say. */
async function readTold(bus: Bus, id: string, versions: number, signal: AbortSignal): Promise<readonly Told[]> {
  for (;;) {
    const told = await bus.told(id);
    if (signal.aborted || new Set(told.map((one) => one.version)).size >= versions) return told;
    await pause(AGAIN_MS);
  }
}

async function readVersions(caller: Caller, context: string, signal: AbortSignal): Promise<Version[] | "expired"> {
  const versions: Version[] = [];
  let before: number | undefined;
  do {
    const heard = await insist(() => caller.call(context, "history", { before, limit: VERSIONS }, signal), context, signal);
    if (heard.kind === "refused" && heard.code === "expired") return "expired";
    if (heard.kind === "refused" && heard.code === "not_found") return [];
    if (heard.kind !== "ok") throw new Error(`${context}: its history can't be read: ${JSON.stringify(heard)}`);
    versions.push(...heard.reply.versions.map(({ number, digest, at, items }) => ({ number, digest, at, items })));
    before = heard.reply.next;
  } while (before !== undefined);
  return versions.reverse();
}

async function readTexts(caller: Caller, context: string, signal: AbortSignal): Promise<string[]> {
  const texts: string[] = [];
  let from: number | undefined = 0;
  while (from !== undefined) {
    const at: number = from;
    const heard = await insist(() => caller.call(context, "read", { fresh: true, from: at }, signal), context, signal);
    if (heard.kind !== "ok") throw new Error(`${context}: it can't be read: ${JSON.stringify(heard)}`);
    texts.push(...heard.reply.items.map(({ content }) => content));
    from = heard.reply.next;
  }
  return texts;
}

/** Asks until there is an answer that will not change. */
async function insist<T>(ask: () => Promise<Reply<T>>, context: string, signal: AbortSignal): Promise<Reply<T>> {
  for (;;) {
    const heard = await ask();
    if (heard.kind === "ok" || (heard.kind === "refused" && heard.code !== "unavailable" && heard.code !== "overloaded")) return heard;
    if (signal.aborted) throw new Error(`${context}: it could not be read in the end: ${JSON.stringify(heard)}`);
    await pause(AGAIN_MS);
  }
}
