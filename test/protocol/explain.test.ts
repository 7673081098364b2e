import fc from "fast-check";
import { expect, test } from "vitest";
import type { z } from "zod";
import { contextMethods, tenantMethods } from "../../protocol/contract.ts";
import { explain } from "../../protocol/explain.ts";
import { Claims } from "../../protocol/grant.ts";
import { ContextId, TenantId } from "../../protocol/ids.ts";
import { RawJson } from "../../protocol/json.ts";
import { described } from "../../tools/docs/described.ts";

/** No name has a blank in it, so this may never be shown. */
const MARK = "S3CR3T mark";

const schemas: readonly (readonly [string, z.ZodType])[] = [
  ...Object.entries(contextMethods).map(([name, schema]) => [`Context.${name}`, schema] as const),
  ...Object.entries(tenantMethods).map(([name, schema]) => [`Tenant.${name}`, schema] as const),
];

/** Values that are likely to be wrong in an interesting place. */
const marked = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(MARK),
    fc.string().map((text) => `${MARK}${text}`),
    fc.constantFrom(RawJson.from(MARK), RawJson.from({ [MARK]: MARK }), null, 1, -1, 1.5, true, [], {}),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(MARK, "role", "content", "type", "text", "items", "value", "id", "ms", "from", "contexts"), tie("value")),
  ),
})).value;

for (const [name, schema] of schemas) {
  test(`what ${name} refuses is not quoted, wherever it stands`, () => {
    const example = { ...described[name]?.example };
    fc.assert(
      fc.property(marked, fc.constantFrom(...Object.keys(example), MARK), fc.infiniteStream(fc.nat()), (value, field, path) => {
        for (const body of [{ ...example, [field]: value }, planted(example, value, path)]) {
          const parsed = schema.safeParse(body, { reportInput: true });
          if (parsed.success) continue;
          const message = explain(parsed.error);
          expect(message).not.toContain("S3CR3T");
          expect(message.length).toBeGreaterThan(0);
          expect(message.length).toBeLessThan(3_000);
        }
      }),
      { numRuns: 500 },
    );
  });
}

/** `tree` with `value` somewhere inside, where the numbers of `path` lead. */
function planted(tree: unknown, value: unknown, path: Iterator<number>): unknown {
  if (typeof tree !== "object" || tree === null || tree instanceof RawJson) return value;
  const keys = Object.keys(tree);
  const key = keys[(path.next().value ?? 0) % (keys.length + 1)];
  if (key === undefined) return value;
  const changed = Object.entries(tree).map(([name, member]) => [name, name === key ? planted(member, value, path) : member] as const);
  return Array.isArray(tree) ? changed.map(([, member]) => member) : Object.fromEntries(changed);
}

const said = (schema: z.ZodType, value: unknown): string => {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) throw new Error("this was taken");
  return explain(parsed.error);
};

test("a message says where, what was seen, and what is allowed", () => {
  const { append, read, configure } = contextMethods;
  const item = { role: "user", content: "hello" };
  expect(said(append, { key: "k", items: [item, { ...item, role: "wizard" }] })).toMatch(/^items\.1\.role: .*"system"/);
  expect(said(append, { key: "k", items: [item], mood: "good" })).toBe("unknown field mood; there are key, items, set, expect");
  expect(said(append, { key: "k", items: [{ ...item, [MARK]: 1 }] })).toBe(
    "items.0: unknown field (a name that is not shown); there are role, content, labels, subjects, meta",
  );
  expect(said(append, { key: "k".repeat(257), items: [] })).toMatch(/^key: .*<=256 .*\(seen: a text of 257 characters\)$/);
  expect(said(append, { key: "k", items: Array(1_001).fill(item) })).toMatch(/^items: .*<=1000 .*\(seen: 1001 elements\)$/);
  expect(said(tenantMethods.create, { name: "x" })).toBe("unknown field name; there are none");
  expect(said(append, { items: [item] })).toMatch(/^key: /);
  expect(said(append, { key: "k", items: "none" })).toMatch(/^items: .*array/);
  expect(said(append, { key: "k", items: [{ role: "user", content: [{ type: "text", text: 1 }] }] })).toMatch(
    /^items\.0\.content\.0\.text: /,
  );
  expect(said(append, { key: "k", items: [], set: { "a/b": RawJson.from(1) } })).toMatch(
    /^set\.\(a name that is not shown\): a slot's name is /,
  );
  expect(said(read, { at: "yesterday" })).toMatch(/^at: .*ISO 8601.*\(seen: a text of 9 characters\)$/);
  expect(said(read, { at: 0 })).toMatch(/^at: .*>=1 \(seen: 0\)$/);
  expect(said(read, { limit: 0 })).toMatch(/^limit: .*1/);
  expect(said(configure, { key: "k", policy: { ttl: { ms: 1, from: "birth" } } })).toMatch(/policy\.ttl\.ms: .*1000.*policy\.ttl\.from: /);
  expect(said(ContextId, "Main.a")).toMatch(/^a context's id is <tenant>\.<name>/);
  expect(said(TenantId, "../x")).toMatch(/^a tenant is 1 to 63/);
  expect(said(Claims, { v: 1 })).toContain("tenant: ");
});

test("of many findings the first are told, and how many more there are", () => {
  const items = Array.from({ length: 9 }, () => ({ role: "wizard", content: "" }));
  expect(said(contextMethods.append, { key: "k", items })).toMatch(/; and 4 more$/);
});
