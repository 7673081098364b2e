// What is true of one context: its records in the order in which they came to stand, whatever anyone was told of them. Every change of the store
// is judged when it is made.

import type { ContextKeys } from "../../actors/ports.ts";
import { type Entry, itemText, slotChanges } from "../../core/record.ts";
import { breach, emptyState } from "../../core/state.ts";
import type { ContextId } from "../../protocol/ids.ts";
import type { Oracle } from "./oracle.ts";
import { keyOf, type Request } from "./request.ts";
import type { Change } from "./store.ts";

export type Written = {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
  /** When it came to stand, true time. */
  readonly at: number;
  /** Items, and slots as JSON texts, as they stood after it. */
  readonly items: number;
  readonly slots: ReadonlyMap<string, string>;
};

const EXPIRY_KEY = "strata/expire";

export class Chronicle {
  readonly id: ContextId;
  readonly #oracle: Oracle;
  readonly log: Written[] = [];
  /** All items, as JSON texts. */
  readonly items: string[] = [];
  readonly #pages: { readonly to: number; readonly at: number }[] = [];
  readonly published = new Set<number>();
  readonly requests: Request[] = [];
  #buriedAt: number | undefined;
  /** When the first of its contents was deleted after its end: what is written from then on is only litter. */
  clearedAt = Number.POSITIVE_INFINITY;
  #keys: ContextKeys | undefined;
  readonly #pseudonyms = new Map<string, string>();
  /** Which version has which key, by its pseudonym. */
  readonly #byKey = new Map<string, number>();

  constructor(id: ContextId, oracle: Oracle) {
    this.id = id;
    this.#oracle = oracle;
  }

  /** Records that stood at a true time. */
  tailAt(time: number): number {
    let count = this.log.length;
    while (count > 0 && (this.log[count - 1]?.at ?? 0) > time) count--;
    return count;
  }

  /** When the last record of all came to stand. */
  get endedAt(): number | undefined {
    const last = this.log.at(-1);
    return last?.entry.kind === "expire" ? last.at : undefined;
  }

  get buriedAt(): number | undefined {
    return this.#buriedAt;
  }

  entry(version: number): Entry | undefined {
    return this.log[version - 1]?.entry;
  }

  /** The version that a request wrote. */
  versionOf(request: Request): number | undefined {
    const pseudonym = this.#pseudonymOf(request);
    return pseudonym === undefined ? undefined : this.#byKey.get(pseudonym);
  }

  #pseudonymOf(request: Request): string | undefined {
    const key = keyOf(request);
    if (key === undefined || this.#keys === undefined) return undefined;
    const known = this.#pseudonyms.get(key) ?? this.#keys.pseudonym("key", key);
    this.#pseudonyms.set(key, known);
    return known;
  }

  changed(change: Change, kind: string, number: number, before: Uint8Array | undefined): void {
    if (kind === "head") return;
    if (change.do === "drop") this.#dropped(kind, number, change.key, before);
    else if (kind === "keys") this.#tabled(change.value);
    else if (change.do !== "create") this.#violate("V1", `${change.key} was written over (${change.do})`);
    else if (kind === "rec") this.#recorded(number, change.value);
    else if (kind === "page") this.#sealed(number, change.value);
    else if (kind === "tombstone") this.#buried(change.value);
  }

  #violate(rule: string, what: string): void {
    this.#oracle.violate(rule, what);
  }

  #tabled(value: Uint8Array): void {
    // After the contents are gone a table that lands late opens nothing that matters.
    if (this.#buriedAt !== undefined) return;
    this.#keys = this.#oracle.codec.openKeys(this.id, value);
    for (const [i, { bytes }] of this.log.entries()) this.#decode(i + 1, bytes);
  }

  #decode(version: number, bytes: Uint8Array): Entry | undefined {
    try {
      if (this.#keys !== undefined) return this.#oracle.codec.decode(this.id, this.#keys, bytes, true);
    } catch (reason) {
      this.#violate("V7", `${this.id}/rec/${version} does not open under the key table: ${String(reason)}`);
    }
    return undefined;
  }

  #recorded(version: number, bytes: Uint8Array): void {
    const known = this.log[version - 1];
    // A version that was sealed and dropped before, or whose name has ended: a ghost, which nobody may read or acknowledge.
    if (known !== undefined) return;
    if (version !== this.log.length + 1)
      return this.#violate("V2", `${this.id}/rec/${version} stands, but the log ends at ${this.log.length}`);
    if (this.#keys === undefined) return this.#violate("V7", `${this.id}/rec/${version} stands before a key table`);
    const entry = this.#decode(version, bytes);
    if (entry === undefined) return;
    const last = this.log.at(-1);
    const link = last === undefined ? emptyState(this.id, this.#oracle.codec.genesis(this.id)) : linkOf(last.entry);
    const wrong = breach(link, entry);
    if (wrong !== undefined) return this.#violate("V2", `${this.id}/rec/${version}: ${wrong}`);
    if (this.#byKey.has(entry.key)) this.#violate("V5", `${this.id}/rec/${version}: its key stands twice`);
    for (let told = 1; told <= entry.published; told++)
      if (!this.published.has(told)) this.#violate("C7", `${this.id}/rec/${version} says that event ${told} is out, and it is not`);
    if (entry.kind !== "expire") this.#compare(version, entry);
    else if (entry.key !== this.#keys.pseudonym("key", EXPIRY_KEY))
      this.#violate("V2", `${this.id}/rec/${version} ends the name by no rule`);
    this.#add(entry, bytes);
  }

  #add(entry: Entry, bytes: Uint8Array): void {
    const slots = new Map(this.log.at(-1)?.slots);
    for (const { name, text } of slotChanges(entry)) {
      if (text === null) slots.delete(name);
      else slots.set(name, text);
    }
    for (const [i, mark] of entry.items.entries()) this.items.push(itemText(mark, entry.contents[i] ?? ""));
    this.#byKey.set(entry.key, entry.version);
    this.log.push({ entry, bytes, at: this.#oracle.now, items: this.items.length, slots });
  }

  /** A record says what somebody asked for, and nothing else. */
  #compare(version: number, entry: Entry): void {
    const request = this.requests.find(
      (asked) => this.#pseudonymOf(asked) === entry.key && asked.deliveries.length > 0 && isOf(asked, entry),
    );
    if (request === undefined) return this.#violate("V3", `${this.id}/rec/${version} stands, and nobody asked for it`);
    const { asked } = request;
    if (asked.method === "append" && asked.expect !== undefined && asked.expect !== version - 1)
      this.#violate("V2", `${this.id}/rec/${version} was to follow version ${asked.expect}`);
  }

  #sealed(number: number, value: Uint8Array): void {
    const { from, to, records } = this.#oracle.codec.decodePage(value);
    const covered = this.#pages.at(-1)?.to ?? 0;
    const same = records.every((bytes, i) => Buffer.compare(bytes, this.log[from - 1 + i]?.bytes ?? Buffer.of()) === 0);
    if (number !== this.#pages.length + 1 || from !== covered + 1 || !same || records.length !== to - from + 1)
      this.#violate("C5", `${this.id}/page/${number} does not hold what stands from ${covered + 1} on`);
    this.#pages.push({ to, at: this.#oracle.now });
  }

  #buried(value: Uint8Array): void {
    const { version } = this.#oracle.codec.decodeTombstone(value);
    if (this.endedAt === undefined || version !== this.log.length)
      this.#violate(
        "C1",
        `${this.id}/tombstone names version ${version}, the log ${this.endedAt === undefined ? "goes on" : "ended"} at ${this.log.length}`,
      );
    this.#buriedAt = this.#oracle.now;
  }

  /** Whether any record of it stands that the key table opens. */
  opens(rows: ReadonlyMap<string, { readonly value: Uint8Array }>): boolean {
    const table = rows.get(`${this.id}/keys`);
    if (table === undefined) return false;
    const keys = this.#oracle.codec.openKeys(this.id, table.value);
    return [...rows].some(([key, { value }]) => {
      if (!key.startsWith(`${this.id}/rec/`)) return false;
      try {
        this.#oracle.codec.attemptOf(keys, value);
        return true;
      } catch {
        return false;
      }
    });
  }

  #dropped(kind: string, number: number, key: string, before: Uint8Array | undefined): void {
    const { dropDelayMs } = this.#oracle;
    const over = this.#buriedAt !== undefined && this.#oracle.now - this.#buriedAt >= dropDelayMs;
    if (kind === "tombstone") return this.#violate("C1", `${key} is gone`);
    if (over) {
      this.clearedAt = Math.min(this.clearedAt, this.#oracle.now);
      return;
    }
    if (kind !== "rec")
      return this.#violate("C1", `${key} was deleted ${this.#buriedAt === undefined ? "while the name lives" : "too early"}`);
    const known = this.log[number - 1];
    if (known === undefined || before === undefined || Buffer.compare(known.bytes, before) !== 0) return;
    const page = this.#pages.find(({ to }) => to >= number);
    if (page === undefined) return this.#violate("V4", `${key} was deleted, and no page holds it`);
    if (this.#oracle.now - page.at < dropDelayMs)
      this.#violate("C5", `${key} was dropped ${this.#oracle.now - page.at} ms after it was sealed`);
  }
}

const linkOf = (entry: Entry) => ({
  version: entry.version,
  digest: entry.digest,
  items: entry.firstItem + entry.items.length,
  contents: entry.firstContent + entry.contents.length,
  at: entry.at,
  ended: entry.kind === "expire",
});

export function isOf({ asked }: Request, entry: Entry): boolean {
  if (asked.method !== entry.kind) return false;
  if (asked.method === "configure") return JSON.stringify(entry.policy?.ttl ?? null) === JSON.stringify(asked.policy.ttl);
  if (asked.method !== "append") return false;
  const items = entry.items.map((mark, i) => itemText(mark, entry.contents[i] ?? ""));
  const slots = slotChanges(entry).map(({ name, text }) => [name, text ?? "null"]);
  const set = Object.entries(asked.set ?? {}).map(([name, value]) => [name, JSON.stringify(value)]);
  return items.join() === asked.items.map((item) => JSON.stringify(item)).join() && slots.join() === set.join();
}
