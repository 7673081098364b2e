import { expect, test } from "vitest";
import { Claims } from "../../protocol/grant.ts";
import { ContextId, TenantId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { seededDie } from "./die.ts";

const key = (fill: number): Uint8Array => Buffer.alloc(32, fill);
const die = seededDie("keyring");
const keyring = new Keyring(new Map([[1, key(1)]]), die);
const tenant = TenantId.parse("main");
const other = TenantId.parse("other");
const id = ContextId.parse("main.desk-4");
const claims = Claims.parse({ v: 1, tenant, subject: "me", contexts: ["*"], methods: ["read"], expires: 2_000_000_000_000 });
const token = keyring.grants.mint(claims);

test("a grant that was minted here is genuine, and says what it was told to", () => {
  expect(keyring.grants.verify(tenant, token)).toEqual(claims);
  expect(keyring.grants.verify(tenant, token)).toEqual(claims);
  expect(keyring.grants.tenantOf(token)).toBe("main");
});

test("P1: a grant that was altered in any character is denied", () => {
  const alphabet = "ABab01-_.=";
  for (let at = 0; at < token.length; at++) {
    for (const character of alphabet) {
      const altered = `${token.slice(0, at)}${character}${token.slice(at + 1)}`;
      if (altered !== token) expect(keyring.grants.verify(tenant, altered), altered).toMatchObject({ ok: false, code: "denied" });
    }
  }
  for (const altered of [token.slice(0, -1), `${token}A`, `${token}\n`, ` ${token}`, token.toUpperCase(), "", "."])
    expect(keyring.grants.verify(tenant, altered), altered).toMatchObject({ ok: false, code: "denied" });
});

test("P2: claims that were widened do not fit the signature", () => {
  const [prefix, epoch, , signature] = token.split(".");
  const wider = Buffer.from(JSON.stringify({ ...claims, methods: ["*"] })).toString("base64url");
  expect(keyring.grants.verify(tenant, [prefix, epoch, wider, signature].join("."))).toMatchObject({ ok: false, code: "denied" });
});

test("P1: a grant of one tenant says nothing to another, even after it was found genuine for the first", () => {
  expect(keyring.grants.verify(tenant, token)).toEqual(claims);
  expect(keyring.grants.verify(other, token)).toMatchObject({ ok: false, code: "denied" });
});

test("P1: a grant for a tenant that was signed by another tenant's key is denied", () => {
  const foreign = keyring.grants.mint({ ...claims, tenant: other });
  expect(keyring.grants.verify(tenant, foreign)).toMatchObject({ ok: false, code: "denied" });
});

test("a grant outlives its epoch as long as that key is kept, and no longer", () => {
  const both = new Keyring(new Map([[1, key(1)], [2, key(2)]]), die); // biome-ignore format: one key a line says no more
  const late = both.grants.mint(claims);
  expect(both.epoch).toBe(2);
  expect(both.grants.verify(tenant, token)).toEqual(claims);
  expect(both.grants.verify(tenant, late)).toEqual(claims);
  const later = new Keyring(new Map([[2, key(2)]]), die);
  expect(later.grants.verify(tenant, token)).toMatchObject({ ok: false, message: expect.stringContaining("epoch that is gone") });
  expect(later.grants.verify(tenant, late)).toEqual(claims);
  expect(keyring.grants.verify(tenant, late)).toMatchObject({ ok: false, code: "denied" });
});

test("the epoch that a token names cannot be changed for another that is kept", () => {
  const both = new Keyring(new Map([[1, key(1)], [2, key(1)]]), die); // biome-ignore format: as above
  expect(both.grants.verify(tenant, token.replace("strata1.1.", "strata1.2."))).toMatchObject({ ok: false, code: "denied" });
});

test("a grant that is too long is denied before it is looked at", () => {
  expect(keyring.grants.verify(tenant, "x".repeat(limits.chars_per_token + 1))).toMatchObject({ ok: false, code: "denied" });
  expect(keyring.grants.tenantOf("x".repeat(limits.chars_per_token + 1))).toBe("-");
  expect(keyring.grants.tenantOf("not a token")).toBe("-");
});

test("a denial does not repeat what was sent", () => {
  for (const sent of ["SECRET", `${token}SECRET`, `strata1.1.${Buffer.from("SECRET").toString("base64url")}.SECRET`])
    expect(JSON.stringify(keyring.grants.verify(tenant, sent))).not.toContain("SECRET");
});

test("what was wrapped is opened by who has the key, for the same context and purpose", () => {
  const plain = Buffer.from("the keys of a context");
  const { epoch, sealed } = keyring.wrap(id, "the key table", plain);
  expect(epoch).toBe(1);
  expect(sealed.includes(plain)).toBe(false);
  expect(keyring.unwrap(id, "the key table", epoch, sealed)).toEqual(plain);
  const foreign = ContextId.parse("main.desk-5");
  expect(() => keyring.unwrap(foreign, "the key table", epoch, sealed)).toThrow("cannot be opened");
  expect(() => keyring.unwrap(ContextId.parse("other.desk-4"), "the key table", epoch, sealed)).toThrow("cannot be opened");
  expect(() => keyring.unwrap(id, "another purpose", epoch, sealed)).toThrow("cannot be opened");
  expect(() => keyring.unwrap(id, "the key table", 2, sealed)).toThrow("epoch 2 is gone");
});

test("what was wrapped and altered in any byte, cut or made longer is not opened", () => {
  const { sealed } = keyring.wrap(id, "x", Buffer.from("plain"));
  for (let at = 0; at < sealed.length; at++) {
    const altered = Buffer.from(sealed);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(() => keyring.unwrap(id, "x", 1, altered), String(at)).toThrow("cannot be opened");
  }
  for (let length = 0; length < sealed.length; length++)
    expect(() => keyring.unwrap(id, "x", 1, sealed.subarray(0, length)), String(length)).toThrow("cannot be opened");
  expect(() => keyring.unwrap(id, "x", 1, Buffer.concat([sealed, Buffer.of(0)]))).toThrow("cannot be opened");
});

test("root keys are one, or several by epoch", () => {
  const [one, two] = [key(1), key(2)].map((bytes) => Buffer.from(bytes).toString("base64"));
  expect([...parseRootKeys(`${one}\n`)]).toEqual([[1, key(1)]]);
  expect([...parseRootKeys(`3:${one}, 7:${two}`)]).toEqual([
    [3, key(1)],
    [7, key(2)],
  ]);
});

test("a root key that cannot be one is refused by its place, and never shown", () => {
  const good = Buffer.from(key(1)).toString("base64");
  for (const text of ["", "SECRET", `${good}SECRET`, good.slice(0, -2), `${good},`, `1:${good},1:${good}`, `x:${good}`, `-1:${good}`]) {
    expect(() => parseRootKeys(text), text).toThrow(/^\[invalid\] root key \d/);
    expect(messageOf(() => parseRootKeys(text))).not.toMatch(/SECRET|AQEB/);
  }
  expect(() => new Keyring(new Map(), die)).toThrow("[invalid]");
});

function messageOf(work: () => unknown): string {
  try {
    work();
    return "";
  } catch (reason) {
    return String(reason);
  }
}
