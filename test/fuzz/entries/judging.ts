// The judge: what stands between a caller's bytes and everything else.

import fc from "fast-check";
import { judgeContext, judgeTenant } from "../../../actors/judge.ts";
import { JsonError, RawJson, readJson, writeJson } from "../../../protocol/json.ts";
import { limits } from "../../../protocol/limits.ts";
import { makeMemoryWorld } from "../../support/memory-ports.ts";
import { CONTEXT, grantOf, TENANT, validCall, validCalls } from "../calls.ts";
import { entry, must } from "../entry.ts";
import { mustBeRefusal } from "../envelope.ts";
import { type Change, type Cut, changes, cut, cuts, mutate } from "../mutations.ts";
import { bytesAsBase64, oddJson, oddText } from "../texts.ts";

const { keyring, clock } = makeMemoryWorld();
const world = { grants: keyring.grants, clock };
const grant = grantOf(keyring);

function judge(id: string, method: string, body: Uint8Array): void {
  const ofTenant = method.startsWith("tenant.");
  const judged = ofTenant ? judgeTenant(id, method.slice("tenant.".length), body, world) : judgeContext(id, method, body, world);
  if (!judged.ok) return mustBeRefusal(judged, ["invalid", "denied", "too_large"]);
  must(judged.claims.subject === "fuzz", "a call was judged to be somebody else's");
  must(judged.command.method === (ofTenant ? method.slice("tenant.".length) : method), "a call was judged to be another");
}

export const judgeBytes = entry<{ readonly bytes: string; readonly at: number }>({
  name: "judge-bytes",
  what: "any bytes, as the body of any call: refused, never thrown at",
  cases: 14_000,
  arbitrary: fc.record({
    bytes: fc.oneof(
      bytesAsBase64(200),
      oddJson.map((text) => Buffer.from(text).toString("base64")),
    ),
    at: validCall,
  }),
  check: ({ bytes, at }) => {
    const method = validCalls[at]?.[0] ?? "read";
    judge(method.startsWith("tenant.") ? TENANT : CONTEXT, method, Buffer.from(bytes, "base64"));
  },
});

/** `granted`: the grant beside it is left as it is. */
export type Mutated = { readonly at: number; readonly granted: boolean; readonly changes: Change[]; readonly cuts: Cut[] };
export const mutated: fc.Arbitrary<Mutated> = fc.record({
  at: validCall,
  granted: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  changes: changes(4),
  cuts,
});

export function bodyOf(args: object, grant: string, { granted, changes, cuts }: Mutated): Buffer {
  const whole = granted
    ? mutate(args, changes).replace(/^\{(.?)/s, (_, next) => `{"grant":"${grant}"${next === "}" ? "" : ","}${next}`)
    : mutate({ grant, ...args }, changes);
  return cut(Buffer.from(whole), cuts);
}

export const judgeBodies = entry<Mutated>({
  name: "judge-bodies",
  what: "valid calls with changed fields, values and bytes: taken or refused, and nothing of them shown",
  cases: 28_000,
  arbitrary: mutated,
  check: (one) => {
    const [method = "read", args = {}] = validCalls[one.at] ?? [];
    judge(method.startsWith("tenant.") ? TENANT : CONTEXT, method, bodyOf(args, grant, one));
  },
});

/** `{"grant":…,"key":"k","<field>":<open><unit>,<unit>,…<close>}`, so often that the body is about as large as one may be. */
type Many = { readonly field: string; readonly open: string; readonly unit: string; readonly close: string; readonly granted: boolean };

export const judgeMany = entry<Many>({
  name: "judge-many",
  what: "bodies as large as they may be, of one small thing again and again: refused, or taken, in no more time than any other",
  cases: 60,
  arbitrary: fc.record({
    field: fc.constantFrom("items", "set", "value", "meta", "expect", "policy", "x"),
    open: fc.constantFrom("[", "{", '[{"role":"user","content":[', '{"a":[', '{"a":{', '[{"role":"tool","meta":{"a":[', '"'),
    unit: fc.oneof(
      fc.constantFrom("0", "[]", "{}", "[[[[[]]]]]", '"a":0', '"a"', '{"a":[0]}', '{"role":"user","content":""}', '\\"'),
      oddJson,
    ),
    close: fc.constantFrom("", "]", "}", '"', "]}]", "]}", "}}", "]}}]"),
    granted: fc.boolean(),
  }),
  check: ({ field, open, unit, close, granted }) => {
    const start = `{"grant":"${granted ? grant : "strata1.x.y"}","key":"k","${field}":${open}`;
    const room = limits.bytes_per_body - Buffer.byteLength(start) - close.length - 1;
    const body = `${start}${`${unit},`.repeat(Math.floor(room / (Buffer.byteLength(unit) + 1))).slice(0, -1)}${close}}`;
    judge(CONTEXT, "append", Buffer.from(body));
  },
});

type Addressed = {
  readonly id: string;
  readonly method: string;
  readonly tenant: boolean;
  readonly token: string | null;
  readonly rest: string;
};

const oddId = fc.oneof(
  oddText,
  oddText.map((odd) => `${TENANT}.${odd}`),
  oddText.map((odd) => `${odd}.context`),
  fc.constantFrom(CONTEXT, TENANT, "main.", ".a", "..", "main.a.b"),
);
const oddMethod = fc.oneof(
  oddText,
  fc.constantFrom("append", "read", "fork", "erase", "create", "register", "list", "tenant.create", "*", "valueOf", "isPrototypeOf"),
);

export const judgeAddresses = entry<Addressed>({
  name: "judge-addresses",
  what: "any id, method and token: refused unless all of them are right",
  cases: 12_000,
  arbitrary: fc.record({
    id: oddId,
    method: oddMethod,
    tenant: fc.boolean(),
    token: fc.option(oddText, { nil: null }),
    rest: fc.constantFrom("{}", '{"key":"k"}', '{"limit":1}'),
  }),
  check: ({ id, method, tenant, token, rest }) => {
    const body = Buffer.from(JSON.stringify({ grant: token ?? grant, ...JSON.parse(rest) }));
    const judged = tenant ? judgeTenant(id, method, body, world) : judgeContext(id, method, body, world);
    // A token that no JSON string of the contract can hold makes the body invalid before it is looked at.
    const readable = token === null || (token.isWellFormed() && !token.includes("\0"));
    if (!judged.ok) return mustBeRefusal(judged, token === null || !readable ? ["invalid", "denied"] : ["denied"]);
    must(token === null, "a token that is none was taken");
    must(tenant ? id === TENANT : /^main\.[a-z0-9][a-z0-9-]{0,62}$/.test(id), `the id ${JSON.stringify(id)} was taken`);
  },
});

export const readingJson = entry<string>({
  name: "json",
  what: "JSON texts, and nearly: read as JSON.parse reads them or refused, and kept to the byte where they are the caller's",
  cases: 12_000,
  arbitrary: oddJson,
  check: (text) => {
    const parsed = attempt(() => ({ value: JSON.parse(text) as unknown }), SyntaxError);
    const read = attempt(() => ({ value: readJson(text) }), JsonError);
    const raw = attempt(() => RawJson.of(text), JsonError);
    if (read !== undefined) {
      must(parsed !== undefined, "it reads what is no JSON");
      must(JSON.stringify(read.value) === JSON.stringify(parsed.value), "it reads another value than JSON.parse");
      must(JSON.stringify(JSON.parse(writeJson(read.value))) === JSON.stringify(parsed.value), "it writes another value than it read");
    }
    const shallow = depthOf(text) <= limits.json_nesting;
    must((raw !== undefined) === (parsed !== undefined && shallow), `as raw it is ${raw === undefined ? "refused" : "taken"}`);
    must(raw === undefined || raw.text === text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, ""), "its text was not kept");
  },
});

/** How deep brackets are nested, outside of strings. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [found] of text.matchAll(/"(?:\\.|[^"\\])*"|[[\]{}]/gs)) {
    if (found === "[" || found === "{") deepest = Math.max(deepest, ++depth);
    else if (found === "]" || found === "}") depth--;
  }
  return deepest;
}

/** The result, or undefined where `kind` was thrown; whatever else is thrown is a finding. */
function attempt<T>(act: () => T, kind: new (...args: never[]) => Error): T | undefined {
  try {
    return act();
  } catch (reason) {
    if (reason instanceof kind) return undefined;
    throw reason;
  }
}
