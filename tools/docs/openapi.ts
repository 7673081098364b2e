// The contract as OpenAPI 3.1.

import { codes } from "../../protocol/errors.ts";
import { limits } from "../../protocol/limits.ts";
import { type Described, described } from "./described.ts";
import { buildSchemas, type JsonSchema, type MethodSchemas, methods } from "./schemas.ts";

const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

export function openApi(version: string): JsonSchema {
  return {
    openapi: "3.1.1",
    info: {
      title: "Strata",
      version,
      summary: "Context infrastructure for AI agents, as virtual actors behind the Dapr HTTP API.",
      description: [
        "Every call is `PUT` or `POST` of JSON to an actor's method, at the callers' sidecar. The body holds the grant beside the method's arguments; unknown fields are refused.",
        "Status 200 carries Strata's answer: `ok: true` with the reply, or `ok: false` with one of the codes of `Refused`. Any other status means that the runtime failed, and a turn that changes something may or may not have happened: repeat it with the same key.",
        "Calls are judged in this order: size, JSON, grant, schema, decision.",
      ].join("\n\n"),
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    servers: [{ url: "http://127.0.0.1:3500", description: "the callers' sidecar, embedded (npm start) or Dapr's" }],
    tags: [
      { name: "Context", description: "One agent's context. Its id is `<tenant>.<name>`." },
      { name: "Tenant", description: "The unit of isolation, and the directory of its contexts. Its id is `<tenant>`." },
    ],
    paths: Object.fromEntries(methods.map((method) => [pathOf(method), pathItem(method)])),
    components: {
      schemas: buildSchemas((name) => `#/components/schemas/${name}`),
      parameters: {
        ContextId: idParameter("the context, `<tenant>.<name>`", "^[a-z0-9][a-z0-9-]{0,62}\\.[a-z0-9][a-z0-9-]{0,62}$", "main.desk-4"),
        TenantId: idParameter("the tenant", "^[a-z0-9][a-z0-9-]{0,62}$", "main"),
      },
      responses: {
        Runtime: { description: "The runtime could not deliver the call, or its answer. Nothing is known of what was asked for." },
      },
    },
  };
}

const idParameter = (description: string, pattern: string, example: string): JsonSchema => ({
  name: "id",
  in: "path",
  required: true,
  description,
  schema: { type: "string", pattern },
  example,
});

const pathOf = ({ actor, method }: MethodSchemas): string => `/v1.0/actors/${actor}/{id}/method/${method}`;

function pathItem(method: MethodSchemas): JsonSchema {
  return {
    parameters: [{ $ref: `#/components/parameters/${method.actor}Id` }],
    put: operation(method, "put"),
    post: operation(method, "post"),
  };
}

/** Both verbs do the same; the runtime makes a PUT of either. */
function operation(method: MethodSchemas, verb: "put" | "post"): JsonSchema {
  const name = `${method.actor}.${method.method}`;
  const words: Described | undefined = described[name];
  if (words === undefined) throw new Error(`tools/docs/described.ts has no words for ${name}`);
  return {
    operationId: verb === "put" ? name : `${name}.${verb}`,
    tags: [method.actor],
    summary: words.summary,
    description: words.description,
    ...(words.internal ? { "x-internal": true } : {}),
    requestBody: {
      required: true,
      description: `At most ${limits.bytes_per_body} bytes.`,
      content: { "application/json": { schema: ref(method.request), example: words.example } },
    },
    responses: {
      "200": {
        description: `The reply, or a refusal: ${codes.join(", ")}.`,
        content: { "application/json": { schema: { oneOf: [ref(method.reply), ref("Refused")] } } },
      },
      default: { $ref: "#/components/responses/Runtime" },
    },
  };
}
