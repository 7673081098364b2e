// Whole calls of both actors, on a store in memory: what is refused changes nothing, and a store that lies is survived.

import fc from "fast-check";
import type { Stored } from "../../../actors/ports.ts";
import { type MemoryActors, MemoryStore, type MemoryWorld, makeMemoryWorld, startActors } from "../../support/memory-ports.ts";
import { CONTEXT, grantOf, TENANT, validCalls } from "../calls.ts";
import { entry, must } from "../entry.ts";
import { mustBeEnvelope } from "../envelope.ts";
import { type Change, type Cut, changes, cut, cuts, mutate } from "../mutations.ts";
import { bytesAsBase64, MARK, oddJson } from "../texts.ts";
import { bodyOf, type Mutated, mutated } from "./judging.ts";

/** What is done outside of turns waits for this, and so for ever: nothing but the call at hand may write. */
const never = new Promise<void>(() => {});

/** A tenant with one context of three versions. */
async function settle(): Promise<MemoryWorld & MemoryActors & { readonly grant: string }> {
  const world = makeMemoryWorld();
  world.clock.sleep = () => never;
  const actors = startActors(world);
  const grant = grantOf(world.keyring);
  await actors.tenants.invoke(TENANT, "create", Buffer.from(JSON.stringify({ grant })), {});
  for (const n of [1, 2, 3]) {
    const body = JSON.stringify({ grant, key: `k${n}`, items: [{ role: "user", content: MARK }], set: { n, goal: MARK } });
    await actors.contexts.invoke(CONTEXT, "append", Buffer.from(body), {});
  }
  return { ...world, ...actors, grant };
}

const invoke = ({ contexts, tenants }: MemoryActors, method: string, body: Uint8Array): Promise<string> =>
  method.startsWith("tenant.")
    ? tenants.invoke(TENANT, method.slice("tenant.".length), body, {})
    : contexts.invoke(CONTEXT, method, body, {});

/** A context that has taken so many cases gives way to a new one. */
const CASES_PER_WORLD = 400;
let shared: Awaited<ReturnType<typeof settle>> | undefined;
let used = 0;

export const turns = entry<Mutated>({
  name: "turns",
  what: "valid calls with changed fields, all the way to the store: an answer of the contract, and what is refused writes nothing",
  cases: 9_000,
  arbitrary: mutated,
  check: async (one) => {
    if (shared === undefined || ++used % CASES_PER_WORLD === 0) shared = await settle();
    const [method = "read", args = {}, refused] = validCalls[one.at] ?? [];
    const fresh = "key" in args ? { ...args, key: `case ${used}` } : args;
    const before = shared.store.writes;
    const untouched = one.changes.length === 0 && one.cuts.length === 0;
    const among = untouched && refused !== undefined ? [refused] : undefined;
    const ok = mustBeEnvelope(method, await invoke(shared, method, bodyOf(fresh, shared.grant, one)), among);
    must(!untouched || ok === (refused === undefined), `${method} is valid, and was ${ok ? "answered" : "refused"}`);
    const reads = ["read", "history", "diff", "verify", "tenant.list"].includes(method);
    must(shared.store.writes === before || (ok && !reads), `${method} was ${ok ? "answered" : "refused"}, and has written`);
  },
});

const rowNames = ["rec/1", "rec/2", "rec/3", "keys", "head", "tombstone", "page/1", "page/2"] as const;
type Damage = {
  readonly row: (typeof rowNames)[number];
  readonly bytes: string;
  readonly cuts: Cut[];
  readonly from: (typeof rowNames)[number] | null;
};

const damage: fc.Arbitrary<Damage> = fc.record<Damage>({
  row: fc.constantFrom(...rowNames),
  bytes: fc.oneof(
    bytesAsBase64(100),
    fc.constantFrom("", "AQ==", "AcA=", "Ad3/////", "Acb/////", "AZM=", "AZHPAB////////8=", "AZEH", "AZHLf/AAAAAAAAA="),
  ),
  cuts,
  from: fc.option(fc.constantFrom(...rowNames), { nil: null }),
});

export const damagedContexts = entry<{ readonly damages: Damage[]; readonly method: string }>({
  name: "damaged-contexts",
  what: "a context whose rows were changed, exchanged or invented: an answer of the contract, soon",
  cases: 3_000,
  arbitrary: fc.record({
    damages: fc.array(damage, { maxLength: 3 }),
    method: fc.constantFrom("read", "append", "verify", "history", "configure", "diff", "expire", "tend"),
  }),
  check: async ({ damages, method }) => {
    const world = await damagedWorld();
    const { store } = world;
    const whole = new Map(store.rows);
    for (const { row, bytes, cuts, from } of damages) {
      const original = whole.get(`${CONTEXT}/${from ?? row}`)?.value;
      store.set(
        `${CONTEXT}/${row}`,
        original === undefined || (cuts.length === 0 && from === null) ? Buffer.from(bytes, "base64") : cut(original, cuts),
      );
    }
    store.patience = PATIENCE;
    if (method === "expire" || method === "tend") return await remind(world, method);
    const args = {
      append: { key: "k", items: [{ role: "user", content: "x" }] },
      configure: { key: "k", policy: {} },
      diff: { from: 0, to: 2 },
    };
    const body = JSON.stringify({ grant: world.grant, ...(method in args ? args[method as keyof typeof args] : {}) });
    const reply = await invoke(world, method, Buffer.from(body));
    const ok = mustBeEnvelope(method, reply);
    must(ok || damages.length > 0, `${method} is valid, and was refused: ${reply}`);
    must(store.patience > 0, `it asked the store more than ${PATIENCE} times`);
  },
});

/** Twice, since what is to be deleted goes a grace after it was seen. It may fail, and so fire again, but not go on for ever. */
async function remind({ contexts, clock, store }: Awaited<ReturnType<typeof settle>>, reminder: string): Promise<void> {
  for (const _ of ["first", "second"]) {
    await contexts.remind(CONTEXT, reminder, {}).catch(() => {});
    clock.advance(60_000);
  }
  must(store.patience > 0, `it asked the store more than ${PATIENCE} times`);
}

/** How often one call may ask a store of a handful of rows. */
const PATIENCE = 3_000;
let original: { readonly rows: ReadonlyMap<string, Stored>; readonly world: Awaited<ReturnType<typeof settle>> } | undefined;

/**
 * The rows of a whole context, in a host that has not seen it yet. In a store of its own: what an earlier case leaves to do after its answer (a head, a
 * report) would be written among the rows of this one.
 */
async function damagedWorld(): Promise<Awaited<ReturnType<typeof settle>>> {
  if (original === undefined) {
    const world = await settle();
    await world.contexts.deactivate(CONTEXT);
    original = { rows: new Map(world.store.rows), world };
  }
  const world = { ...original.world, store: new MemoryStore(original.rows) };
  return { ...world, ...startActors(world) };
}

type Document = { readonly row: "tenant" | "dir/0" | "dir/x"; readonly changes: Change[]; readonly text: string | null };
const leaf = {
  f: 1,
  entries: [
    ["context", 3, 1_000, null, false],
    ["later", 0, 0, null, false],
    ["mortal", 1, 1_000, 2_000, false],
  ],
  right: { from: "m", id: "x" },
};
const documents: Readonly<Record<Document["row"], unknown>> = {
  tenant: { f: 1, created: 1_000, policy: { ttl: null } },
  "dir/0": leaf,
  "dir/x": { f: 1, entries: [["zebra", 1, 1_000, null, true]], right: { from: "zz", id: "0" } },
};

export const damagedTenants = entry<{ readonly documents: Document[]; readonly method: string }>({
  name: "damaged-tenants",
  what: "a tenant whose document and directory were changed, cut or tied in a circle: an answer of the contract, soon",
  cases: 4_000,
  arbitrary: fc.record({
    documents: fc.array(
      fc.record<Document>({
        row: fc.constantFrom("tenant", "dir/0", "dir/x"),
        changes: changes(2),
        text: fc.option(fc.oneof(oddJson, fc.constant("")), { nil: null, freq: 4 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    method: fc.constantFrom("tenant.list", "tenant.register", "tenant.configure", "tenant.create", "append"),
  }),
  check: async ({ documents: damaged, method }) => {
    const world = await damagedWorld();
    const { store } = world;
    for (const { row, changes, text } of damaged) store.set(`${TENANT}/${row}`, Buffer.from(text ?? mutate(documents[row], changes)));
    store.patience = PATIENCE;
    const contexts = ["aa", "context", "zzz"].map((name) => ({ name, version: 9, at: 1_000, expires: null, ended: false }));
    const args = {
      "tenant.register": { contexts },
      "tenant.configure": { policy: { ttl: null } },
      append: { key: "k", items: [{ role: "user", content: "x" }] },
    };
    const body = Buffer.from(JSON.stringify({ grant: world.grant, ...(method in args ? args[method as keyof typeof args] : {}) }));
    const reply = method === "append" ? await world.contexts.invoke(`${TENANT}.new`, method, body, {}) : await invoke(world, method, body);
    mustBeEnvelope(method, reply);
    must(store.patience > 0, `it asked the store more than ${PATIENCE} times`);
  },
});
