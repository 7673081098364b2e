import { expect, test } from "vitest";
import { judgeContext, judgeTenant } from "../../actors/judge.ts";
import type { Clock } from "../../actors/ports.ts";
import { Claims } from "../../protocol/grant.ts";
import { RawJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { instant, millis } from "../../protocol/units.ts";
import { Keyring } from "../../stores/keyring.ts";
import { seededDie } from "../stores/die.ts";

const NOW = 1_800_000_000_000;
const { grants } = new Keyring(new Map([[1, Buffer.alloc(32, 1)]]), seededDie("judge"));
const clock: Clock = { now: () => instant(NOW), elapsed: () => millis(0), sleep: async () => {} };
const world = { grants, clock };

const mint = (more: Partial<Record<keyof Claims, unknown>> = {}): string =>
  grants.mint(Claims.parse({ v: 1, tenant: "main", subject: "me", contexts: ["*"], methods: ["*"], expires: NOW + 1, ...more }));
const grant = mint();
const good = { key: "k", items: [{ role: "user", content: "hello" }] };

const bytesOf = (body: unknown): Uint8Array => new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));

function judged(body: unknown, { id = "main.desk-4", method = "append" } = {}): string {
  const verdict = judgeContext(id, method, body instanceof Uint8Array ? body : bytesOf(body), world);
  return verdict.ok ? "ok" : `${verdict.code}: ${verdict.message}`;
}

test("a good call is a command, with the claims that it comes under", () => {
  const verdict = judgeContext("main.desk-4", "append", bytesOf({ grant, ...good }), world);
  expect(verdict).toMatchObject({ ok: true, command: { method: "append", key: "k" }, claims: { subject: "me" } });
  expect(JSON.stringify(verdict)).not.toContain(grant);
});

/** What may be wrong with a call, in the order in which it is judged. Each stands for all that come after it. */
const tooLarge = new Uint8Array(limits.bytes_per_body + 1);
const order: readonly (readonly [what: string, code: RegExp, body: unknown])[] = [
  ["its size", /^too_large: .*8388609 bytes; at most 8388608/, tooLarge],
  ["its encoding", /^invalid: body: not UTF-8/, Uint8Array.of(0x7b, 0xff)],
  ["its JSON", /^invalid: body: not JSON/, `{"grant":"${grant}"`],
  ["its JSON, before a grant that is missing", /^invalid: body: /, "{"],
  ["a grant that is missing", /^denied: grant: there is none/, { ...good, surprise: 1 }],
  ["a grant that is no text", /^denied: /, { grant: 17, surprise: 1 }],
  ["a grant that is not genuine", /^denied: /, { grant: `${grant.slice(0, -1)}_`, surprise: 1 }],
  [
    "a grant that is not genuine, of what could be read in two ways",
    /^denied: /,
    `{"grant":"${grant.slice(0, -1)}_","expect":-0,"a":1,"a":2}`,
  ],
  ["a grant that is for another method", /^denied: .*does not allow append/, { grant: mint({ methods: ["read"] }), surprise: 1 }],
  ["a grant that is for another context", /^denied: .*does not reach/, { grant: mint({ contexts: ["other"] }), surprise: 1 }],
  ["a grant that has expired", /^denied: .*expired/, { grant: mint({ expires: NOW }), surprise: 1 }],
  [
    "what could be read in two ways",
    /^invalid: body: .*the same field twice/,
    `{"grant":"${grant}","surprise":1,"surprise":1,"key":"\\u0000"}`,
  ],
  ["its fields", /^invalid: unknown field surprise/, { grant, ...good, surprise: 1 }],
];

for (const [what, code, body] of order) {
  test(`P1: a call is judged by ${what} before all that comes later`, () => {
    expect(judged(body)).toMatch(code);
  });
}

test("a body that is no object has no grant", () => {
  for (const body of ["[]", "1", "null", '"strata1"', '[{"grant":"x"}]']) expect(judged(body)).toMatch(/^denied/);
});

test("a body that begins with a byte order mark is no JSON", () => {
  expect(judged(`\ufeff${JSON.stringify({ grant, ...good })}`)).toMatch(/^invalid: body: not JSON.*character 0/);
});

test("bytes that are no UTF-8 are refused wherever they stand", () => {
  const body = bytesOf({ grant, ...good, key: "@" });
  const at = body.indexOf("@".charCodeAt(0));
  for (const wrong of [0x80, 0xc0, 0xff, 0xed]) {
    const altered = Uint8Array.from(body);
    altered[at] = wrong;
    expect(judged(altered)).toMatch(/^invalid: body: not UTF-8/);
  }
});

test("the contract's own fields refuse what the caller's own values keep", () => {
  const awkward = ['{"__proto__":1}', '{"a":1,"a":2}', "-0", "1e999", '"\\ud800"', '"\\u0000"', "12345678901234567890"];
  for (const text of awkward) {
    const item = `{"role":"note","content":[{"type":"json","value":${text}}],"meta":{"x":${text}}}`;
    const body = `{"grant":"${grant}","key":"k","items":[${item}],"set":{"slot":${text}}}`;
    const verdict = judgeContext("main.desk-4", "append", bytesOf(body), world);
    if (!verdict.ok || verdict.command.method !== "append") throw new Error(`${text} was refused: ${JSON.stringify(verdict)}`);
    expect(verdict.command.set?.slot).toEqual(RawJson.trusted(text));
    expect(verdict.command.items[0]?.meta).toEqual(RawJson.trusted(`{"x":${text}}`));
    const own = `{"grant":"${grant}","key":"k","items":[],"expect":${text}}`;
    expect(judged(own), text).toMatch(/^invalid/);
  }
});

test("in text, NUL and lone surrogates are refused, and the message says where they may stand", () => {
  for (const text of ['"\\u0000"', '"\\ud800"', '"\\udc00x"'])
    expect(judged(`{"grant":"${grant}","key":"k","items":[{"role":"user","content":${text}}]}`)).toMatch(
      /^invalid: .*a json part keeps it/,
    );
});

test("a refusal repeats nothing of what was sent", () => {
  const mark = "S3CR3T mark";
  const bodies: unknown[] = [
    mark,
    `{"${mark}":1`,
    { grant: mark },
    { grant, [mark]: mark },
    { grant, ...good, key: [mark] },
    { grant, ...good, items: mark },
  ];
  for (const body of bodies) expect(judged(body)).not.toContain("S3CR3T");
});

test("a method that is not there says which are, and only to who holds a grant", () => {
  for (const method of ["nothing", "Append", "__proto__", "constructor", "toString", "remind", ""]) {
    expect(judged({ grant, ...good }, { method })).toMatch(/^invalid: there is no such method; there are append, read, /);
    expect(judged(good, { method })).toMatch(/^denied/);
    expect(judged({ grant: mint({ contexts: ["other"] }), ...good }, { method })).toMatch(/^denied/);
  }
});

test("methods and policies of the contract that are not there yet say so", () => {
  for (const method of ["fork", "hold", "release", "erase"]) {
    expect(judged({ grant, key: "k" }, { method })).toMatch(new RegExp(`^invalid: ${method}: not available yet`));
    expect(judged({ grant: mint({ methods: ["read"] }), key: "k" }, { method })).toMatch(/^denied/);
  }
  for (const field of ["retention", "tiers", "limits", "audit"])
    expect(judged({ grant, key: "k", policy: { [field]: {} } }, { method: "configure" })).toMatch(
      /^invalid: policy\.\w+: not available yet/,
    );
});

/** Look-alikes and tricks; the first letter of the last is Cyrillic. */
const wrongIds = [
  "main",
  "main.",
  ".desk",
  "main.a.b",
  "Main.a",
  "main.A",
  "main.-a",
  "main.a b",
  "main.a/b",
  "main.a\\b",
  "main.a#b",
  "main.a?b",
  "main.a%2e",
];
const tooLong = `main.${"a".repeat(limits.chars_per_name + 1)}`;

test("an id that is none is refused with its form, to who holds a grant; without one nothing is told", () => {
  for (const id of [...wrongIds, "main.a|b", "main...", "main.\u0430", "main.a\n", "__proto__", tooLong, ""]) {
    expect(judged({ grant, ...good }, { id }), id).toMatch(/^invalid: id: a context's id is <tenant>\.<name>/);
    expect(judged(good, { id }), id).toMatch(/^denied/);
  }
  expect(judged({ grant, ...good }, { id: `main.${"a".repeat(limits.chars_per_name)}` })).toBe("ok");
});

test("P1: a grant of one tenant does not reach the contexts of another", () => {
  expect(judged({ grant, ...good }, { id: "other.desk-4" })).toMatch(/^denied/);
});

function judgedTenant(body: object, method: string, id = "main"): string {
  const verdict = judgeTenant(id, method, bytesOf(body), world);
  return verdict.ok ? "ok" : `${verdict.code}: ${verdict.message}`;
}

test("P1: methods of a tenant have names of their own in a grant", () => {
  expect(judgedTenant({ grant: mint({ methods: ["tenant.list"] }) }, "list")).toBe("ok");
  expect(judgedTenant({ grant: mint({ methods: ["configure", "read"] }), policy: {} }, "configure")).toMatch(
    /^denied: .*tenant\.configure/,
  );
  expect(judgedTenant({ grant: mint({ methods: ["tenant.configure"] }), policy: {} }, "configure")).toBe("ok");
  expect(judged({ grant: mint({ methods: ["tenant.configure"] }), key: "k", policy: {} }, { method: "configure" })).toMatch(/^denied/);
  expect(judgedTenant({ grant }, "list", "other")).toMatch(/^denied/);
  expect(judgedTenant({ grant }, "list", "Main")).toMatch(/^invalid: id: a tenant is/);
  expect(judgedTenant({ grant }, "append")).toMatch(/^invalid: there is no such method; there are create, /);
});

test("of a large body that its schema does not allow the first thing is told alone: to word all of them would hold up everybody", () => {
  const wrong = (parts: number) => ({ grant, key: "k", items: [{ role: "user", content: Array.from({ length: parts }, () => 1) }] });
  const told = (parts: number): string => {
    const verdict = judgeContext("main.desk-4", "append", bytesOf(wrong(parts)), world);
    return verdict.ok ? "ok" : verdict.message;
  };
  expect(told(100)).toMatch(/^items\.0\.content\.0: .*; and 95 more$/);
  const items = Array.from({ length: 900 }, () => wrong(200).items[0]);
  const large = judgeContext("main.desk-4", "append", bytesOf({ ...wrong(1), items }), world);
  expect(large).toMatchObject({ code: "invalid", message: expect.stringMatching(/^items\.0\.content\.0: [^;]*$/) });
});
