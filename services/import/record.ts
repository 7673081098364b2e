// One trajectory recorded as one context, turn by turn. What the context holds already is read and compared, never written again, so an
// import that was interrupted goes on where it stopped and one that is run twice changes nothing.

import { CallError, type Client } from "../../dapr/client.ts";
import type { Item } from "../../protocol/item.ts";
import type { RawJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { FrameError, restore } from "./frame.ts";
import { itemOf } from "./message.ts";
import { keyOf, type Slots, type Trajectory, TrajectoryError } from "./trajectory.ts";
import { equal, memberOf, treeOf } from "./tree.ts";

export type Recorded = {
  readonly context: string;
  readonly versions: number /** How many of them this run wrote. */;
  readonly written: number;
};

/** What a context held when it was last read. */
type Held = { readonly version: number; readonly items: number; readonly slots: Readonly<Record<string, RawJson>> };
const nothing: Held = { version: 0, items: 0, slots: {} };

/** What a recording tells while it runs: each version that it wrote, and how many of the line's messages the context holds by now. */
export type Told = { wrote(): void; holds(messages: number): void };

/** Throws TrajectoryError when the context holds something else, CallError when it cannot be asked. */
export async function record(context: string, trajectory: Trajectory, client: Client, told: Told): Promise<Recorded> {
  let written = 0;
  let [before, stuck] = [-1, 0];
  for (;;) {
    const held = await compare(context, trajectory, client);
    stuck = held.items > before ? 0 : stuck + 1;
    before = held.items;
    told.holds(held.items);
    try {
      const versions = await appendFrom(held, context, trajectory, client, {
        wrote: () => {
          written++;
          told.wrote();
        },
        holds: told.holds,
      });
      return { context, versions, written };
    } catch (error) {
      // Another writer was ahead. What it wrote is there to be compared; if it is not of this line, that will be said.
      if (!(error instanceof CallError && error.code === "conflict") || stuck >= limits.import_rereads) throw error;
    }
  }
}

/** Reads the whole context, a page at a time, against the messages it should hold. */
async function compare(context: string, trajectory: Trajectory, client: Client): Promise<Held> {
  let from: number | undefined = 0;
  let held = nothing;
  while (from !== undefined) {
    const page = await readPage(context, from, client);
    if (page === undefined) return nothing;
    if (from === 0) compareSlots(context, page.slots, trajectory.slots);
    compareItems(context, from, page.items, trajectory);
    held = { version: page.version, items: from + page.items.length, slots: page.slots };
    from = page.next !== undefined && page.next > from ? page.next : undefined;
  }
  return held;
}

async function readPage(context: string, from: number, client: Client) {
  try {
    // Fresh, because the run before this one may have written through another host a moment ago.
    return await client.call(context, "read", { from, limit: limits.import_items_per_page, fresh: true });
  } catch (error) {
    if (error instanceof CallError && error.code === "not_found") return undefined;
    throw error;
  }
}

function compareSlots(context: string, held: Readonly<Record<string, RawJson>>, wanted: Slots): void {
  for (const slot of ["source.id", "source.fields"] as const) {
    const [there, here] = [held[slot], wanted[slot]];
    if (there === undefined ? here === undefined : here !== undefined && equal(treeOf(there), treeOf(here))) continue;
    throw new TrajectoryError(
      `${context} holds something else: its slot ${slot} is ${there === undefined ? "not there" : "another"}; import into another tenant, or give the line another id`,
    );
  }
}

function compareItems(context: string, from: number, items: readonly Item[], { list, messages }: Trajectory): void {
  for (const [i, item] of items.entries()) {
    const message = messages[from + i];
    if (message === undefined)
      throw new TrajectoryError(`${context} holds more items than the line's ${messages.length} ${list}; a line may grow, not shrink`);
    if (!saysTheSame(item, message))
      throw new TrajectoryError(
        `${context} holds something else at item ${from + i}; import into another tenant, or give the line another id`,
      );
  }
}

function saysTheSame(item: Item, message: RawJson): boolean {
  try {
    return equal(restore(item), treeOf(message));
  } catch (error) {
    if (error instanceof FrameError) return false;
    throw error;
  }
}

/** Appends what is missing, one message a version; the head's version at the end. */
async function appendFrom(held: Held, context: string, trajectory: Trajectory, client: Client, told: Told): Promise<number> {
  let { version } = held;
  let set = slotsToSet(held, trajectory);
  const append = async (index: number | "slots", items: readonly Item[]) => {
    // `expect` makes a message's place certain even where its key has been forgotten.
    const reply = await client.call(context, "append", { key: keyOf(trajectory, index), items, expect: version, set });
    version = reply.version;
    set = undefined;
    // An answer that was given before: this run's, lost on its way, or another importer's of the same line.
    if (reply.duplicate !== true) told.wrote();
  };
  const next = trajectory.messages[held.items];
  if (set !== undefined && (next === undefined || !fitBeside(set, next)))
    await inPlace("what the line has beside its messages", () => append("slots", []));
  for (const [index, message] of trajectory.messages.entries()) {
    if (index < held.items) continue;
    await inPlace(`${trajectory.list}[${index}]`, () => append(index, [itemOf(message)]));
    told.holds(index + 1);
  }
  return version;
}

/** Whether slots go into a message's record. What the host would take alone must not be refused for standing together. */
function fitBeside({ "source.fields": fields }: Partial<Slots>, message: RawJson): boolean {
  if (fields === undefined) return true;
  if (fields.text.length > limits.import_chars_of_fields_beside_item) return false;
  return valuesAtMost(fields) + valuesAtMost(message) <= limits.import_values_of_fields_and_item;
}

/** Each value but the outermost comes after one of these; those in strings count too, since an item may have such as values. */
const valuesAtMost = ({ text }: RawJson): number => 1 + text.replaceAll(/[^,[{]+/g, "").length;

/** All slots of a new context; of a line that has grown, where its list ends now. */
function slotsToSet(held: Held, { slots }: Trajectory): Partial<Slots> | undefined {
  const there = held.slots["source.list"];
  if (there === undefined) return slots;
  const [before, now] = [treeOf(there), treeOf(slots["source.list"])];
  const same = ["name", "length"].every((key) => memberOf(before, key)?.text === memberOf(now, key)?.text);
  return same ? undefined : { "source.list": slots["source.list"] };
}

/** What was refused is named, so that its place in the line can be found. */
async function inPlace(place: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof CallError) || !["invalid", "too_large"].includes(error.code)) throw error;
    throw new TrajectoryError(`${place} was refused: ${error.message}`, { cause: error });
  }
}
