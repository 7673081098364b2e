import { expect, test } from "vitest";
import { limits } from "../../../protocol/limits.ts";
import { Caller, forget, grantFor, type Reply, type Setting, texts } from "../caller.ts";

const MANY = 620;
/** In what order they are born: not the order of their names. */
const shuffled = (n: number): number => (n * 367) % MANY;
const nameOf = (n: number): string => `${n % 3 === 0 ? "fizz" : "plain"}-${String(n).padStart(4, "0")}`;

async function list(
  caller: Caller,
  tenant: string,
  args: { readonly after?: string; readonly limit?: number; readonly prefix?: string; readonly state?: string } = {},
) {
  const rows: { name: string; state: string; version: number; at: string | null }[] = [];
  for (let after = args.after; ; ) {
    const page: Reply<"tenant.list"> = await caller.call(tenant, "tenant.list", { ...args, after });
    expect(page.contexts.length).toBeLessThanOrEqual(Number(args.limit ?? limits.list_default));
    rows.push(...page.contexts);
    if (page.next === undefined) return rows;
    expect(page.next > (after ?? "")).toBe(true);
    after = page.next;
  }
}

/** The directory as it is when what was told of every context after its first entry was lost. */
async function loseReports({ installation: { state } }: Setting, tenant: string): Promise<void> {
  const key = `${tenant}/dir/0`;
  const [row = ""] = await state.read([key]);
  const leaf = JSON.parse(Buffer.from(row, "base64").toString()) as { entries: [name: string, ...told: unknown[]][] };
  const entries = leaf.entries.map(([name]) => [name, 0, 0, null, false]);
  await state.write(key, Buffer.from(JSON.stringify({ ...leaf, entries })).toString("base64"));
}

export function tenants(the: () => Setting): void {
  test("tenant: creating one twice is creating it once", async () => {
    const { tenant, caller } = await the().newTenant("twice");
    expect(await caller.call(tenant, "tenant.create")).toEqual({ ok: true, tenant, created: false });
    expect(await caller.call(tenant, "tenant.list")).toEqual({ ok: true, contexts: [] });
  });

  test("tenant: one that does not exist has no contexts, no policy and no list, and its contexts cannot come to be", async () => {
    const { installation } = the();
    const caller = new Caller(installation, grantFor(installation.keyring, "nowhere"));
    expect(await caller.refused("nowhere", "tenant.list")).toMatchObject({ code: "not_found" });
    expect(await caller.refused("nowhere", "tenant.configure", { policy: {} })).toMatchObject({ code: "not_found" });
    expect(await caller.refused("nowhere.a", "append", { key: "k", items: texts(1) })).toMatchObject({ code: "not_found" });
    expect(await caller.refused("nowhere.a", "read")).toMatchObject({ code: "not_found" });
    expect(await installation.state.read(["nowhere/tenant", "nowhere/dir/0", "nowhere.a/keys", "nowhere.a/rec/1"])).toEqual(
      [1, 2, 3, 4].map(() => undefined),
    );
  });

  test("tenant: more contexts than a leaf of its directory holds are listed each once, in pages, by prefix and by state", async () => {
    const { installation, newTenant } = the();
    const { tenant, caller } = await newTenant("crowd");
    const names = Array.from({ length: MANY }, (_, n) => nameOf(shuffled(n)));
    // Every tenth is born; of the others the directory is told as hosts tell it, which is quicker.
    const born = names.filter((_, n) => n % 10 === 0);
    const at = installation.now();
    const reports = names.filter((_, n) => n % 10 !== 0).map((name) => ({ name, version: 1, at, expires: null, ended: false }));
    for (let n = 0; n < reports.length; n += 100) await caller.call(tenant, "tenant.register", { contexts: reports.slice(n, n + 100) });
    await Promise.all(born.map((name) => caller.call(`${tenant}.${name}`, "append", { key: "k", items: texts(1) })));
    const sorted = names.toSorted();
    for (const limit of [97, 1_000]) expect((await list(caller, tenant, { limit })).map(({ name }) => name)).toEqual(sorted);
    expect((await list(caller, tenant)).map(({ name }) => name)).toEqual(sorted);
    const fizz = sorted.filter((name) => name.startsWith("fizz"));
    expect((await list(caller, tenant, { prefix: "fizz" })).map(({ name }) => name)).toEqual(fizz);
    expect((await list(caller, tenant, { prefix: "fizz-00", limit: 3 })).map(({ name }) => name)).toEqual(fizz.slice(0, 34));
    expect((await list(caller, tenant, { prefix: "fizz-0003" })).map(({ name }) => name)).toEqual(["fizz-0003"]);
    expect(await list(caller, tenant, { prefix: "buzz" })).toEqual([]);
    expect((await list(caller, tenant, { after: "plain-0600" })).map(({ name }) => name)).toEqual(
      sorted.filter((name) => name > "plain-0600"),
    );
    expect((await list(caller, tenant, { state: "live", limit: 500 })).length).toBe(MANY);
    expect(await list(caller, tenant, { state: "expired" })).toEqual([]);
    expect(await list(caller, tenant, { state: "empty" })).toEqual([]);
  });

  test("tenant: its list says what is live and what has expired, and catches up with each version and its time", async () => {
    const { installation, newTenant } = the();
    const { tenant, caller } = await newTenant("states");
    for (const name of ["short", "long"]) await caller.call(`${tenant}.${name}`, "append", { key: "k", items: texts(1) });
    // Where nobody has appended there is nothing to list, whatever was asked.
    await caller.refused(`${tenant}.never`, "read");
    expect((await list(caller, tenant)).map(({ name, state }) => [name, state])).toEqual([
      ["long", "live"],
      ["short", "live"],
    ]);
    await caller.call(`${tenant}.short`, "configure", { key: "p", policy: { ttl: { ms: 1_000, from: "creation" } } });
    const { version, at } = await caller.call(`${tenant}.long`, "append", { key: "k2", items: texts(1) });
    await installation.until("the list tells the second version", async () => {
      const [long] = await list(caller, tenant, { prefix: "long" });
      return long?.version === version && long.at === at ? true : undefined;
    });
    await installation.until("the list tells the end", async () => {
      const before = await caller.unless("expired", `${tenant}.short`, "read");
      const [short] = await list(caller, tenant, { prefix: "short" });
      // The state is true: what a read before it found expired is expired in the list.
      if (before === undefined) expect(short?.state).toBe("expired");
      return short?.state === "expired" ? true : undefined;
    });
    expect((await list(caller, tenant, { state: "live" })).map(({ name }) => name)).toEqual(["long"]);
    expect((await list(caller, tenant, { state: "expired" })).map(({ name }) => name)).toEqual(["short"]);
  });

  test("tenant: contexts that cannot be read are listed as what is known of them, beside those that can, and told of in the log", async () => {
    const { installation, newTenant } = the();
    const { tenant, caller } = await newTenant("damaged");
    const names = ["buried", "cut", "record", "table", "whole"];
    for (const name of names) await caller.call(`${tenant}.${name}`, "append", { key: "k", items: texts(1) });
    // Until then their reminders would tell the directory again.
    await installation.until("nothing is left to do for any of them", async () => {
      const log = await installation.log();
      return names.every((name) => log.includes(`"a context was tended","id":"${tenant}.${name}","work":"clean"`)) ? true : undefined;
    });
    for (const name of names) await forget(the(), `${tenant}.${name}`);
    const { state } = installation;
    const keys = ["buried/rec/1", "cut/keys", "record/rec/1", "table/keys", "whole/keys"].map((key) => `${tenant}.${key}`);
    const rows = await state.read(keys);
    const damage = Buffer.from("not what was written here").toString("base64");
    for (const key of keys.slice(0, 3)) await state.write(key, damage);
    await state.write(`${tenant}.buried/tombstone`, damage);
    await state.write(`${tenant}.table/keys`, rows.at(-1) ?? "");
    // A report that was on its way may come after they were lost, also between the two lists; no new one follows it.
    const lists = await installation.until("the directory knows nothing of the damaged ones but their names", async () => {
      await loseReports(the(), tenant);
      const [all, live] = [await list(caller, tenant), await list(caller, tenant, { state: "live" })];
      return [...all, ...live].every(({ name, version }) => name === "whole" || version === 0) ? { all, live } : undefined;
    });
    expect(lists.all.map(({ name, state, version }) => [name, state, version])).toEqual([
      ["buried", "expired", 0],
      ["cut", "live", 0],
      ["record", "live", 0],
      ["table", "live", 0],
      ["whole", "live", 1],
    ]);
    expect(lists.live.map(({ name }) => name)).toEqual(["cut", "record", "table", "whole"]);
    const log = await installation.log();
    for (const name of ["buried", "cut", "record", "table"])
      expect(log).toMatch(new RegExp(`"a call failed","id":"${tenant}\\.${name}","doing":"list","code":"internal"`));
    // As good as before, so that nothing goes on failing.
    await state.drop(`${tenant}.buried/tombstone`);
    for (const [i, key] of keys.entries()) await state.write(key, rows[i] ?? "");
    expect((await list(caller, tenant)).map(({ name, state, version }) => [name, state, version])).toEqual(
      names.map((name) => [name, "live", 1]),
    );
  });
}
