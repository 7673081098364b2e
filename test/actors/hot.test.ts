import { expect, test } from "vitest";
import { Hot, Records } from "../../actors/hot.ts";
import type { Entry } from "../../core/record.ts";
import { ContextId } from "../../protocol/ids.ts";
import { append, Chain, note, set } from "../core/chain.ts";

const [one, two] = ["main.one", "main.two"].map((id) => ContextId.parse(id)) as [ContextId, ContextId];

/** Entries of the same size, and what one of them takes. */
function entries(count: number): { readonly entries: readonly Entry[]; readonly bytes: number } {
  const chain = new Chain();
  for (let i = 0; i < count; i++) chain.do(append(`k${i}`, [note("x".repeat(1_000))]));
  const records = new Records();
  for (const entry of chain.entries.slice(0, 1)) records.put(entry);
  return { entries: chain.entries, bytes: records.bytes };
}

const versions = (hot: Hot, id: ContextId, count: number): number[] =>
  Array.from({ length: count }, (_, i) => i + 1).filter((version) => hot.get(id, version) !== undefined);

test("the longest unused context goes first, then the oldest records of the one that is used", () => {
  const { entries: all, bytes } = entries(4);
  const hot = new Hot({ bytes_hot: 3 * bytes });
  const [first, second, third, fourth] = all;
  for (const [id, entry] of [
    [one, first],
    [two, first],
    [two, second],
  ] as const)
    if (entry !== undefined) hot.put(id, entry);
  hot.touch(one);
  if (third !== undefined) hot.put(one, third);
  expect([versions(hot, one, 4), versions(hot, two, 4)]).toEqual([[1, 3], []]);
  for (const entry of [second, fourth]) if (entry !== undefined) hot.put(one, entry);
  expect(versions(hot, one, 4)).toEqual([2, 3, 4]);
});

test("a record that is put again counts once, and what is forgotten counts no more", () => {
  const { entries: all, bytes } = entries(3);
  const hot = new Hot({ bytes_hot: 3 * bytes });
  for (let i = 0; i < 5; i++) for (const entry of all) hot.put(one, entry);
  expect(versions(hot, one, 3)).toEqual([1, 2, 3]);
  hot.forget(one);
  for (const entry of all) hot.put(two, entry);
  expect([versions(hot, one, 3), versions(hot, two, 3)]).toEqual([[], [1, 2, 3]]);
});

test("one record is kept, however large it is", () => {
  const hot = new Hot({ bytes_hot: 1 });
  for (const entry of entries(2).entries) hot.put(one, entry);
  expect(versions(hot, one, 2)).toEqual([2]);
});

test("records say whether all that were put are there", () => {
  const { entries: all, bytes } = entries(3);
  const records = new Records();
  for (const entry of all) records.put(entry);
  records.shrink(3 * bytes);
  expect([records.bytes, records.complete]).toEqual([3 * bytes, true]);
  records.shrink(3 * bytes - 1);
  expect([records.bytes, records.complete, records.get(1)]).toEqual([2 * bytes, false, undefined]);
  expect([...records.values()].map(({ version }) => version)).toEqual([2, 3]);
});

test("labels and names count like content, in memory and in bulk reads", () => {
  const weigh = (item: object, slots: object = {}) => {
    const records = new Records();
    const chain = new Chain();
    records.put(chain.do(append("k", [{ ...note("x"), ...item }], { set: set({ ...slots }) })));
    return [records.bytes, chain.state.largest];
  };
  const [bytes = 0, largest = 0] = weigh({});
  const labels = Array.from({ length: 16 }, (_, i) => `${i}`.padEnd(128, "l"));
  expect(weigh({ labels })).toEqual([bytes + 2 * 16 * 128, largest + 16 * 128]);
  const name = "n".repeat(63);
  const [removed = 0, ofRemoved = 0] = weigh({}, { [name]: null });
  expect(removed).toBeGreaterThanOrEqual(bytes + 2 * 63);
  expect(ofRemoved).toBeGreaterThanOrEqual(largest + 63);
});
