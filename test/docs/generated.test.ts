import { expect, test } from "vitest";
import { z } from "zod";
import { Append, contextMethods, tenantMethods } from "../../protocol/contract.ts";
import { codes } from "../../protocol/errors.ts";
import { readJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { described } from "../../tools/docs/described.ts";
import { duration } from "../../tools/docs/limits.ts";
import { openApi } from "../../tools/docs/openapi.ts";
import { generatedPages, stalePages } from "../../tools/docs/pages.ts";
import { jsonSchema, methods } from "../../tools/docs/schemas.ts";

test("docs/generated says what the sources say; if not: npm run docs", () => {
  expect(stalePages()).toEqual([]);
});

test("a page that differs in one character is found to be stale", () => {
  const pages = new Map([...generatedPages()].map(([path, text]) => [path, `${text} `]));
  expect(stalePages(pages)).toEqual([...pages.keys()]);
});

test("every method has schemas of its body and its reply", () => {
  const all = [
    ...Object.keys(contextMethods).map((method) => `Context.${method}`),
    ...Object.keys(tenantMethods).map((method) => `Tenant.${method}`),
  ];
  expect(methods.map(({ actor, method }) => `${actor}.${method}`)).toEqual(all);
  const { $defs } = Definitions.parse(jsonSchema());
  for (const { request, reply } of methods) {
    expect($defs[request]?.type).toBe("object");
    expect($defs[request]?.required).toContain("grant");
    expect($defs[request]?.additionalProperties).toBe(false);
    expect($defs[reply]?.required).toContain("ok");
  }
});

test("every limit has a row", () => {
  const page = generatedPages().get("docs/generated/limits.md") ?? "";
  for (const limit of Object.keys(limits)) expect(page).toContain(`| \`${limit}\` |`);
});

test("a time is told in the longest unit in which it is whole, else in seconds", () => {
  const said = [60_000, 90_000, 100_000, 5_400_000, 7_200_000, 2_592_000_000, 61_500].map(duration);
  expect(said).toEqual(["1 min", "90 s", "100 s", "90 min", "2 h", "30 d", "61.5 s"]);
});

test("every reference leads to a schema, in the JSON Schema and in the OpenAPI document", () => {
  for (const document of [jsonSchema(), openApi("0")]) {
    const references = nodes(document).flatMap((node) => (typeof node.$ref === "string" ? [node.$ref] : []));
    expect(references.length).toBeGreaterThan(10);
    for (const reference of references) expect(lookUp(document, reference), reference).toBeTypeOf("object");
  }
});

const callersOwn = { keys: new Set(["value", "arguments", "meta"]), under: new Set(["set"]) };

for (const { actor, method } of methods) {
  test(`the example of ${actor}.${method} is taken by the schema that judges it, and by the JSON Schema made of it`, () => {
    const example = described[`${actor}.${method}`]?.example;
    const known: Readonly<Record<string, z.ZodType>> = actor === "Context" ? contextMethods : tenantMethods;
    const { grant: _grant, ...rest } = readJson(JSON.stringify(example), callersOwn) as { grant: string };
    expect(known[method]?.safeParse(rest).success).toBe(true);
    const made = madeOf(`${actor === "Tenant" ? "Tenant" : ""}${method.charAt(0).toUpperCase()}${method.slice(1)}Request`);
    expect(made.safeParse(example).success).toBe(true);
    expect(made.safeParse({ ...example, surprise: 1 }).success).toBe(false);
    expect(made.safeParse({ ...example, grant: undefined }).success).toBe(false);
  });
}

test("what the JSON Schema of append refuses, append refuses", () => {
  const made = madeOf("AppendRequest");
  const wrong = [
    { items: [] },
    { key: "", items: [] },
    { key: "a", items: [{ role: "wizard", content: "" }] },
    { key: "a", items: [{ role: "user", content: [{ type: "blob", mediaType: "a/b", base64: "*" }] }] },
    { key: "a", items: [], expect: -1 },
    { key: "a", items: [], set: { "no/slot": 1 } },
  ];
  for (const body of wrong) {
    expect(made.safeParse({ grant: "g", ...body }).success, JSON.stringify(body)).toBe(false);
    expect(Append.safeParse(readJson(JSON.stringify(body), callersOwn)).success).toBe(false);
  }
});

test("a refusal may have any of the closed list of codes, and no other", () => {
  const made = madeOf("Refused");
  for (const code of codes) expect(made.safeParse({ ok: false, code, message: "" }).success).toBe(true);
  expect(made.safeParse({ ok: false, code: "teapot", message: "" }).success).toBe(false);
});

const Definitions = z.looseObject({ $defs: z.record(z.string(), z.record(z.string(), z.unknown())) });

/** The published schema by this name, as something that judges. */
function madeOf(name: string): z.ZodType {
  return z.fromJSONSchema({ ...Definitions.parse(jsonSchema()), $ref: `#/$defs/${name}` } as z.core.JSONSchema.JSONSchema);
}

type Node = Readonly<Record<string, unknown>>;

function nodes(value: unknown): Node[] {
  if (typeof value !== "object" || value === null) return [];
  const below = Object.values(value).flatMap(nodes);
  return Array.isArray(value) ? below : [value as Node, ...below];
}

function lookUp(document: unknown, reference: string): unknown {
  const [base, ...path] = reference.split("/");
  expect(base).toBe("#");
  return path.reduce<unknown>((node, name) => (typeof node === "object" && node !== null ? (node as Node)[name] : undefined), document);
}
