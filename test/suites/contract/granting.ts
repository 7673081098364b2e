import { expect, test } from "vitest";
import type { Claims } from "../../../protocol/grant.ts";
import { Caller, grantFor, type Method, type Setting, texts } from "../caller.ts";

type Case = readonly [what: string, id: string, method: Method, grant: string];

const asks: Readonly<Record<string, object>> = {
  append: { key: "denied", items: texts(1) },
  read: {},
  history: {},
  diff: { from: 0, to: 1 },
  configure: { key: "denied", policy: { ttl: { ms: 1_000, from: "creation" } } },
  verify: {},
  fork: { key: "denied", to: "copy" },
  hold: { key: "denied", reason: "x" },
  release: { key: "denied", reason: "x" },
  erase: { key: "denied", reason: "x" },
  "tenant.create": {},
  "tenant.configure": { policy: { ttl: { ms: 1_000, from: "creation" } } },
  "tenant.list": {},
  "tenant.register": { contexts: [{ name: "forged", version: 1, at: 1, expires: null, ended: true }] },
};
const methods = Object.keys(asks) as Method[];

/** Every grant that does not do, for each method of a context or of its tenant. */
function unfit({ installation, tenant }: Setting, id: string): Case[] {
  const { keyring } = installation;
  const grant = (claims: Partial<Omit<Claims, "tenant">>, of = tenant) => grantFor(keyring, of, claims);
  const whole = grant({});
  const [head = "", epoch = "", payload = "", signature = ""] = whole.split(".");
  const raised = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload, "base64url").toString()), subject: "root" })).toString(
    "base64url",
  );
  return methods.flatMap((method): Case[] => {
    const at = method.startsWith("tenant.") ? tenant : id;
    const others = methods.filter((other) => other !== method) as Claims["methods"];
    const cases: [string, string][] = [
      ["another tenant's", grant({}, `${tenant}x`)],
      ["an expired one", grant({ expires: installation.now() - 1 })],
      ["one for all other methods", grant({ methods: others })],
      ["one for no method", grant({ methods: [] })],
      ["one with other claims under its signature", [head, epoch, raised, signature].join(".")],
      ["one that was cut short", whole.slice(0, -1)],
      ["one of another epoch", [head, "2", payload, signature].join(".")],
      ["no grant at all", ""],
    ];
    // A host's own business, which no caller has.
    if (method === "tenant.register") cases.push(["one for everything", grant({ methods: ["*"] })]);
    const ofContexts: [string, string][] = [
      ["one for other contexts", grant({ contexts: ["other", `${id.slice(id.indexOf(".") + 1)}x*`] })],
      ["one for no context", grant({ contexts: [] })],
    ];
    return [...cases, ...(method.startsWith("tenant.") ? [] : ofContexts)].map(([what, token]) => [what, at, method, token]);
  });
}

export function granting(the: () => Setting): void {
  test("P1: no method runs without a grant that allows it here and now, and nothing changes where it is denied", async () => {
    const { caller, name, installation, tenant } = the();
    const id = name("granted");
    await caller.call(id, "append", { key: "k", items: texts(2) });
    const before = [await caller.call(id, "read"), await caller.call(id, "history")];
    const cases = unfit(the(), id);
    for (const [what, at, method, grant] of cases) {
      const refusal = await new Caller(installation, grant).refused(at, method, asks[method] as Readonly<Record<string, unknown>>);
      expect(refusal, `${method} with ${what}`).toMatchObject({ code: "denied" });
      if (grant.length > 20) expect(refusal.message, `${method} with ${what}`).not.toContain(grant.slice(-20));
    }
    expect([await caller.call(id, "read", { fresh: true }), await caller.call(id, "history")]).toEqual(before);
    expect((await caller.call(tenant, "tenant.list", { prefix: "forged" })).contexts).toEqual([]);
    // Not even a name comes of it.
    const fresh = name("denied");
    const foreign = new Caller(installation, grantFor(installation.keyring, `${tenant}x`));
    await foreign.refused(fresh, "append", { key: "k", items: texts(1) });
    expect(await caller.refused(fresh, "read")).toMatchObject({ code: "not_found" });
    expect((await caller.call(tenant, "tenant.list", { prefix: fresh.slice(fresh.indexOf(".") + 1) })).contexts).toEqual([]);
  });

  test("P1: a token with one character changed, anywhere in it, is denied", async () => {
    const { caller, name, installation } = the();
    const id = name("altered");
    await caller.call(id, "append", { key: "k", items: texts(1) });
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const { grant } = caller;
    // Every place, and at the last one, whose bits are not all used, every character.
    const altered = [...grant].map((was, i) => grant.slice(0, i) + alphabet[(alphabet.indexOf(was) + 1) % 64] + grant.slice(i + 1));
    altered.push(...[...alphabet].filter((other) => !grant.endsWith(other)).map((other) => grant.slice(0, -1) + other));
    const codes = await Promise.all(altered.map(async (token) => (await new Caller(installation, token).refused(id, "read")).code));
    expect(codes.filter((code) => code !== "denied")).toEqual([]);
  });

  test("P1: a grant does what it says and no more: its methods, its contexts by name and by prefix, and its subject is the author", async () => {
    const { caller, name, installation, tenant } = the();
    const [one, two] = [name("own"), name("foreign")];
    const contexts = [one.slice(one.indexOf(".") + 1), `${two.slice(two.indexOf(".") + 1, -1)}*`];
    const reader = new Caller(installation, grantFor(installation.keyring, tenant, { methods: ["read"], contexts }));
    const writer = new Caller(
      installation,
      grantFor(installation.keyring, tenant, { methods: ["append", "history"], contexts, subject: "agent/7" }),
    );
    for (const id of [one, two]) {
      expect(await writer.call(id, "append", { key: "k", items: texts(1) })).toMatchObject({ version: 1 });
      expect(await reader.call(id, "read")).toMatchObject({ version: 1 });
      expect(await reader.refused(id, "append", { key: "k2", items: texts(1) })).toMatchObject({ code: "denied" });
      expect(await writer.refused(id, "read")).toMatchObject({ code: "denied" });
      expect((await writer.call(id, "history")).versions.map(({ author }) => author)).toEqual(["agent/7"]);
    }
    await caller.call(one, "append", { key: "k3", items: texts(1) });
    expect((await writer.call(one, "history")).versions.map(({ author }) => author)).toEqual(["suite", "agent/7"]);
    for (const method of ["tenant.create", "tenant.list"] as const)
      expect(await writer.refused(tenant, method), method).toMatchObject({ code: "denied" });
  });

  test("P1: who is denied is told so, whatever else is wrong with the call", async () => {
    const { name, installation } = the();
    const stranger = new Caller(installation, "strata1.1.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    expect(await stranger.refused(name("order"), "append", { nonsense: true })).toMatchObject({ code: "denied" });
    expect(await stranger.refused(name("order"), "fork", {})).toMatchObject({ code: "denied" });
    expect(await stranger.refused("NOT-AN-ID.x", "read")).toMatchObject({ code: "denied" });
  });
}
