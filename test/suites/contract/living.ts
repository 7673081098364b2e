import { expect, test } from "vitest";
import { type Caller, forget, type Setting, texts } from "../caller.ts";
import type { Installation } from "../installation.ts";

/** Long enough for a slow machine to do something within it, short enough to be waited for. */
const TTL_MS = 2_000;
const ttl = (from: "creation" | "lastAppend", ms = TTL_MS) => ({ ttl: { ms, from } });

/** Waits until a read says that the context has expired. */
const expired = ({ installation, caller }: { installation: Installation; caller: Caller }, id: string) =>
  installation.until(`${id} expires`, async () => ((await caller.unless("expired", id, "read")) === undefined ? true : undefined));

/** Everything that can be asked of a context whose time has run out. */
export async function expectGone(caller: Caller, id: string): Promise<void> {
  const refused = [
    await caller.refused(id, "read"),
    await caller.refused(id, "read", { at: 1 }),
    await caller.refused(id, "read", { fresh: true }),
    await caller.refused(id, "history"),
    await caller.refused(id, "diff", { from: 0, to: 1 }),
    await caller.refused(id, "verify"),
    await caller.refused(id, "append", { key: "late", items: texts(1) }),
    await caller.refused(id, "append", { key: "k", items: texts(1) }),
    await caller.refused(id, "append", { key: "again", items: texts(1), expect: 0 }),
    await caller.refused(id, "configure", { key: "longer", policy: { ttl: null } }),
  ];
  expect(refused.map(({ code }) => code)).toEqual(refused.map(() => "expired"));
  expect(refused.map(({ message }) => message).join()).not.toContain("1970");
}

/** Waits until of the context only its tombstone is left in the store. */
export async function onlyTombstone({ installation }: Setting, id: string, versions: number): Promise<void> {
  const records = Array.from({ length: versions + 2 }, (_, i) => `${id}/rec/${i + 1}`);
  const gone = [`${id}/keys`, `${id}/head`, `${id}/page/1`, ...records];
  await installation.until(`${id} is deleted at rest`, async () => {
    const rows = await installation.state.read(gone);
    return rows.every((row) => row === undefined) ? true : undefined;
  });
  expect(await installation.state.read([`${id}/tombstone`])).toEqual([expect.any(String)]);
}

export function living(the: () => Setting): void {
  test("TTL from creation: it ends at that time whatever is appended, and answers expired", async () => {
    const { caller, name, installation } = the();
    const id = name("creation");
    const { at } = await caller.call(id, "append", { key: "k", items: texts(1) });
    await caller.call(id, "configure", { key: "p", policy: ttl("creation") });
    const end = Date.parse(at) + TTL_MS;
    await installation.until("its time runs out under appends", async () => {
      const before = installation.now();
      const reply = await caller.unless("expired", id, "append", { key: `k${before}`, items: texts(1) });
      if (reply !== undefined) expect(before).toBeLessThan(end);
      else expect(installation.now()).toBeGreaterThanOrEqual(end);
      return reply === undefined ? true : undefined;
    });
    await expectGone(caller, id);
  });

  test("TTL from the last append: it lives as long as it is appended to, and no longer; a read does not count", async () => {
    const { caller, name, installation } = the();
    const id = name("sliding");
    const first = await caller.call(id, "append", { key: "k", items: texts(1) });
    await caller.call(id, "configure", { key: "p", policy: ttl("lastAppend") });
    let last = Date.parse(first.at);
    await installation.until("it has lived for half as long again", async () => {
      if (installation.now() - last > TTL_MS / 4) {
        const reply = await caller.unless("expired", id, "append", { key: `k${last}`, items: texts(1) });
        // Only a machine that was slower than the time to live may have lost it.
        if (reply === undefined) expect(installation.now()).toBeGreaterThanOrEqual(last + TTL_MS);
        else last = Date.parse(reply.at);
      }
      return installation.now() > Date.parse(first.at) + 1.5 * TTL_MS ? true : undefined;
    });
    await expired(the(), id);
    expect(installation.now()).toBeGreaterThanOrEqual(last + TTL_MS);
    await expectGone(caller, id);
  });

  test("TTL: a tenant's default holds for its new contexts, until a context's own policy takes it away", async () => {
    const { newTenant, installation } = the();
    const { tenant, caller } = await newTenant("mortal");
    const [old, kept, mortal, moved] = [`${tenant}.old`, `${tenant}.kept`, `${tenant}.mortal`, `${tenant}.moved`];
    await caller.call(old, "append", { key: "k", items: texts(1) });
    // Long enough to take it away again before it has run out.
    await caller.call(tenant, "tenant.configure", { policy: ttl("creation", 2 * TTL_MS) });
    const begin = async (id: string) =>
      expect(await caller.call(id, "append", { key: "k", items: texts(1) })).toMatchObject({ version: 1 });
    await begin(kept);
    await caller.call(kept, "configure", { key: "p", policy: { ttl: null } });
    await begin(moved);
    await caller.call(moved, "configure", { key: "p", policy: ttl("creation", 3_600_000) });
    await begin(mortal);
    await expired({ installation, caller }, mortal);
    await expectGone(caller, mortal);
    for (const id of [old, kept, moved])
      expect(await caller.call(id, "append", { key: "later", items: texts(1) })).toMatchObject({ ok: true });
    await caller.call(tenant, "tenant.configure", { policy: { ttl: null } });
    expect(await caller.call(`${tenant}.young`, "append", { key: "k", items: texts(1) })).toMatchObject({ version: 1 });
  });

  test("C1: after its grace nothing is left at rest but the tombstone, and the name never lives again", async () => {
    const { caller, name, installation } = the();
    const [touched, untouched] = [name("dropped"), name("forgotten")];
    for (const id of [touched, untouched]) {
      await caller.call(id, "append", { key: "k", items: [{ role: "user", content: "x", subjects: ["Ada"] }], set: { a: 1 } });
      await caller.call(id, "append", { key: "k2", items: texts(3) });
      await caller.call(id, "configure", { key: "p", policy: ttl("creation", 1_000) });
    }
    await expired(the(), touched);
    // The tombstone comes first; contents go a grace later, with nobody asking.
    const rows = await installation.state.read([`${touched}/tombstone`, `${touched}/keys`, `${touched}/rec/1`]);
    expect(rows).toEqual([expect.any(String), expect.any(String), expect.any(String)]);
    for (const id of [touched, untouched]) await onlyTombstone(the(), id, 3);
    for (const id of [touched, untouched]) await expectGone(caller, id);
    // Not even to a host that has never heard of it.
    await forget(the(), touched);
    await expectGone(caller, touched);
    await onlyTombstone(the(), touched, 3);
  });
}
