// Somebody who seals records into pages, as rule C5 says: the page is created and read back, and its records are dropped D after that. Our own
// actors do not seal yet; what they must bear from one who does is in force already.

import type { ContextId } from "../../protocol/ids.ts";
import type { World } from "./world.ts";

/** Seals some of what stands. It may die at any point, with some of the records dropped. */
export async function seal(world: World, id: ContextId): Promise<void> {
  const { random, schedule, store, codec, faults } = world;
  const { rows } = store;
  let page = 1;
  let covered = 0;
  for (let stored = rows.get(`${id}/page/${page}`); stored !== undefined; stored = rows.get(`${id}/page/${++page}`))
    covered = codec.decodePage(stored.value).to;
  const records: Uint8Array[] = [];
  const most = 1 + random.below(12);
  for (let version = covered + 1; records.length < most; version++) {
    const stored = rows.get(`${id}/rec/${version}`);
    if (stored === undefined) break;
    records.push(stored.value);
  }
  if (records.length === 0) return;
  await schedule.sleep(random.one([1, 40, faults.settings.dropDelayMs]) * random.fraction(), `seals ${id}`);
  if (rows.has(`${id}/tombstone`)) return;
  store.createOnly(`${id}/page/${page}`, codec.encodePage(covered + 1, records));
  await schedule.sleep(random.between(0.2, 3), `reads back ${id}/page/${page}`);
  const stands = rows.get(`${id}/page/${page}`);
  if (stands === undefined) return;
  const { from, to } = codec.decodePage(stands.value);
  await schedule.sleep(faults.settings.dropDelayMs * random.between(1, 1.2), `drops what ${id}/page/${page} holds`);
  for (let version = from; version <= to; version++) {
    if (random.chance(0.05)) return;
    if (rows.has(`${id}/rec/${version}`)) store.apply({ do: "drop", key: `${id}/rec/${version}` });
    if (random.chance(0.3)) await schedule.sleep(random.one([1, 100, 5_000]) * random.fraction(), `drops on after ${id}/rec/${version}`);
  }
}
