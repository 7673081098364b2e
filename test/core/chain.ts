// Decisions made so: a record is what was drafted, with digests of its own that any reader can follow.

import { createHash } from "node:crypto";
import { type Asked, type Decision, decide } from "../../core/context.ts";
import type { Draft, Entry } from "../../core/record.ts";
import { apply, breach, emptyState, type State } from "../../core/state.ts";
import type { Append, Configure } from "../../protocol/contract.ts";
import { ContextId } from "../../protocol/ids.ts";
import type { Item } from "../../protocol/item.ts";
import { RawJson, writeJson } from "../../protocol/json.ts";
import { type Limits, limits } from "../../protocol/limits.ts";
import { instant } from "../../protocol/units.ts";

export const NOON = 1_800_000_000_000;
export const id = ContextId.parse("main.desk-4");
export const genesis = digestOf("genesis");

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export const note = (text: string): Item => ({ role: "note", content: text });

export const append = (key: string, items: readonly Item[] = [note(key)], more: Partial<Append> = {}): Asked["command"] => ({
  method: "append",
  key,
  items: [...items],
  ...more,
});
export const configure = (key: string, policy: Configure["policy"]): Asked["command"] => ({ method: "configure", key, policy });
export const set = (slots: Readonly<Record<string, unknown>>): Record<string, RawJson> =>
  Object.fromEntries(Object.entries(slots).map(([name, value]) => [name, RawJson.from(value)]));

/** `command` as a turn asks it; pseudonyms are the names themselves. */
export function asking(command: Asked["command"], more: Partial<Asked> = {}): Asked {
  const { method, key, ...content } = command;
  return {
    command,
    author: "someone",
    key,
    request: digestOf(writeJson({ method, ...content })),
    now: instant(NOON),
    observed: instant(0),
    published: 0,
    defaults: {},
    pseudonym: (subject) => `~${subject}`,
    ...more,
  };
}

export const entryOf = (draft: Draft, contents: readonly string[]): Entry => ({
  ...draft,
  attempt: "",
  digest: digestOf(JSON.stringify([draft, contents])),
  contents,
});

/** A context that decides and commits, turn by turn. */
export class Chain {
  state: State = emptyState(id, genesis);
  readonly entries: Entry[] = [];
  readonly #limits: Limits;

  constructor(chainLimits: Limits = limits) {
    this.#limits = chainLimits;
  }

  decide(command: Asked["command"], more: Partial<Asked> = {}): Decision {
    return decide(this.state, asking(command, more), this.#limits);
  }

  /** Throws where the decision is no commit. */
  do(command: Asked["command"], more: Partial<Asked> = {}): Entry {
    const decision = this.decide(command, more);
    if (decision.do !== "commit") throw new Error(`expected a commit, decided to ${JSON.stringify(decision)}`);
    return this.take(entryOf(decision.draft, decision.contents));
  }

  take(entry: Entry): Entry {
    const wrong = breach(this.state, entry);
    if (wrong !== undefined) throw new Error(`the record cannot follow: ${wrong}`);
    this.state = apply(this.state, entry);
    this.entries.push(entry);
    return entry;
  }
}
