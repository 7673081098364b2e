// Judges one answer: whether what it says was true, at a time at which it may be said.

import type { ContextId } from "../../protocol/ids.ts";
import { instant, iso } from "../../protocol/units.ts";
import type { Chronicle, Written } from "./chronicle.ts";
import type { Arguments, Delivery, Request } from "./request.ts";

type Judge = {
  readonly now: number;
  readonly dropDelayMs: number;
  readonly hotMs: number;
  readonly judged: Record<string, number>;
  /** No host's wall clock has jumped. */
  readonly clocksAgree: boolean;
  violate(rule: string, what: string): void;
};

/** Loosely typed on purpose: what is judged may be anything. */
type Reply = {
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly details?: { readonly outcome?: string; readonly head?: number; readonly keyUsedFor?: number };
  readonly version?: number;
  readonly digest?: string;
  readonly at?: string;
  readonly created?: boolean;
  readonly duplicate?: boolean;
  readonly next?: number;
  readonly from?: number;
  readonly to?: number;
  readonly items?: readonly unknown[];
  readonly slots?: Readonly<Record<string, unknown>>;
  readonly versions?: readonly { readonly number: number; readonly digest: string; readonly reason: string; readonly items: number }[];
};

type Case = {
  readonly truth: Chronicle;
  readonly request: Request;
  readonly asked: Arguments;
  readonly reply: Reply;
  readonly delivery: Delivery;
  /** The oldest head that it may rest on. */
  readonly oldest: number;
  readonly judge: Judge;
  readonly wrong: (rule: string, why: string) => void;
};

export function judgeReply(truth: Chronicle, request: Request, text: string, delivery: Delivery, judge: Judge): void {
  const { asked } = request;
  const wrong = (rule: string, why: string): void =>
    judge.violate(rule, `${asked.method} ${truth.id} ${JSON.stringify(asked)} was answered ${text.slice(0, 400)}: ${why}`);
  const reply = JSON.parse(text) as Reply;
  const kind = `${asked.method} ${reply.ok ? "ok" : (reply.code ?? "?")}`;
  judge.judged[kind] = (judge.judged[kind] ?? 0) + 1;
  const hot = asked.method === "read" ? asked.fresh !== true : asked.method === "history" || asked.method === "diff";
  const oldest = truth.tailAt(delivery.began - (hot ? judge.hotMs : 0));
  // Who is told that the name has ended meanwhile is not told what became of the turn.
  const ended = reply.code === "expired" && delivery.began <= (truth.endedAt ?? 0);
  delivery.outcome = ended ? "unknown" : outcomeOf(reply);
  const it: Case = { truth, request, asked, reply, delivery, oldest, judge, wrong };
  if (!reply.ok) judgeRefusal(it);
  else if (asked.method === "append" || asked.method === "configure") judgeAcknowledgement(it);
  else judgeReading(it);
}

const outcomeOf = (reply: Reply): "ok" | "unknown" | "none" =>
  reply.ok ? "ok" : reply.code === "unavailable" && reply.details?.outcome !== "none" ? "unknown" : "none";

/** An acknowledgement names a record that stands, that says what was asked, and whose name has not ended long ago (V4, V5, C5). */
function judgeAcknowledgement({ truth, request, reply, judge, wrong }: Case): void {
  const entry = truth.entry(reply.version ?? 0);
  if (entry === undefined) {
    wrong("V4", `there is no version ${reply.version}; the log ends at ${truth.log.length}`);
    return;
  }
  if (entry.digest !== reply.digest || iso(entry.at) !== reply.at) wrong("V6", "another record stands as this version");
  if (truth.versionOf(request) !== reply.version) wrong("V5", `the key stands as version ${truth.versionOf(request)}`);
  if ((reply.created ?? false) !== (reply.version === 1)) wrong("V5", "only the first version creates");
  const { duplicate: _, ...rest } = reply;
  const answer = JSON.stringify(rest);
  request.acknowledged ??= answer;
  if (request.acknowledged !== answer) wrong("V5", `before it was acknowledged by ${request.acknowledged}`);
  const { endedAt } = truth;
  if (endedAt !== undefined && reply.version !== truth.log.length && judge.now - endedAt >= judge.dropDelayMs / 2)
    wrong("C5", `the name has ended ${judge.now - endedAt} ms ago`);
}

function judgeRefusal({ truth, request, asked, reply, delivery, oldest, judge, wrong }: Case): void {
  const { head, keyUsedFor } = reply.details ?? {};
  switch (reply.code) {
    case "unavailable":
      if (reply.details?.outcome === undefined) wrong("V4", "it does not say whether the turn may have happened");
      return;
    case "overloaded":
      if (reply.retryAfterMs === undefined) wrong("B2", "it does not say when to come back");
      return;
    case "expired":
      if (truth.endedAt === undefined) wrong("C1", "the name lives");
      return;
    case "conflict":
      if (keyUsedFor !== undefined) {
        if (truth.entry(keyUsedFor) === undefined || truth.versionOf(request) !== keyUsedFor) wrong("V5", "the key was not used for that");
        if (head === undefined || head < keyUsedFor || head > truth.log.length) wrong("V2", "it names no head");
      } else if (asked.method !== "append" || asked.expect === undefined || head === asked.expect) wrong("V2", "nothing conflicts");
      else if (head === undefined || head < oldest || head > truth.log.length)
        wrong("V2", `the head was between ${oldest} and ${truth.log.length}`);
      return;
    case "not_found":
      return judgeNotFound({ truth, request, asked, reply, delivery, oldest, judge, wrong });
    case "invalid":
      if (asked.method === "read" && typeof asked.at === "string" && Date.parse(asked.at) > (truth.entry(oldest)?.at ?? 0)) return;
      return wrong("V3", "it was valid");
    default:
      wrong("internal", "this answer has no reason");
  }
}

/** What was not found did not stand when it was asked for, as of then: a refusal is as fresh as a proof. */
function judgeNotFound({ truth, asked, delivery, wrong }: Case): void {
  const stood = truth.tailAt(delivery.began);
  if (stood === 0) return;
  if (asked.method === "read" && typeof asked.at === "string") {
    if (Date.parse(asked.at) >= (truth.entry(1)?.at ?? 0)) wrong("V4", "something stood at that time");
    return;
  }
  const version = wantedVersion(asked);
  if (version === undefined || version <= stood) wrong("V4", `versions up to ${stood} stood`);
}

function wantedVersion(asked: Arguments): number | undefined {
  if (asked.method === "read") return typeof asked.at === "number" ? asked.at : undefined;
  if (asked.method === "diff") return asked.to;
  if (asked.method === "verify") return asked.to ?? asked.from;
  return undefined;
}

function judgeReading(it: Case): void {
  const { truth, asked, reply, delivery, judge, wrong } = it;
  // A proof of the chain looks at the tombstone; everything else must not outlive the last record by more than a proof of the tail serves.
  const endedAt = asked.method === "verify" ? truth.buriedAt : truth.endedAt;
  if (endedAt !== undefined && delivery.began - endedAt >= judge.hotMs) wrong("C1", "the name had ended");
  if (asked.method === "history") return judgeHistory(it);
  if (asked.method === "diff") return judgeDiff(it);
  const written = truth.log[(reply.version ?? 0) - 1];
  if (written === undefined) return wrong("V7", `there is no version ${reply.version}`);
  if (written.entry.digest !== reply.digest) return wrong("V1", "another record stands as this version");
  if (asked.method === "verify") {
    if (reply.version !== asked.to && (reply.version ?? 0) < truth.tailAt(delivery.began)) wrong("V7", "it does not reach the head");
    return;
  }
  if (asked.method === "read") judgeRead(it, asked, written);
}

function judgeRead({ truth, reply, oldest, wrong }: Case, asked: Extract<Arguments, { method: "read" }>, written: Written): void {
  const version = written.entry.version;
  if (iso(written.entry.at) !== reply.at) wrong("V1", `it is of ${iso(written.entry.at)}`);
  if (typeof asked.at === "number" && asked.at !== version) wrong("V1", `version ${asked.at} was asked for`);
  if (asked.at === undefined && version < oldest) wrong("C8", `version ${oldest} stood long enough`);
  if (typeof asked.at === "string") {
    const time = instant(Date.parse(asked.at));
    if (written.entry.at > time) wrong("V1", "it is younger than what was asked for");
    if (version < oldest && (truth.entry(version + 1)?.at ?? Number.POSITIVE_INFINITY) <= time) wrong("C8", "a later version stood then");
  }
  const from = asked.from ?? 0;
  const to = Math.min(written.items, from + (asked.limit ?? Number.POSITIVE_INFINITY));
  const items = (reply.items ?? []).map((item) => JSON.stringify(item)).join();
  if (items !== truth.items.slice(from, to).join()) wrong("V7", `its items are ${truth.items.slice(from, to).join()}`);
  if (reply.next !== (to < written.items ? to : undefined)) wrong("V7", `it goes on at ${to} of ${written.items}`);
  if (!sameSlots(reply.slots ?? {}, written.slots)) wrong("V7", `its slots are ${JSON.stringify([...written.slots])}`);
}

const sameSlots = (said: Readonly<Record<string, unknown>>, slots: ReadonlyMap<string, string>): boolean =>
  Object.keys(said).length === slots.size && [...slots].every(([name, text]) => JSON.stringify(said[name]) === text);

function judgeHistory({ truth, asked, reply, oldest, wrong }: Case): void {
  if (asked.method !== "history") return;
  const rows = reply.versions ?? [];
  const first = rows[0]?.number ?? 0;
  const most = asked.before === undefined ? truth.log.length : Math.min(asked.before - 1, truth.log.length);
  if (first > most || first < Math.min(oldest, most)) wrong("V7", `it begins at ${first}, not at ${most}`);
  for (const [i, row] of rows.entries()) {
    const entry = truth.entry(first - i);
    if (row.number !== first - i || entry?.digest !== row.digest || entry.kind !== row.reason || entry.items.length !== row.items)
      return wrong("V1", `its row ${i} is not version ${first - i}`);
  }
  const last = first - rows.length + 1;
  const complete = rows.length >= (asked.limit ?? 100) || last <= 1;
  if (!complete || reply.next !== (last > 1 && rows.length > 0 ? last : undefined)) wrong("V7", `it goes on at ${reply.next}`);
}

function judgeDiff({ truth, asked, reply, wrong }: Case): void {
  if (asked.method !== "diff") return;
  const [before, after] = [truth.log[asked.from - 1], truth.log[asked.to - 1]];
  if (after === undefined) return wrong("V7", `there is no version ${asked.to}`);
  const items = (reply.items ?? []).map((item) => JSON.stringify(item)).join();
  if (items !== truth.items.slice(before?.items ?? 0, after.items).join()) wrong("V7", "these are not the items between");
  const names = new Set([...(before?.slots.keys() ?? []), ...after.slots.keys()]);
  const changed = [...names].filter((name) => before?.slots.get(name) !== after.slots.get(name));
  const said = reply.slots ?? {};
  const right = changed.every((name) => {
    const slot = said[name] as { readonly before?: unknown; readonly after?: unknown } | undefined;
    return slot !== undefined && text(slot.before) === before?.slots.get(name) && text(slot.after) === after.slots.get(name);
  });
  if (!right || Object.keys(said).length !== changed.length) wrong("V7", "these are not the slots that changed");
}

const text = (value: unknown): string | undefined => (value === undefined ? undefined : JSON.stringify(value));

export type Row = { readonly name: string; readonly state: string; readonly version: number };

/** What a tenant's directory says: who stands is named, and in the state it is in. Versions may trail until all is told. */
export function judgeList(
  text: string,
  began: number,
  truths: ReadonlyMap<ContextId, Chronicle>,
  exact: boolean,
  judge: Pick<Judge, "now" | "violate" | "judged" | "clocksAgree">,
): void {
  const reply = JSON.parse(text) as {
    readonly ok: boolean;
    readonly code?: string;
    readonly contexts?: readonly Row[];
    readonly next?: string;
  };
  const kind = `list ${reply.ok ? "ok" : reply.code}`;
  judge.judged[kind] = (judge.judged[kind] ?? 0) + 1;
  if (!reply.ok) {
    if (reply.code !== "unavailable" || exact) judge.violate("directory", `list was answered ${text}`);
    return;
  }
  if (exact && reply.next !== undefined) judge.violate("directory", `where nothing is slow, the list ends at ${reply.next}`);
  const rows = new Map((reply.contexts ?? []).map((row) => [row.name, row]));
  for (const truth of truths.values()) {
    const name = truth.id.slice(truth.id.indexOf(".") + 1);
    const row = rows.get(name);
    const stood = truth.tailAt(began);
    const wrong = (why: string): void => judge.violate("directory", `list says ${JSON.stringify(row)} of ${name}: ${why}`);
    if (row === undefined) {
      // A list that takes long ends early, and says from where it goes on.
      const listed = reply.next === undefined || name <= reply.next;
      if (stood > 0 && listed) wrong(`it has ${stood} versions`);
      continue;
    }
    const ended = truth.endedAt !== undefined && truth.endedAt < began;
    // By the clock of a host that lags behind the one that ended it, its time has not come; until the end itself is told, that is all there is.
    if (ended && row.state !== "expired" && judge.clocksAgree) wrong("its name has ended");
    if (stood > 0 && row.state === "empty") wrong(`it has ${stood} versions`);
    if (row.version > truth.log.length) wrong(`its log ends at ${truth.log.length}`);
    if (exact && row.state !== (truth.endedAt !== undefined ? "expired" : stood > 0 ? "live" : "empty")) wrong("that is not its state");
    if (exact && truth.endedAt === undefined && row.version !== stood) wrong(`its version is ${stood}`);
  }
}
