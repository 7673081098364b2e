// The tenant actor where it takes long, is left, finds what it cannot read, or knows no more than it may.

import { expect, test } from "vitest";
import { Leaves } from "../../actors/directory.ts";
import { TenantActor } from "../../actors/tenant.ts";
import type { Report } from "../../protocol/contract.ts";
import { ContextName, TenantId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { grantOf, TENANT } from "../fuzz/calls.ts";
import { makeMemoryWorld, startActors } from "../support/memory-ports.ts";

type Listed = { readonly ok: boolean; readonly contexts: readonly { readonly name: string }[]; readonly next?: string };

/** A tenant whose directory knows of contexts that it has to ask about, since they have no version that it heard of. */
async function unheardOf(names: readonly string[]) {
  const world = makeMemoryWorld();
  const { tenants } = startActors(world);
  const grant = grantOf(world.keyring);
  const ask = async (method: string, args: object = {}, signal?: AbortSignal) => {
    const body = Buffer.from(JSON.stringify({ grant, ...args }));
    return JSON.parse(await tenants.invoke(TENANT, method, body, signal === undefined ? {} : { signal }));
  };
  await ask("create");
  await ask("register", { contexts: names.map((name) => ({ name, version: 0, at: 0, expires: null, ended: false })) });
  return { ...world, ask };
}

test("a list that takes long answers the page that it has, and goes on from there", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const { ask, store, clock } = await unheardOf(names);
  store.gate = async () => clock.advance(limits.list_ms / 4);
  const pages: Listed[] = [];
  for (let page: Listed | undefined; page === undefined || page.next !== undefined; pages.push(page))
    page = (await ask("list", page?.next === undefined ? {} : { after: page.next })) as Listed;
  expect(pages.length).toBeGreaterThan(1);
  expect(pages.flatMap(({ contexts }) => contexts.map(({ name }) => name))).toEqual(names);
  expect(pages.every(({ contexts }) => contexts.length > 0)).toBe(true);
});

test("a list whose caller has left asks for nothing more", async () => {
  const { ask, store } = await unheardOf(["a", "b", "c", "d"]);
  const caller = new AbortController();
  let reads = 0;
  store.gate = async () => {
    if (++reads === 3) caller.abort();
  };
  expect(await ask("list", {}, caller.signal)).toMatchObject({ code: "unavailable", details: { outcome: "none" } });
  expect(reads).toBeLessThan(6);
});

test("a change that the store never confirms is given up at the turn's deadline, and its fate is unknown", async () => {
  const { ask, store, clock } = await unheardOf([]);
  let tried = 0;
  store.replace = async () => {
    tried++;
    clock.advance(limits.store_call_ms);
    return "unknown";
  };
  expect(await ask("configure", { policy: { ttl: { ms: 60_000, from: "creation" } } })).toMatchObject({
    code: "unavailable",
    details: { outcome: "unknown" },
  });
  expect(tried).toBe(limits.turn_deadline_ms / limits.store_call_ms);
});

test("a document of a later format is told from one that is damaged", async () => {
  const { ask, store } = await unheardOf(["a"]);
  const whole = new Map(store.rows);
  for (const [row, what] of [
    ["tenant", "document"],
    ["dir/0", "directory"],
  ]) {
    store.set(`${TENANT}/${row}`, Buffer.from(JSON.stringify({ f: 2, more: true })));
    expect(await ask("list")).toMatchObject({
      code: "internal",
      message: `the tenant's ${what} has format 2; this version reads 1. Use the version that wrote it`,
    });
    store.set(`${TENANT}/${row}`, Buffer.from(JSON.stringify({ f: 1, more: true })));
    expect(await ask("list")).toMatchObject({
      code: "internal",
      message: `the tenant's ${what} is damaged; restore its store from a backup`,
    });
    for (const [key, { value }] of whole) store.set(key, value);
  }
});

test("a full tenant's queue says whose it is", async () => {
  const { ask, store } = await unheardOf([]);
  const { promise, resolve } = Promise.withResolvers<void>();
  store.gate = () => promise;
  const waiting = Array.from({ length: limits.queue_per_context + 1 }, () => ask("list"));
  expect(await ask("list")).toMatchObject({
    code: "overloaded",
    retryAfterMs: limits.queue_retry_after_ms,
    message: expect.stringContaining(`${limits.queue_per_context} turns wait for this tenant already`),
  });
  resolve();
  await Promise.all(waiting);
});

const started = (name: string): Report => ({ name: ContextName.parse(name), version: 0, at: 0, expires: null, ended: false });
/** More names than a few leaves hold, in the order in which a directory has them. */
const manyNames = Array.from({ length: 3.5 * limits.names_per_leaf }, (_, i) => `n${String(i).padStart(5, "0")}`);

test.each([
  ["all", limits.leaves_known],
  ["two", 2],
])("where it may know of %s leaves, every name is found; a leaf that it knows of is read without those before it", async (_, most) => {
  const { store, ...world } = makeMemoryWorld();
  const { ports } = startActors({ store, ...world });
  const known = { leaves_known: most };
  const leaves = new Leaves(TenantId.parse(TENANT), ports, known);
  for (let i = 0; i < manyNames.length; i += limits.reports_per_call)
    await leaves.enter(manyNames.slice(i, i + limits.reports_per_call).map(started), {});
  let calls = 0;
  store.gate = async () => {
    calls++;
  };
  const again = new Leaves(TenantId.parse(TENANT), ports, known);
  const callsFor = async (name: string): Promise<number> => {
    calls = 0;
    await again.enter([started(name)], {});
    return calls;
  };
  const walked = await callsFor("n99999");
  expect(walked).toBeGreaterThan(4);
  // One read and one write.
  expect(await callsFor("n99998")).toBe(most === 2 ? walked - 1 : 2);
  const found: string[] = [];
  for await (const { name } of again.from("", {})) found.push(name);
  expect(found).toEqual([...manyNames, "n99998", "n99999"]);
});

test("a tenant that was left for others is served like one that was never heard of", async () => {
  const world = makeMemoryWorld();
  const { ports } = startActors(world);
  const tenants = new TenantActor(ports, { live_tenants: 1 });
  const ask = async (tenant: string, method: string, args: object = {}) => {
    const grant = world.keyring.grants.mint({
      v: 1,
      tenant: TenantId.parse(tenant),
      subject: "strata",
      contexts: [],
      methods: ["tenant.create", "tenant.register", "tenant.list"],
      expires: world.clock.now() + 60_000,
    });
    return JSON.parse(await tenants.invoke(tenant, method, Buffer.from(JSON.stringify({ grant, ...args })), {}));
  };
  let reads = 0;
  const listed = async (tenant: string): Promise<number> => {
    reads = 0;
    expect((await ask(tenant, "list", { prefix: manyNames.at(-1) })).contexts).toHaveLength(1);
    return reads;
  };
  for (const tenant of ["one", "two"]) {
    await ask(tenant, "create");
    for (let i = 0; i < manyNames.length; i += limits.reports_per_call)
      await ask(tenant, "register", { contexts: manyNames.slice(i, i + limits.reports_per_call).map(started) });
  }
  world.store.gate = async () => {
    reads++;
  };
  const [first, known, other, left] = [await listed("one"), await listed("one"), await listed("two"), await listed("one")];
  expect(known).toBeLessThan(first);
  expect([other, left]).toEqual([first, first]);
});
