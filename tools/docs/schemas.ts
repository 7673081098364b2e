// The contract as JSON Schema 2020-12, made of the zod schemas that judge every call.

import { z } from "zod";
import { contextMethods, DirectoryState, Grant, Refused, replies, tenantMethods } from "../../protocol/contract.ts";
import { Claims } from "../../protocol/grant.ts";
import { BlobPart, Item, JsonPart, TextPart, ToolCallPart, ToolResultPart } from "../../protocol/item.ts";
import { Policy, Ttl } from "../../protocol/policy.ts";

export type JsonSchema = { readonly [key: string]: unknown };

/** Schemas that others refer to by name. */
const parts = {
  Item,
  TextPart,
  JsonPart,
  ToolCallPart,
  ToolResultPart,
  BlobPart,
  Policy,
  Ttl,
  DirectoryState,
  Refused,
  /** What stands in a grant, between its second and third dot, as base64url of JSON. */
  GrantClaims: Claims,
} as const;

export type MethodSchemas = {
  readonly actor: "Context" | "Tenant";
  readonly method: string;
  /** Names of the schemas of its body, with the grant, and of its reply where it is not refused. */
  readonly request: string;
  readonly reply: string;
};

const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

export const methods: readonly MethodSchemas[] = [
  ...Object.keys(contextMethods).map((method): MethodSchemas => named("Context", method, capital(method))),
  ...Object.keys(tenantMethods).map((method): MethodSchemas => named("Tenant", method, `Tenant${capital(method)}`)),
];

function named(actor: MethodSchemas["actor"], method: string, name: string): MethodSchemas {
  return { actor, method, request: `${name}Request`, reply: `${name}Reply` };
}

/** All schemas by name. `refer` writes how one refers to another. */
export function buildSchemas(refer: (name: string) => string): Record<string, JsonSchema> {
  const inputs = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(parts)) inputs.add(schema, { id });
  for (const { actor, method, request } of methods) inputs.add(argumentsOf(actor, method).extend({ grant: Grant }), { id: request });
  for (const { actor, method, reply } of methods) inputs.add(replyOf(actor, method), { id: reply });
  const { schemas } = z.toJSONSchema(inputs, { target: "draft-2020-12", unrepresentable: "any", uri: refer });
  return Object.fromEntries(
    Object.entries(schemas)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, schema]) => [name, withoutMarks(schema)]),
  );
}

function argumentsOf(actor: MethodSchemas["actor"], method: string): z.ZodObject {
  const known: Readonly<Record<string, z.ZodObject>> = actor === "Context" ? contextMethods : tenantMethods;
  return found(known[method], `${actor}.${method}`);
}

function replyOf(actor: MethodSchemas["actor"], method: string): z.ZodObject {
  const known: Readonly<Record<string, z.ZodObject>> = replies;
  return found(known[actor === "Context" ? method : `tenant.${method}`], `the reply of ${actor}.${method}`);
}

function found<T>(schema: T | undefined, what: string): T {
  if (schema === undefined) throw new Error(`protocol/contract.ts has no schema for ${what}`);
  return schema;
}

/** Inside one document a schema is known by its place, not by an address of its own. */
function withoutMarks(schema: JsonSchema): JsonSchema {
  const { $schema: _dialect, $id: _address, id: _name, ...rest } = schema;
  return rest;
}

export function jsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Strata: arguments and replies of every method",
    description:
      "Made from protocol/contract.ts by `npm run docs`. Where a schema is empty, any JSON value goes, and its source text is kept.",
    $defs: buildSchemas((name) => `#/$defs/${name}`),
  };
}
