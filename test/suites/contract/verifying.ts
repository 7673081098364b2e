import { expect, test } from "vitest";
import { type Caller, forget, type Setting, texts } from "../caller.ts";

const LENGTH = 6;

/** All have as many items and slots, so that nothing but what they hold tells one from another. */
const link = (key: string, n: number) => ({ key, items: texts(2, n), set: { n, big: "x".repeat(500) } });

/** A context of LENGTH versions; the digests. */
async function chain({ caller }: Setting, id: string): Promise<string[]> {
  const digests: string[] = [];
  for (let n = 1; n <= LENGTH; n++) digests.push((await caller.call(id, "append", link(`k${n}`, n))).digest);
  return digests;
}

const record = (id: string, version: number): string => `${id}/rec/${version}`;

/** What is done to a context's rows, and the first version that is broken then. */
type Tampering = readonly [what: string, broken: number, act: (setting: Setting, id: string, other: string) => Promise<void>];

const flipped = (base64: string, at: number): string => {
  const bytes = Buffer.from(base64, "base64");
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  return bytes.toString("base64");
};

async function rowsOf({ installation }: Setting, keys: readonly string[]): Promise<string[]> {
  return (await installation.state.read(keys)).map((row, i) => {
    if (row === undefined) throw new Error(`there is no row ${keys[i]}`);
    return row;
  });
}

async function edit(setting: Setting, key: string, change: (row: string) => string): Promise<void> {
  const [row = ""] = await rowsOf(setting, [key]);
  await setting.installation.state.write(key, change(row));
}

async function swap(setting: Setting, one: string, two: string): Promise<void> {
  const [first = "", second = ""] = await rowsOf(setting, [one, two]);
  await setting.installation.state.write(one, second);
  await setting.installation.state.write(two, first);
}

/** Keeps what stands of contexts that nobody writes to; answers how to make it so again. */
async function keep({ installation: { state } }: Setting, ids: readonly string[]): Promise<() => Promise<void>> {
  const keys = ids.flatMap((id) => [`${id}/keys`, ...Array.from({ length: LENGTH + 2 }, (_, i) => record(id, i + 1))]);
  const rows = await state.read(keys);
  return async () => {
    for (const [i, key] of keys.entries()) {
      const row = rows[i];
      if (row === undefined) await state.drop(key);
      else await state.write(key, row);
    }
  };
}

/** The last record is taken away, two others are acknowledged, and then the first is put back: every seal is genuine, only the chain is not. */
async function rewrite(setting: Setting, id: string): Promise<void> {
  const { caller, installation } = setting;
  const [last = ""] = await rowsOf(setting, [record(id, LENGTH)]);
  await installation.state.drop(record(id, LENGTH));
  // In this order: a reminder that comes between may load the context again, but not the record.
  await forget(setting, id);
  for (const n of [1, 2]) await caller.call(id, "append", link(`other ${n}`, n));
  await installation.state.write(record(id, LENGTH), last);
}

const tamperings: readonly Tampering[] = [
  ["a bit of a skeleton is flipped", 3, (s, id) => edit(s, record(id, 3), (row) => flipped(row, 20))],
  ["a bit of a content is flipped", 3, (s, id) => edit(s, record(id, 3), (row) => flipped(row, -3))],
  ["its format is another", 2, (s, id) => edit(s, record(id, 2), (row) => flipped(row, 0))],
  ["it is cut short", 4, (s, id) => edit(s, record(id, 4), (row) => Buffer.from(row, "base64").subarray(0, 60).toString("base64"))],
  ["it is emptied", 5, (s, id) => edit(s, record(id, 5), () => "")],
  ["the first is deleted", 1, (s, id) => s.installation.state.drop(record(id, 1))],
  ["one in the middle is deleted", 3, (s, id) => s.installation.state.drop(record(id, 3))],
  ["the last is deleted", LENGTH, (s, id) => s.installation.state.drop(record(id, LENGTH))],
  ["two are exchanged", 2, (s, id) => swap(s, record(id, 2), record(id, 4))],
  ["one stands twice", 5, async (s, id) => s.installation.state.write(record(id, 5), (await rowsOf(s, [record(id, 4)]))[0] ?? "")],
  ["the key table is deleted", 1, (s, id) => s.installation.state.drop(`${id}/keys`)],
  [
    "the key table is another's",
    1,
    async (s, id, other) => s.installation.state.write(`${id}/keys`, (await rowsOf(s, [`${other}/keys`]))[0] ?? ""),
  ],
  ["one was taken back and another acknowledged in its place", LENGTH + 1, rewrite],
  ["another context's stands in its place", 4, (s, id, other) => swap(s, record(id, 4), record(other, 4))],
];

export function verifying(the: () => Setting): void {
  test("verify: a whole chain, and any part of it, answers the digest of its last record", async () => {
    const { caller, name } = the();
    const id = name("verify");
    const digests = await chain(the(), id);
    expect(await caller.call(id, "verify")).toEqual({ ok: true, version: LENGTH, digest: digests.at(-1) });
    for (const [from, to] of [
      [1, 1],
      [1, 4],
      [3, 4],
      [4, 4],
      [LENGTH, LENGTH],
    ] as const)
      expect(await caller.call(id, "verify", { from, to })).toEqual({ ok: true, version: to, digest: digests[to - 1] });
    expect(await caller.refused(id, "verify", { to: LENGTH + 1 })).toMatchObject({ code: "not_found", details: { head: LENGTH } });
    expect(await caller.refused(id, "verify", { from: LENGTH + 2 })).toMatchObject({ code: "not_found", details: { head: LENGTH } });
    expect(await caller.refused(id, "verify", { from: 4, to: 3 })).toMatchObject({ code: "invalid" });
  });

  test("A2: verify finds the first broken version of every tampered chain, at once and when the host has forgotten all it knew", async () => {
    const setting = the();
    const tampered = await Promise.all(
      tamperings.map(async ([what, broken, act]) => {
        const [id, other] = [setting.name("tampered"), setting.name("other")];
        await Promise.all([chain(setting, id), chain(setting, other)]);
        await headStands(setting, id);
        const restore = await keep(setting, [id, other]);
        await act(setting, id, other);
        return { what, broken, id, restore };
      }),
    );
    const verifyAll = () => Promise.all(tampered.map(async ({ what, id }) => [what, await brokenAt(setting.caller, id)]));
    const found = tampered.map(({ what, broken }) => [what, broken]);
    expect(await verifyAll()).toEqual(found);
    for (const { broken, id } of tampered)
      if (broken > 1) expect(await setting.caller.call(id, "verify", { to: broken - 1 })).toMatchObject({ version: broken - 1 });
    await Promise.all(tampered.map(({ id }) => forget(setting, id)));
    expect(await verifyAll()).toEqual(found);
    // A content that was altered is not handed out as if it were whole.
    const altered = tampered[1]?.id ?? "";
    expect(await setting.caller.refused(altered, "read", { at: 3 })).toMatchObject({ code: "internal" });
    // What stays broken would go on failing whenever it is tended, in the log of every test that comes after.
    const mended = tampered.map(async ({ id, restore }) => {
      await restore();
      await setting.installation.until(`${id} is whole again`, async () => {
        await forget(setting, id);
        // It is written when a context is forgotten, and may name what was made up; a reminder may have read it in between.
        await setting.installation.state.drop(`${id}/head`);
        return setting.caller.unless("internal", id, "verify");
      });
      expect(await setting.caller.call(id, "verify")).toMatchObject({ version: LENGTH });
    });
    await Promise.all(mended);
  });

  test("V7: without its head a context is what it was", async () => {
    const { caller, name, installation } = the();
    const id = name("headless");
    await chain(the(), id);
    const before = await caller.call(id, "read");
    await headStands(the(), id);
    await forget(the(), id);
    await installation.state.drop(`${id}/head`);
    expect(await caller.call(id, "read")).toEqual(before);
    expect(await caller.call(id, "verify")).toMatchObject({ version: LENGTH, digest: before.digest });
  });
}

/** Which version verify says is broken. */
async function brokenAt(caller: Caller, id: string): Promise<unknown> {
  const { code, details } = await caller.refused(id, "verify");
  return code === "internal" ? details?.broken : code;
}

/** A head of the last version stands, and the host has the context in memory. (The head that a reminder writes may be of a version before.) */
async function headStands(setting: Setting, id: string): Promise<void> {
  const { installation, caller } = setting;
  await forget(setting, id);
  await installation.until(`${id} has a head`, async () => {
    const [head] = await installation.state.read([`${id}/head`]);
    return head;
  });
  await caller.call(id, "read");
}
