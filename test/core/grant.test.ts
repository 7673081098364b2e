import { expect, test } from "vitest";
import { judge } from "../../core/grant.ts";
import { Claims, type Grantable } from "../../protocol/grant.ts";
import { ContextName, TenantId } from "../../protocol/ids.ts";
import { instant } from "../../protocol/units.ts";

const tenant = TenantId.parse("main");
const claims = (more: Partial<Record<keyof Claims, unknown>> = {}): Claims =>
  Claims.parse({ v: 1, tenant, subject: "me", contexts: ["desk-4", "shop-*"], methods: ["read", "append"], expires: 1_000, ...more });

type Asked = {
  readonly method?: Grantable | undefined;
  readonly tenant?: string;
  readonly name?: string | undefined;
  readonly now?: number;
};

function decided(given: Claims, asked: Asked): string {
  const { method = "read", now = 999 } = asked;
  const name = "name" in asked ? asked.name : "desk-4";
  const refused = judge(
    given,
    "method" in asked ? asked.method : method,
    TenantId.parse(asked.tenant ?? "main"),
    name === undefined ? undefined : ContextName.parse(name),
    instant(now),
  );
  return refused === undefined ? "allowed" : `${refused.code}: ${refused.message}`;
}

test("P1: a grant allows its methods on its contexts until it expires", () => {
  expect(decided(claims(), {})).toBe("allowed");
  expect(decided(claims(), { method: "append", name: "shop-" })).toBe("allowed");
  expect(decided(claims(), { method: "append", name: "shop-17" })).toBe("allowed");
});

test("P1: everything else is denied, and told why", () => {
  expect(decided(claims(), { tenant: "other" })).toMatch(/^denied: .*for tenant \w+, not other/);
  expect(decided(claims(), { now: 1_000 })).toMatch(/^denied: .*expired at 1970-01-01T00:00:01.000Z/);
  expect(decided(claims(), { method: "configure" })).toMatch(/^denied: .*configure; it allows read, append/);
  for (const name of ["desk-40", "desk-", "desk", "shop", "a-shop-1"])
    expect(decided(claims(), { name })).toMatch(/^denied: .*this context; it reaches \S/);
});

test("a star alone stands for all contexts, and * for all methods", () => {
  expect(decided(claims({ contexts: ["*"] }), { name: "anything" })).toBe("allowed");
  expect(decided(claims({ methods: ["*"] }), { method: "configure" })).toBe("allowed");
  expect(decided(claims({ methods: ["*"], contexts: ["*"] }), { method: "tenant.configure", name: undefined })).toBe("allowed");
});

test("P1: what hosts tell each other is no caller's to say, be its grant * on *", () => {
  expect(decided(claims({ methods: ["*"], contexts: ["*"] }), { method: "tenant.register", name: undefined })).toMatch(
    /^denied: tenant\.register is what hosts tell each other/,
  );
  expect(decided(claims({ methods: ["tenant.register"], contexts: [] }), { method: "tenant.register", name: undefined })).toBe("allowed");
});

test("P1: a grant for some contexts does not rule the tenant, be its methods *", () => {
  for (const contexts of [["desk-*"], [], ["desk-4"]])
    for (const method of ["tenant.configure", "tenant.list", "tenant.create"] as const)
      expect(decided(claims({ methods: ["*"], contexts }), { method, name: undefined })).toMatch(/^denied: .*it allows \* of contexts$/);
});

test("a grant without contexts or methods allows nothing, and cannot be told to by a name that is a star", () => {
  expect(decided(claims({ contexts: [] }), {})).toMatch(/^denied/);
  expect(decided(claims({ methods: [] }), {})).toMatch(/it allows nothing$/);
  expect(Claims.safeParse({ ...claims(), contexts: ["a*b"] }).success).toBe(false);
  expect(Claims.safeParse({ ...claims(), contexts: ["**"] }).success).toBe(false);
});

test("methods of the tenant need no context, but their own name", () => {
  expect(decided(claims({ methods: ["tenant.list"], contexts: [] }), { method: "tenant.list", name: undefined })).toBe("allowed");
  expect(decided(claims({ methods: ["read"] }), { method: "tenant.list", name: undefined })).toMatch(/^denied/);
});

test("where no method is asked, tenant, time and context are still judged", () => {
  expect(decided(claims(), { method: undefined })).toBe("allowed");
  expect(decided(claims(), { method: undefined, name: "other" })).toMatch(/^denied/);
  expect(decided(claims(), { method: undefined, now: 1_000 })).toMatch(/^denied/);
});
