import { expect, test } from "vitest";
import { limits } from "../../../protocol/limits.ts";
import { instant, iso } from "../../../protocol/units.ts";
import { type Caller, type Reply, type Setting, text, texts } from "../caller.ts";

/** Appends one item a version, each at a time of its own with a free millisecond on both sides; the times. */
async function spread({ caller, installation }: Setting, id: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const after = (times.at(-1) ?? 0) + 2;
    await installation.until("the clock moves on", async () => (installation.now() > after ? true : undefined));
    times.push(Date.parse((await caller.call(id, "append", { key: `k${n}`, items: [text(`item ${n}`)], set: { n } })).at));
  }
  return times;
}

async function walk(caller: Caller, id: string, limit: number): Promise<unknown[]> {
  const items: unknown[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page: Reply<"read"> = await caller.call(id, "read", { from, limit });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    from = page.next;
  }
  return items;
}

export function reading(the: () => Setting): void {
  test("read: `at` names a version, and answers what stood then", async () => {
    const { caller, name } = the();
    const id = name("versions");
    const appended = [];
    for (let n = 0; n < 5; n++) appended.push(await caller.call(id, "append", { key: `k${n}`, items: texts(2, 2 * n), set: { n } }));
    for (const { version, digest, at } of appended) {
      const reply = await caller.call(id, "read", { at: version });
      expect(reply).toMatchObject({ version, digest, at, items: texts(2 * version), slots: { n: { text: String(version - 1) } } });
    }
    expect(await caller.call(id, "read")).toEqual(await caller.call(id, "read", { at: 5 }));
  });

  test("read: the largest answer comes whole: as many items as one may carry, beside all the slots that there may be", async () => {
    const { caller, name } = the();
    const id = name("largest");
    const value = "v".repeat(limits.bytes_of_slots / 4 - 2);
    // Their names count for the turn that sets them.
    for (const set of [{ a: value, b: value, c: value }, { d: value }])
      await caller.call(id, "append", { key: Object.keys(set).join(), items: [], set });
    const content = "i".repeat(limits.bytes_per_turn / 4 - 128);
    const items = [1, 2, 3, 4].map(() => ({ role: "note", content }));
    for (const key of ["first", "second", "third"]) await caller.call(id, "append", { key, items });
    const { slots, next, ...page } = await caller.call(id, "read");
    expect([page.items.length, next, Object.keys(slots).length]).toEqual([8, 8, 4]);
  });

  test("read: `at` names a time: exactly a version's, between two, after the last, and with another zone", async () => {
    const { caller, name, installation } = the();
    const id = name("times");
    const times = await spread(the(), id, 3);
    const at = async (time: number) => (await caller.call(id, "read", { at: iso(instant(time)) })).version;
    for (const [i, time] of times.entries()) {
      expect(await at(time)).toBe(i + 1);
      expect(await at(time + 1)).toBe(i + 1);
      if (i > 0) expect(await at(time - 1)).toBe(i);
    }
    expect(await at(installation.now())).toBe(3);
    const zoned = iso(instant((times[1] ?? 0) + 2 * 3_600_000)).replace("Z", "+02:00");
    expect(await caller.call(id, "read", { at: zoned })).toMatchObject({ version: 2, items: texts(2) });
  });

  test("read: a time before the first version is not found, one in the future or without a zone is invalid", async () => {
    const { caller, name, installation } = the();
    const id = name("no-times");
    const [first = 0] = await spread(the(), id, 1);
    for (const time of [first - 1, 0])
      expect(await caller.refused(id, "read", { at: iso(instant(time)) })).toMatchObject({ code: "not_found" });
    const future = installation.now() + 3_600_000;
    expect(await caller.refused(id, "read", { at: iso(instant(future)) })).toMatchObject({
      code: "invalid",
      message: expect.stringContaining("future"),
    });
    for (const at of ["2026-01-31T12:00:00", "2026-01-31", "yesterday", "", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z"])
      expect(await caller.refused(id, "read", { at }), at).toMatchObject({ code: "invalid" });
  });

  test("read: a time that was read once reads the same for ever, whatever is appended meanwhile", async () => {
    const { caller, name, installation } = the();
    const id = name("once");
    await caller.call(id, "append", { key: "first", items: texts(1) });
    const seen: [string, unknown][] = [];
    for (let n = 0; n < 25; n++) {
      const at = iso(instant(installation.now()));
      const [read] = await Promise.all([caller.call(id, "read", { at }), caller.call(id, "append", { key: `k${n}`, items: texts(1, n) })]);
      seen.push([at, read]);
    }
    for (const [at, read] of seen) expect(await caller.call(id, "read", { at })).toEqual(read);
  });

  test("read: `fresh` answers as any read does, and what does not exist is not found", async () => {
    const { caller, name } = the();
    const id = name("fresh");
    for (const args of [{}, { fresh: true }, { at: 1 }, { at: iso(instant(0)) }])
      expect(await caller.refused(id, "read", args)).toMatchObject({ code: "not_found" });
    await caller.call(id, "append", { key: "k", items: texts(3) });
    expect(await caller.call(id, "read", { fresh: true })).toEqual(await caller.call(id, "read"));
    expect(await caller.refused(id, "read", { at: 2 })).toMatchObject({ code: "not_found", details: { head: 1 } });
    expect(await caller.refused(id, "read", { at: Number.MAX_SAFE_INTEGER })).toMatchObject({ code: "not_found", details: { head: 1 } });
  });

  test("read: pages walk a context of 1,000 items exactly once, whatever their size", async () => {
    const { caller, name } = the();
    const id = name("thousand");
    // Turns of uneven sizes, so that pages end inside of turns, at their ends, and over several.
    const sizes = [1, 2, 3, 94, 400, 250, 249, 1];
    let count = 0;
    for (const [i, size] of sizes.entries()) {
      await caller.call(id, "append", { key: `k${i}`, items: texts(size, count) });
      count += size;
    }
    expect(count).toBe(1_000);
    const all = texts(1_000);
    for (const limit of [7, 100, 333, 1_000, 10_000]) expect(await walk(caller, id, limit)).toEqual(all);
    expect((await caller.call(id, "read", { from: 999 })).items).toEqual(all.slice(999));
    expect(await caller.call(id, "read", { from: 1_000 })).toMatchObject({ items: [], version: 8 });
    expect(await caller.call(id, "read", { at: 5, from: 498, limit: 10 })).toMatchObject({ items: all.slice(498, 500), version: 5 });
    expect(await caller.call(id, "read", { at: 5, from: 98, limit: 10 })).toMatchObject({ items: all.slice(98, 108), next: 108 });
  });

  test("read: a page ends where the next item would make it larger than an answer may be", async () => {
    const { caller, name } = the();
    const id = name("heavy");
    const items = [text("a".repeat(3_000_000)), text("b".repeat(3_000_000)), text("c".repeat(3_000_000)), text("d")];
    for (const [i, item] of items.entries()) await caller.call(id, "append", { key: `k${i}`, items: [item] });
    const first = await caller.call(id, "read");
    expect(first.items).toEqual(items.slice(0, 2));
    expect(first.next).toBe(2);
    expect((await caller.call(id, "read", { from: 2 })).items).toEqual(items.slice(2));
    expect((await walk(caller, id, 10_000)).length).toBe(4);
  });

  looking(the);
}

/** history and diff */
function looking(the: () => Setting): void {
  test("history: every version, newest first, with its time, author, counts, digest and reason; in pages by `before`", async () => {
    const { caller, name } = the();
    const id = name("history");
    const appended = [];
    for (let n = 1; n <= 7; n++) appended.push(await caller.call(id, "append", { key: `k${n}`, items: texts(n) }));
    const configured = await caller.call(id, "configure", { key: "p", policy: { ttl: null } });
    const { versions, next } = await caller.call(id, "history");
    expect(next).toBeUndefined();
    expect(versions.map(({ number }) => number)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    const [newest, ...rest] = versions;
    expect(newest).toEqual({ ...rowOf(configured), author: "suite", items: 0, bytes: 0, reason: "configure" });
    for (const row of rest)
      expect(row).toMatchObject({ ...rowOf(appended[row.number - 1]), author: "suite", items: row.number, reason: "append" });
    expect(rest.at(-1)?.bytes).toBe('{"content":"item 0"}'.length);
    const paged: unknown[] = [];
    for (let before: number | undefined = 9; before !== undefined; ) {
      const page: Reply<"history"> = await caller.call(id, "history", { before, limit: 3 });
      expect(page.versions.length).toBeLessThanOrEqual(3);
      paged.push(...page.versions);
      before = page.next;
    }
    expect(paged).toEqual(versions);
    expect(await caller.call(id, "history", { before: 1 })).toEqual({ ok: true, versions: [] });
    expect((await caller.call(id, "history", { before: 1_000, limit: 2 })).versions.map(({ number }) => number)).toEqual([8, 7]);
  });

  test("diff: what was added and which slots changed between two versions", async () => {
    const { caller, name } = the();
    const id = name("diff");
    await caller.call(id, "append", { key: "k1", items: [text("a")], set: { x: 1, y: 1 } });
    await caller.call(id, "append", { key: "k2", items: [text("b")], set: { x: 2 } });
    await caller.call(id, "append", { key: "k3", items: [text("c")], set: { x: 1, z: 3 } });
    await caller.call(id, "append", { key: "k4", items: [], set: { y: null } });
    const diff = async (from: number, to: number) => JSON.parse(JSON.stringify(await caller.call(id, "diff", { from, to })));
    const shown = (n: number) => ({ text: String(n) });
    expect(await diff(0, 1)).toMatchObject({ items: [text("a")], slots: { x: { after: shown(1) }, y: { after: shown(1) } }, erased: [] });
    expect(await diff(1, 2)).toMatchObject({ items: [text("b")], slots: { x: { before: shown(1), after: shown(2) } } });
    // x went away from 1 and back to it, so nothing of it differs.
    expect((await diff(1, 4)).slots).toEqual({ y: { before: shown(1) }, z: { after: shown(3) } });
    expect(await diff(1, 4)).toMatchObject({ items: [text("b"), text("c")], from: 1, to: 4 });
    expect(await diff(4, 4)).toMatchObject({ items: [], slots: {} });
    expect(await caller.refused(id, "diff", { from: 3, to: 2 })).toMatchObject({ code: "invalid" });
    expect(await caller.refused(id, "diff", { from: 0, to: 5 })).toMatchObject({ code: "not_found", details: { head: 4 } });
  });

  test("history, diff, configure and verify of a context that does not exist: not found, and none comes to be", async () => {
    const { caller, name } = the();
    const id = name("nobody");
    expect(await caller.refused(id, "history")).toMatchObject({ code: "not_found" });
    expect(await caller.refused(id, "diff", { from: 0, to: 1 })).toMatchObject({ code: "not_found" });
    expect(await caller.refused(id, "configure", { key: "k", policy: {} })).toMatchObject({ code: "not_found" });
    expect(await caller.refused(id, "verify")).toMatchObject({ code: "not_found" });
    expect(await caller.call(id, "append", { key: "k", items: texts(1) })).toMatchObject({ created: true });
  });
}

function rowOf(reply: { version: number; digest: string; at: string } | undefined) {
  return { number: reply?.version, digest: reply?.digest, at: reply?.at };
}
