// A last look at a context: everything that stands, and the proof of its chain.

import { setTimeout as pause } from "node:timers/promises";
import type { Caller, Reply } from "./caller.ts";
import type { Ended, Final } from "./history.ts";

const AGAIN_MS = 100;
const VERSIONS = 1_000;

type Version = { readonly number: number; readonly digest: string; readonly at: string; readonly items: number };

/** What stands, whatever was told of it. */
export type Standing = Omit<Final, "told">;

/** What stands, or that the context's time has run out; undefined where nothing was written. Throws when that can't be seen in time. */
export async function readFinal(caller: Caller, context: string, signal: AbortSignal): Promise<Standing | Ended | undefined> {
  const versions = await readVersions(caller, context, signal);
  if (versions === "expired") return { op: "ended", context };
  if (versions.length === 0) return undefined;
  const texts = await readTexts(caller, context, signal);
  // What the runtime did not answer proves nothing: while hosts leave it cancels calls of any kind.
  const proof = await insist(() => caller.call(context, "verify", {}, signal), context, signal);
  const verified: Final["verified"] =
    proof.kind === "ok" ? { version: proof.reply.version, digest: proof.reply.digest } : { failed: JSON.stringify(proof) };
  let taken = 0;
  const own = versions.map(({ items, ...version }) => {
    taken += items;
    return { ...version, texts: texts.slice(taken - items, taken) };
  });
  return { op: "final", context, versions: own, verified };
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
