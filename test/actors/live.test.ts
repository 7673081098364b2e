import { expect, test } from "vitest";
import { Live } from "../../actors/live.ts";
import { Queue } from "../../actors/queue.ts";
import { limits } from "../../protocol/limits.ts";

type One = { readonly id: string; readonly queue: Queue; bytes: number };

function some(most: number, bytes: number, ids: readonly string[]) {
  const left: string[] = [];
  const live = new Live<One>({ most, bytes, weigh: (one) => one.bytes, left: ({ id }) => left.push(id) });
  const members = ids.map((id): One => ({ id, queue: new Queue(limits, "context"), bytes: 0 }));
  for (const one of members) live.add(one);
  return { live, left, members, ids: () => live.members().map(({ id }) => id) };
}

test("where there is one too many, the longest unused gives way that does nothing", async () => {
  const { live, left, members, ids } = some(3, 1, ["a", "b", "c"]);
  const [a, b] = members;
  if (a === undefined || b === undefined) throw new Error("there are three");
  live.used(a);
  const { promise, resolve } = Promise.withResolvers<void>();
  const busy = b.queue.run(() => promise);
  live.add({ id: "d", queue: new Queue(limits, "context"), bytes: 0 });
  expect([left, ids()]).toEqual([["c"], ["b", "a", "d"]]);
  resolve();
  await busy;
});

test("where they hold too much, as many give way as it takes, but never the one that was just used", () => {
  const { live, left, members, ids } = some(9, 100, ["a", "b", "c", "d"]);
  for (const one of members) {
    one.bytes = 25;
    live.used(one);
  }
  expect(left).toEqual([]);
  const [, , , d] = members;
  if (d === undefined) throw new Error("there are four");
  d.bytes = 60;
  live.used(d);
  expect([left, ids()]).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
  d.bytes = 1_000;
  live.used(d);
  expect([left, ids()]).toEqual([["a", "b", "c"], ["d"]]);
  d.bytes = 10;
  live.used(d);
  live.delete("c");
  live.add({ id: "e", queue: new Queue(limits, "context"), bytes: 0 });
  expect(ids()).toEqual(["d", "e"]);
});

test("one that was taken away meanwhile does not come back by having been used, nor counts", () => {
  const { live, left, members, ids } = some(9, 100, ["a", "b"]);
  const [a, b] = members;
  if (a === undefined || b === undefined) throw new Error("there are two");
  a.bytes = 90;
  live.used(a);
  live.delete("a");
  live.used(a);
  b.bytes = 90;
  live.used(b);
  expect([left, ids()]).toEqual([[], ["b"]]);
});
