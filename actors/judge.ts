// The order of judgement of every call: size, JSON, grant, and only then the schema (P1), to which it belongs that nothing of the
// contract's own could be read in two ways.

import { judge } from "../core/grant.ts";
import { type ContextMethod, contextMethods, laterMethods, type TenantMethod, tenantMethods } from "../protocol/contract.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import { explain } from "../protocol/explain.ts";
import { type Claims, type Grantable, grantable, ofHosts } from "../protocol/grant.ts";
import { ContextId, type ContextName, nameOf, TenantId, tenantOf } from "../protocol/ids.ts";
import { type JsonBounds, JsonError, type RawAt, readAmbiguousJson } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { laterPolicies } from "../protocol/policy.ts";
import type { Clock, Grants } from "./ports.ts";

/** Members whose source text is the caller's own and is kept as it came. */
const callersOwn: RawAt = { keys: new Set(["value", "arguments", "meta"]), under: new Set(["set"]) };
const bounds: JsonBounds = { values: limits.json_values_per_body, members: limits.json_members };
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type World = { readonly grants: Grants; readonly clock: Clock };
type Judged<M> = { readonly ok: true; readonly command: M; readonly claims: Claims };

/** A call of a context: its command and the claims it comes under, or why not. */
export function judgeContext(id: string, method: string, body: Uint8Array, world: World) {
  const parsed = ContextId.safeParse(id);
  const at = parsed.success ? { tenant: tenantOf(parsed.data), name: nameOf(parsed.data) } : undefined;
  const wrongId = parsed.success ? undefined : explain(parsed.error);
  return judgeCall(contextMethods, method as ContextMethod, (name) => name, at, wrongId, body, world);
}

/** A call of a tenant. */
export function judgeTenant(id: string, method: string, body: Uint8Array, world: World) {
  const parsed = TenantId.safeParse(id);
  const at = parsed.success ? { tenant: parsed.data, name: undefined } : undefined;
  const wrongId = parsed.success ? undefined : explain(parsed.error);
  return judgeCall(tenantMethods, method as TenantMethod, (name) => `tenant.${name}`, at, wrongId, body, world);
}

type Methods = typeof contextMethods | typeof tenantMethods;
type CommandOf<S extends Methods> = {
  [M in keyof S]: S[M] extends { parse(data: unknown): infer T } ? { readonly method: M } & T : never;
}[keyof S];

function judgeCall<S extends Methods>(
  methods: S,
  method: string & keyof S,
  grantName: (method: string) => string,
  at: { readonly tenant: TenantId; readonly name: ContextName | undefined } | undefined,
  wrongId: string | undefined,
  body: Uint8Array,
  world: World,
): Judged<CommandOf<S>> | Refusal {
  if (body.length > limits.bytes_per_body)
    return refuse("too_large", `the body has ${body.length} bytes; at most ${limits.bytes_per_body}`);
  const json = parseBody(body);
  if (!json.ok) return json;
  const { grant, ...rest } = typeof json.value === "object" && json.value !== null ? (json.value as { readonly grant?: unknown }) : {};
  if (typeof grant !== "string")
    return refuse("denied", 'grant: there is none; send {"grant": "strata1.…", …}. An operator mints one with: npm run grant -- mint');

  const claims = world.grants.verify(at?.tenant ?? world.grants.tenantOf(grant), grant);
  if ("ok" in claims) return claims;
  const asked = grantName(method);
  const known = Object.hasOwn(methods, method) || laterMethods.includes(method);
  const needed = known && isGrantable(asked) ? asked : undefined;
  // A method that does not exist needs no leave, but who asks must hold a grant that is good for this context now.
  const refused = judge(claims, needed, at?.tenant ?? claims.tenant, at?.name, world.clock.now());
  if (refused !== undefined) return refused;

  if (json.ambiguity !== undefined) return refuse("invalid", `body: ${json.ambiguity.message}`);
  if (wrongId !== undefined) return refuse("invalid", `id: ${wrongId}`);
  if (!Object.hasOwn(methods, method))
    return noMethod(
      method,
      Object.keys(methods).filter((name) => !isOfHosts(grantName(name))),
    );
  return parseArguments(methods, method, rest, claims, body.length);
}

function parseArguments<S extends Methods>(
  methods: S,
  method: string & keyof S,
  rest: object,
  claims: Claims,
  bytes: number,
): Judged<CommandOf<S>> | Refusal {
  const later = laterPolicy(rest);
  if (later !== undefined) return later;
  const schema = methods[method] as unknown as {
    safeParse(
      data: unknown,
      how: { reportInput: boolean; abortEarly: boolean },
    ): { success: true; data: object } | { success: false; error: Parameters<typeof explain>[0] };
  };
  // To find and word all that is wrong with 195,000 values takes half a second; of so large a body the first thing is told alone.
  const parsed = schema.safeParse(rest, { reportInput: true, abortEarly: bytes > limits.bytes_explained });
  if (!parsed.success) return refuse("invalid", explain(parsed.error));
  return { ok: true, command: { method, ...parsed.data } as CommandOf<S>, claims };
}

function parseBody(body: Uint8Array): ({ readonly ok: true } & ReturnType<typeof readAmbiguousJson>) | Refusal {
  try {
    return { ok: true, ...readAmbiguousJson(decoder.decode(body), callersOwn, bounds) };
  } catch (reason) {
    if (reason instanceof JsonError) return refuse(reason.tooLarge ? "too_large" : "invalid", `body: ${reason.message}`);
    return refuse("invalid", "body: not UTF-8; send JSON in UTF-8");
  }
}

function noMethod(method: string, callable: readonly string[]): Refusal {
  if (laterMethods.includes(method)) return refuse("invalid", `${method}: not available yet; there are ${callable.join(", ")}`);
  return refuse("invalid", `there is no such method; there are ${callable.join(", ")}`);
}

function laterPolicy(rest: object): Refusal | undefined {
  const policy: unknown = "policy" in rest ? rest.policy : undefined;
  const later =
    typeof policy === "object" && policy !== null ? Object.keys(policy).find((field) => laterPolicies.includes(field)) : undefined;
  return later === undefined ? undefined : refuse("invalid", `policy.${later}: not available yet; there is ttl`);
}

const isOfHosts = (name: string): boolean => (ofHosts as readonly string[]).includes(name);
const isGrantable = (name: string): name is Grantable => (grantable as readonly string[]).includes(name);
