// What a recorded history proves, or does not. Pure: it looks at what was asked and answered and at what stands in the end, and believes nothing else.

import type { Appended, Ended, Entry, Final, Forbidden, Read, Told } from "./history.ts";

export type Verdict = {
  /** Each says what was promised and what was seen instead. Empty: the history keeps every promise. */
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly reads: number;
  readonly contexts: number;
  /** Attempts without an answer, and refusals by code. */
  readonly lost: number;
  readonly refused: Readonly<Record<string, number>>;
};

export type CheckOptions = {
  /** S: how old an answer to a read may be that did not ask for a proof (C8), ms. */
  readonly hotMs: number;
};

type Log = {
  readonly versions: Final["versions"];
  readonly told: readonly Told[];
  /** All items, and how many there were at each version. */
  readonly texts: readonly string[];
  readonly counts: readonly number[];
  readonly at: ReadonlyMap<string, readonly number[]>;
};
/** What one key came to: all its answers, over all attempts. */
type Turn = { readonly key: string; readonly began: number; acknowledged: number; version: number; digest: string };

/** How many findings of one kind are told in full. */
const TOLD = 5;
/** Refusals that a turn may meet and repeat; any other says that something is wrong with the turn itself. */
export const passing: ReadonlySet<string> = new Set(["unavailable", "overloaded"]);

export function check(history: Iterable<Entry>, options: CheckOptions): Verdict {
  const by = sortOut(history);
  const found = new Findings();
  const ended = new Set(by.ended.map(({ context }) => context));
  const logs = new Map(by.final.map((final) => [final.context, readLog(final, found)]));
  const asked = gatherKeys(by.append);
  const turns = gatherTurns(by.append, ended, found);
  for (const [context, ofContext] of turns) {
    checkOneKeyAVersion(context, ofContext, found);
    checkOrder(context, ofContext, found);
    const log = logs.get(context);
    if (log !== undefined) checkTurns(context, ofContext, log, found);
    else if (!ended.has(context)) found.add("lost", `${context}: was written to and not read in the end`);
  }
  for (const [context, log] of logs) {
    checkStrangers(context, log, asked.get(context), found);
    checkTold(context, log, found);
  }
  for (const { context, key, why } of by.forbidden)
    if (logs.get(context)?.at.has(key)) found.add("forbidden", `${context}: ${key} stands, and must not: ${why}`);
  checkReads(by.read, logs, turns, options, found);
  for (const { holds, claim } of by.claim) if (!holds) found.add(kindOf(claim), claim);
  const refused: Record<string, number> = {};
  for (const { answer } of by.append) if (answer.kind === "refused") refused[answer.code] = (refused[answer.code] ?? 0) + 1;
  return {
    violations: found.told(),
    acknowledged: [...turns.values()].reduce((sum, ofContext) => sum + ofContext.length, 0),
    reads: by.read.length,
    contexts: logs.size + ended.size,
    lost: by.append.filter(({ answer }) => answer.kind === "lost").length,
    refused,
  };
}

function sortOut(history: Iterable<Entry>) {
  const by = {
    append: [] as Appended[],
    read: [] as Read[],
    forbidden: [] as Forbidden[],
    final: [] as Final[],
    ended: [] as Ended[],
    claim: [] as Extract<Entry, { op: "claim" }>[],
  };
  for (const entry of history) {
    if (entry.op === "append") by.append.push(entry);
    else if (entry.op === "read") by.read.push(entry);
    else if (entry.op === "forbidden") by.forbidden.push(entry);
    else if (entry.op === "final") by.final.push(entry);
    else if (entry.op === "ended") by.ended.push(entry);
    else if (entry.op === "claim") by.claim.push(entry);
  }
  return by;
}

/** The log as it stands: versions without gaps, times that never go back, a chain that verifies up to its end. */
function readLog({ context, versions, verified, told }: Final, found: Findings): Log {
  const texts: string[] = [];
  const counts: number[] = [0];
  const at = new Map<string, number[]>();
  let before = "";
  for (const [i, version] of versions.entries()) {
    if (version.number !== i + 1) found.add("gap", `${context}: version ${version.number} stands where ${i + 1} belongs (V2)`);
    if (version.at < before) found.add("time", `${context}: version ${version.number} is of ${version.at}, the one before of ${before}`);
    before = version.at;
    for (const text of version.texts) {
      texts.push(text);
      const places = at.get(text);
      if (places === undefined) at.set(text, [version.number]);
      else places.push(version.number);
    }
    counts.push(texts.length);
  }
  const last = versions.at(-1);
  if ("failed" in verified) found.add("chain", `${context}: the chain does not verify: ${verified.failed} (A2)`);
  else if (verified.version !== last?.number || verified.digest !== last.digest)
    found.add(
      "chain",
      `${context}: the chain verifies up to version ${verified.version}, and the head is ${last?.number ?? "missing"} (A2)`,
    );
  for (const [text, places] of at)
    if (places.length > 1) found.add("doubled", `${context}: ${text} stands at ${places.join(" and ")} (V5)`);
  return { versions, told, texts, counts, at };
}

/** The acknowledged turns of each context. A key has one version and one digest, however often and by whomever it is repeated. */
function gatherTurns(appends: readonly Appended[], expired: ReadonlySet<string>, found: Findings): Map<string, Turn[]> {
  const began = new Map<string, number>();
  for (const { context, key, began: at } of appends) {
    const name = `${context} ${key}`;
    began.set(name, Math.min(began.get(name) ?? at, at));
  }
  const turns = new Map<string, Map<string, Turn>>();
  for (const { context, key, expect, answer, ended } of appends) {
    const due = (code: string): boolean => (code === "expired" && expired.has(context)) || (code === "conflict" && expect !== undefined);
    if (answer.kind === "refused" && !passing.has(answer.code) && !due(answer.code))
      found.add("refused", `${context}: ${key} was refused with ${answer.code}, and there was nothing wrong with it`);
    if (answer.kind !== "ok") continue;
    const ofContext = turns.get(context) ?? new Map<string, Turn>();
    turns.set(context, ofContext);
    const turn = ofContext.get(key);
    if (turn === undefined) {
      const { version, digest } = answer;
      ofContext.set(key, { key, began: began.get(`${context} ${key}`) ?? ended, acknowledged: ended, version, digest });
      continue;
    }
    turn.acknowledged = Math.min(turn.acknowledged, ended);
    if (turn.version !== answer.version || turn.digest !== answer.digest)
      found.add("unequal", `${context}: ${key} was answered with version ${turn.version}, and again with ${answer.version} (V5)`);
  }
  return new Map([...turns].map(([context, ofContext]) => [context, [...ofContext.values()].sort((a, b) => a.version - b.version)]));
}

/** No two keys were told the same version: one of them was told of a version that nobody will ever read (V6). */
function checkOneKeyAVersion(context: string, turns: readonly Turn[], found: Findings): void {
  for (const [i, turn] of turns.entries()) {
    const before = turns[i - 1];
    if (before?.version === turn.version)
      found.add("shared", `${context}: version ${turn.version} was acknowledged to ${before.key} and to ${turn.key} (V6)`);
  }
}

/** Real time: a turn that was acknowledged before another began has the smaller version. */
function checkOrder(context: string, turns: readonly Turn[], found: Findings): void {
  let earliest: Turn | undefined;
  for (const turn of turns.toReversed()) {
    if (earliest !== undefined && earliest.acknowledged < turn.began && earliest.version > turn.version)
      found.add(
        "order",
        `${context}: ${earliest.key} was acknowledged as version ${earliest.version} before ${turn.key} began, which is version ${turn.version}`,
      );
    if (earliest === undefined || turn.acknowledged < earliest.acknowledged) earliest = turn;
  }
}

function checkTurns(context: string, turns: readonly Turn[], log: Log, found: Findings): void {
  for (const { key, version, digest } of turns) {
    const stands = log.versions[version - 1];
    if (stands === undefined || !stands.texts.includes(key)) {
      const where = log.at.get(key);
      found.add(
        "missing",
        `${context}: ${key} was acknowledged as version ${version} and ${where === undefined ? "stands nowhere" : `stands at ${where.join(", ")}`} (V4)`,
      );
    } else if (stands.digest !== digest)
      found.add("digest", `${context}: ${key} was acknowledged with another digest than version ${version} has (V1)`);
  }
}

function gatherKeys(appends: readonly Appended[]): Map<string, Set<string>> {
  const asked = new Map<string, Set<string>>();
  for (const { context, key } of appends) {
    const keys = asked.get(context);
    if (keys === undefined) asked.set(context, new Set([key]));
    else keys.add(key);
  }
  return asked;
}

function checkStrangers(context: string, { texts }: Log, keys: ReadonlySet<string> | undefined, found: Findings): void {
  for (const text of texts)
    if (keys?.has(text) !== true) found.add("stranger", `${context}: ${text.slice(0, 60)} stands, and nobody asked for it`);
}

/** Each version was told of, at least once, and nothing that does not stand. The order says nothing: daprd publishes the events of one call side by side. */
function checkTold(context: string, { versions, told }: Log, found: Findings): void {
  for (const { version, digest } of told)
    if (versions[version - 1]?.digest !== digest)
      found.add("told", `${context}: an event tells of version ${version} with a digest that does not stand (V1)`);
  const known = new Set(told.map(({ version }) => version));
  const untold = versions.filter(({ number }) => !known.has(number)).map(({ number }) => number);
  if (untold.length > 0)
    found.add(
      "untold",
      `${context}: no event tells of ${untold.length} of ${versions.length} versions, of which ${untold[0]} is the first (C7)`,
    );
}

/** Every reader saw a prefix of what stands, and one that is not too old. */
function checkReads(
  reads: readonly Read[],
  logs: ReadonlyMap<string, Log>,
  turns: ReadonlyMap<string, readonly Turn[]>,
  { hotMs }: CheckOptions,
  found: Findings,
): void {
  const known = new Map([...turns].map(([context, ofContext]) => [context, acknowledgements(ofContext)]));
  for (const read of reads) {
    const log = logs.get(read.context);
    if (log === undefined) continue;
    if (read.at !== undefined && read.version !== read.at)
      found.add("reader", `${read.context}: version ${read.at} was asked for and ${read.version} answered`);
    checkPrefix(read, log, found);
    if (read.at !== undefined) continue;
    const due = highestBy(known.get(read.context) ?? [], read.began - (read.fresh ? 0 : hotMs));
    if (read.version < due)
      found.add(
        "stale",
        `${read.context}: a ${read.fresh ? "fresh" : "hot"} read that began at ${Math.round(read.began)} saw version ${read.version}; ${due} had been acknowledged${read.fresh ? "" : ` more than ${hotMs} ms`} before (C8)`,
      );
  }
}

function checkPrefix(read: Read, log: Log, found: Findings): void {
  const { context, version, digest, from, texts, more } = read;
  if (version === 0) return;
  const stands = log.versions[version - 1];
  if (stands === undefined) return found.add("reader", `${context}: a reader saw version ${version}, which does not stand (V1)`);
  if (stands.digest !== digest)
    return found.add("reader", `${context}: a reader saw another version ${version} than the one that stands (V1)`);
  const end = log.counts[version] ?? 0;
  const wrong = texts.findIndex((text, i) => text !== log.texts[from + i]);
  if (wrong >= 0)
    found.add("reader", `${context}: at version ${version} a reader saw another item ${from + wrong} than the one that stands`);
  const seen = from + texts.length;
  if (texts.length > 0 && (seen > end || (!more && seen < end)))
    found.add("reader", `${context}: at version ${version} a reader saw ${seen} items, and it has ${end}`);
}

/** The highest version acknowledged so far, by time. */
function acknowledgements(turns: readonly Turn[]): { readonly at: number; readonly version: number }[] {
  const sorted = turns.map(({ acknowledged, version }) => ({ at: acknowledged, version })).sort((a, b) => a.at - b.at);
  let highest = 0;
  return sorted.map(({ at, version }) => {
    highest = Math.max(highest, version);
    return { at, version: highest };
  });
}

function highestBy(known: readonly { readonly at: number; readonly version: number }[], time: number): number {
  let [low, high] = [0, known.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((known[middle]?.at ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return known[low - 1]?.version ?? 0;
}

/** Claims that differ in names and numbers only are of one kind. */
const kindOf = (claim: string): string =>
  claim
    .replace(/^\S+: /, "")
    .replace(/\d+/g, "#")
    .slice(0, 60);

class Findings {
  readonly #kinds = new Map<string, string[]>();

  add(kind: string, finding: string): void {
    const findings = this.#kinds.get(kind);
    if (findings === undefined) this.#kinds.set(kind, [finding]);
    else findings.push(finding);
  }

  /** The first of each kind, and how many more there are. */
  told(): string[] {
    return [...this.#kinds.values()].flatMap((findings) => {
      const more = findings.length - TOLD;
      return [...findings.slice(0, TOLD), ...(more > 0 ? [`… and ${more} more like the last`] : [])];
    });
  }
}
