// The OpenAPI document, held to the parts of the specification (3.1.1) that it uses. Every object is strict, so that a misspelt field is found.

import { expect, test } from "vitest";
import { z } from "zod";
import { openApi } from "../../tools/docs/openapi.ts";
import { methods } from "../../tools/docs/schemas.ts";

const Reference = z.strictObject({ $ref: z.string().startsWith("#/components/") });
const Schema = z.record(z.string(), z.unknown());
const MediaType = z.strictObject({ schema: Schema, example: z.unknown().optional() });
const Content = z.strictObject({ "application/json": MediaType });
const Response = z.union([Reference, z.strictObject({ description: z.string().min(1), content: Content.optional() })]);
const Operation = z.strictObject({
  operationId: z.string().regex(/^[A-Za-z.]+$/),
  tags: z.array(z.string()).min(1),
  summary: z.string().min(1),
  description: z.string().min(1),
  "x-internal": z.literal(true).optional(),
  requestBody: z.strictObject({ required: z.literal(true), description: z.string(), content: Content }),
  responses: z.record(z.string().regex(/^([1-5]\d\d|default)$/), Response),
});
const PathItem = z.strictObject({ parameters: z.array(Reference), put: Operation, post: Operation });
const Parameter = z.strictObject({
  name: z.string(),
  in: z.literal("path"),
  required: z.literal(true),
  description: z.string(),
  schema: Schema,
  example: z.unknown(),
});
const named = <T extends z.ZodType>(value: T) => z.record(z.string().regex(/^[A-Za-z0-9._-]+$/), value);
const Document = z.strictObject({
  openapi: z.literal("3.1.1"),
  info: z.strictObject({
    title: z.string(),
    version: z.string(),
    summary: z.string(),
    description: z.string(),
    license: z.strictObject({ name: z.string(), identifier: z.string() }),
  }),
  jsonSchemaDialect: z.url(),
  servers: z.array(z.strictObject({ url: z.url(), description: z.string() })).min(1),
  tags: z.array(z.strictObject({ name: z.string(), description: z.string() })),
  paths: z.record(z.string().startsWith("/"), PathItem),
  components: z.strictObject({ schemas: named(Schema), parameters: named(Parameter), responses: named(Response) }),
});

const document = Document.parse(openApi("1.2.3"));
const operations = Object.values(document.paths).flatMap(({ put, post }) => [put, post]);

test("the document has a path for every method, and an operation for both verbs", () => {
  expect(Object.keys(document.paths)).toEqual(methods.map(({ actor, method }) => `/v1.0/actors/${actor}/{id}/method/${method}`));
});

test("no two operations have the same id", () => {
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test("every tag of an operation is declared", () => {
  const declared = document.tags.map(({ name }) => name);
  for (const { tags } of operations) for (const tag of tags) expect(declared).toContain(tag);
});

test("each parameter of a path is declared, and its example fits its pattern", () => {
  for (const [path, { parameters }] of Object.entries(document.paths)) {
    const declared = parameters.map(({ $ref }) => document.components.parameters[$ref.split("/").at(-1) ?? ""]);
    expect(declared.map((parameter) => parameter?.name)).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  }
  for (const { schema, example } of Object.values(document.components.parameters))
    expect(String(example)).toMatch(new RegExp(String(schema.pattern)));
});

test("every component is referred to from a path, or from another component", () => {
  const text = JSON.stringify(document);
  const unused = Object.keys(document.components.schemas).filter((name) => !text.includes(`"#/components/schemas/${name}"`));
  expect(unused).toEqual(["GrantClaims"]);
});
