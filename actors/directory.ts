// The leaves of a tenant's directory, in the store. Every change is one conditional write of one leaf, so that two activations of a tenant cannot
// overwrite each other; what two of them report is merged in whichever order it comes.

import { emptyLeaf, Leaf, mergeInto, reportFrom, splitLeaf } from "../core/directory.ts";
import type { Report } from "../protocol/contract.ts";
import { ContextError } from "../protocol/errors.ts";
import type { TenantId } from "../protocol/ids.ts";
import { type Limits, limits } from "../protocol/limits.ts";
import { damaged, decodeDocument, encodeDocument } from "./documents.ts";
import { isLate } from "./patience.ts";
import type { Call, Ports } from "./ports.ts";

type Place = { readonly id: string; readonly leaf: Leaf; readonly etag: string | undefined };
type Start = { readonly from: string; readonly id: string };
const FIRST = "0";
const DIRECTORY = "the tenant's directory";

export class Leaves {
  readonly #tenant: TenantId;
  readonly #ports: Pick<Ports, "store" | "die" | "clock">;
  readonly #most: number;
  /** Where leaves are known to begin, sorted: a hint that saves walking from the first. Leaves never move or go. */
  readonly #starts: Start[] = [{ from: "", id: FIRST }];

  constructor(
    tenant: TenantId,
    ports: Pick<Ports, "store" | "die" | "clock">,
    { leaves_known: most }: Pick<Limits, "leaves_known"> = limits,
  ) {
    this.#tenant = tenant;
    this.#ports = ports;
    this.#most = most;
  }

  /** Enters what `reports` tell. Throws ContextError "unavailable". */
  async enter(reports: readonly Report[], call: Call): Promise<void> {
    let rest = [...reports].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (let attempt = 0; attempt < limits.tenant_attempts && !isLate(call, this.#ports.clock); ) {
      const first = rest[0];
      if (first === undefined) return;
      const place = await this.#find(first.name, call);
      const { right } = place.leaf;
      const here = rest.filter((report) => right === null || report.name < right.from);
      if (await this.#write(place, here, call)) rest = rest.slice(here.length);
      else {
        attempt++;
        await this.#ports.clock.sleep(limits.settle_pause_ms);
      }
    }
    throw new ContextError("unavailable", "the tenant's directory could not be written; try again", { details: { outcome: "unknown" } });
  }

  /** The entries after `after`, leaf by leaf. */
  async *from(after: string, call: Call): AsyncGenerator<Report> {
    for (let place: Place | undefined = await this.#find(after, call); place !== undefined; place = await this.#next(place, call)) {
      for (const entry of place.leaf.entries) if (entry[0] > after) yield reportFrom(entry);
    }
  }

  /** True when all of `reports` are known to stand. */
  async #write(place: Place, reports: readonly Report[], call: Call): Promise<boolean> {
    const merged = mergeInto(place.leaf, reports);
    if (merged === undefined) return true;
    if (merged.entries.length <= limits.names_per_leaf) return this.#put(place, merged, call);
    const id = Buffer.from(this.#ports.die.bytes(8)).toString("hex");
    const { lower, upper } = splitLeaf(merged, id);
    // The upper half first: when the lower one points to it, it stands. If that write fails, the upper half is of no consequence.
    const created = await this.#put({ id, leaf: emptyLeaf, etag: undefined }, upper, call);
    return created && this.#put(place, lower, call);
  }

  async #put(place: Place, leaf: Leaf, call: Call): Promise<boolean> {
    const key = this.#key(place.id);
    const value = encodeDocument(leaf);
    if (place.etag === undefined) return (await this.#ports.store.create([{ key, value }], call)) === "created";
    return (await this.#ports.store.replace(key, value, place.etag, call)) === "written";
  }

  /** The leaf to which `name` belongs. */
  async #find(name: string, call: Call): Promise<Place> {
    const start = this.#starts[this.#lastAt(name)];
    let place = await this.#read(start?.id ?? FIRST, start?.from ?? "", call);
    while (place.leaf.right !== null && place.leaf.right.from <= name) {
      this.#learn(place.leaf.right);
      place = await this.#read(place.leaf.right.id, place.leaf.right.from, call);
    }
    return place;
  }

  async #next({ leaf: { right } }: Place, call: Call): Promise<Place | undefined> {
    return right === null ? undefined : this.#read(right.id, right.from, call);
  }

  #learn(right: Start): void {
    const before = this.#lastAt(right.from);
    if (this.#starts.length >= this.#most || this.#starts[before]?.id === right.id) return;
    this.#starts.splice(before + 1, 0, right);
  }

  /** Which of the known leaves is the last that begins at `name` or before. The first one does. */
  #lastAt(name: string): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle]?.from ?? "") <= name) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The leaf whose names begin at `from`. Throws ContextError "internal" where it is not one of ours any more. */
  async #read(id: string, from: string, call: Call): Promise<Place> {
    const [stored] = await this.#ports.store.read([this.#key(id)], call);
    if (stored === undefined && id === FIRST) return { id, leaf: emptyLeaf, etag: undefined };
    // What is pointed to was written before, and each leaf leads further to the right: or else a walk would lose its way, or never end.
    if (stored === undefined) throw damaged(DIRECTORY);
    const leaf = decodeDocument(DIRECTORY, stored.value, Leaf);
    if (leaf.right !== null && leaf.right.from <= from) throw damaged(DIRECTORY);
    return { id, leaf, etag: stored.etag };
  }

  #key(id: string): string {
    return `${this.#tenant}/dir/${id}`;
  }
}
