// A context is a chain of immutable versions. This module decides what a command does to it.
// It is synchronous and total: no clock, no store, no log, no throw.
//
// Invariants decided here (docs/invariants.md):
//   V2. Versions are 1, 2, 3 … without gaps; an append that names an older head is refused, never merged.
//   V3. A refusal changes nothing: only "commit" carries a draft.
//   V5. A repeated key is recalled before anything else is asked of it, the expected head included.

import type { Append, Command, Configure } from "../protocol/contract.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import type { Item } from "../protocol/item.ts";
import { type RawJson, writeJson } from "../protocol/json.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Policy } from "../protocol/policy.ts";
import { type Instant, instant, iso, utf8Length } from "../protocol/units.ts";
import { bytesOf, type Draft, type Entry, namesOf } from "./record.ts";
import { expiryOf, type State } from "./state.ts";

/** A change that was asked for, with all that deciding it takes. */
export type Asked = {
  readonly command: Extract<Command, { method: "append" | "configure" }>;
  /** Subject of the grant; the author of what is written. */
  readonly author: string;
  /** Keyed pseudonym of the command's key, and keyed digest of its other arguments. */
  readonly key: string;
  readonly request: string;
  readonly now: Instant;
  /** The latest time at which a caller has read: a later version may not seem to have stood then. */
  readonly observed: Instant;
  /** Events up to this version are known to be out. */
  readonly published: number;
  /** What the tenant decided for new contexts. */
  readonly defaults: Policy;
  readonly pseudonym: (subject: string) => string;
};

export type Decision =
  /** Refused. With `proof`, only if the head is what the state says: another activation may know a later one. */
  | { readonly do: "refuse"; readonly reply: Refusal; readonly proof: boolean }
  /** Done before: answer as then. */
  | { readonly do: "recall"; readonly version: number }
  /** The time to live has run out: the name ends, then the caller hears so. */
  | { readonly do: "end" }
  | { readonly do: "commit"; readonly draft: Draft; readonly contents: readonly string[] };

export function decide(state: State, asked: Asked, limits: Limits): Decision {
  if (state.ended) return no(expired(state));
  if (isExpired(state, asked.now)) return { do: "end" };
  const seen = state.keys.versionOf(asked.key);
  if (seen !== undefined) return { do: "recall", version: seen };
  // The last one is kept for the end of the name.
  if (state.version >= limits.versions_per_context - 1)
    return no(refuse("too_large", `the context has all ${state.version} versions it may have; go on in another context`));
  const full = keysFull(state, asked.now, limits);
  if (full) return no(full);
  switch (asked.command.method) {
    case "append":
      return append(state, asked, asked.command, limits);
    case "configure":
      return configure(state, asked, asked.command);
  }
}

export const isExpired = (state: State, now: Instant): boolean => {
  const expiry = expiryOf(state);
  return expiry !== undefined && now >= expiry;
};

export function expired(state: State): Refusal {
  const since = state.ended ? state.at : (expiryOf(state) ?? state.at);
  // Once its contents are gone there is nobody to ask when it was.
  const when = state.version === 0 ? "" : ` at ${iso(since)}`;
  return refuse("expired", `the context's time to live has run out${when}; its name will not be used again`);
}

/** A key may not be forgotten within its window (C10), and the head says all of them: where they are too many, the turn waits until some may be. */
function keysFull({ keys }: State, now: Instant, limits: Limits): Refusal | undefined {
  if (keys.size < limits.keys_per_context) return undefined;
  keys.prune(now, limits);
  if (keys.size < limits.keys_per_context) return undefined;
  const retryAfterMs = Math.max(0, keys.forgettableAt(limits) - now);
  const message = `the context took ${keys.size} turns whose keys are still remembered; at most ${limits.keys_per_context}. Try again after ${retryAfterMs} ms, or go on in another context`;
  return refuse("overloaded", message, { retryAfterMs });
}

const no = (reply: Refusal, proof = false): Decision => ({ do: "refuse", reply, proof });

function append(state: State, asked: Asked, command: Append, limits: Limits): Decision {
  const slots = Object.entries(command.set ?? {});
  if (command.items.length === 0 && slots.length === 0)
    return no(refuse("invalid", "items: nothing to append; give at least one item, or a slot to set"));
  if (slots.length > limits.slots_per_append)
    return no(refuse("invalid", `set: ${slots.length} slots; at most ${limits.slots_per_append} in one append`));
  if (command.expect !== undefined && command.expect !== state.version) {
    const message = `expect: the caller has read version ${command.expect}, the head is ${state.version}; read again, then decide`;
    return no(refuse("conflict", message, { details: { head: state.version } }), true);
  }
  const items = command.items.map((item) => contentText(item));
  const set = slots.filter(([, value]) => value.text !== "null");
  const contents = [...items, ...set.map(([, value]) => value.text)];
  const sizes = contents.map(utf8Length);
  const most = 2 ** limits.content_bits;
  if (state.contents + contents.length > most)
    return no(
      refuse("too_large", `the context has taken ${state.contents} items and slot values; at most ${most}. Go on in another context`),
    );
  const after = slotsAfter(state, slots);
  if (after.count > limits.slots_per_context)
    return no(refuse("too_large", `the context would have ${after.count} slots; at most ${limits.slots_per_context}. Set some to null`));
  if (after.bytes > limits.bytes_of_slots)
    return no(
      refuse("too_large", `the context's slots would have ${after.bytes} bytes; at most ${limits.bytes_of_slots}. Append it as an item`),
    );

  let next = items.length;
  const draft: Draft = {
    ...follow(state, asked),
    kind: "append",
    items: command.items.map((item, i) => ({
      role: item.role,
      labels: item.labels ?? [],
      subjects: (item.subjects ?? []).map(asked.pseudonym),
      bytes: sizes[i] ?? 0,
    })),
    slots: slots.map(([name, value]) => ({ name, bytes: value.text === "null" ? null : (sizes[next++] ?? 0) })),
    policy: state.version === 0 && asked.defaults.ttl ? asked.defaults : null,
  };
  const bytes = bytesOf(draft) + namesOf(draft);
  if (bytes > limits.bytes_per_turn) {
    const message = `the turn has ${bytes} bytes of contents, labels and names of slots; at most ${limits.bytes_per_turn}. Split it into several`;
    return no(refuse("too_large", message));
  }
  return { do: "commit", draft, contents };
}

/** How many slots stand after the turn, and the bytes of their values. */
function slotsAfter(
  state: State,
  slots: readonly (readonly [name: string, value: RawJson])[],
): { readonly count: number; readonly bytes: number } {
  // Turns that set none are the most, and leave the slots as they are.
  if (slots.length === 0) return { count: 0, bytes: 0 };
  const after = new Map([...state.slots].map(([name, slot]) => [name, slot.value.text]));
  for (const [name, { text }] of slots) {
    if (text === "null") after.delete(name);
    else after.set(name, text);
  }
  return { count: after.size, bytes: [...after.values()].reduce((sum, text) => sum + utf8Length(text), 0) };
}

function configure(state: State, asked: Asked, command: Configure): Decision {
  if (state.version === 0) return no(refuse("not_found", "there is no such context; an append creates it"), true);
  const policy = { ...state.policy, ...command.policy };
  const draft: Draft = { ...follow(state, asked), kind: "configure", items: [], slots: [], policy };
  return { do: "commit", draft, contents: [] };
}

/** The last record of a context whose time to live has run out (C1). */
export function endOf(state: State, now: Instant, key: string, published: number): Draft {
  const asked = { author: "strata", key, request: key, now, observed: instant(0), published };
  return { ...follow(state, asked), kind: "expire", items: [], slots: [], policy: null };
}

function follow(state: State, asked: Pick<Asked, "author" | "key" | "request" | "now" | "observed" | "published">) {
  return {
    version: state.version + 1,
    previous: state.digest,
    // The clock may go backwards, a context's time does not; and a time that was read stays as it was read.
    at: instant(Math.max(asked.now, state.at, asked.observed + 1)),
    author: asked.author,
    key: asked.key,
    request: asked.request,
    firstItem: state.items,
    firstContent: state.contents,
    published: asked.published,
  };
}

export type Committed = {
  readonly ok: true;
  readonly version: number;
  readonly digest: string;
  readonly at: string;
  readonly created?: true;
  readonly duplicate?: true;
};

export const committed = (entry: Entry): Committed => ({
  ok: true,
  version: entry.version,
  digest: entry.digest,
  at: iso(entry.at),
  ...(entry.version === 1 ? { created: true } : {}),
});

/** The answer to a key that was used before: the same, or that it was used for something else (C10). `head`: the version that stands. */
export function recalled(entry: Entry, request: string, head: number): Committed | Refusal {
  if (entry.request === request) return { ...committed(entry), duplicate: true };
  const message = `key: it was used for version ${entry.version} with other arguments; a repeated turn repeats them, a new turn takes a new key`;
  return refuse("conflict", message, { details: { head, keyUsedFor: entry.version } });
}

/** What of an item is content: all but its role and labels. */
function contentText(item: Item): string {
  return writeJson({ content: item.content, subjects: item.subjects, meta: item.meta });
}
