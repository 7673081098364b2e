import { ContextError } from "../../protocol/errors.ts";
import { Claims, ofHosts } from "../../protocol/grant.ts";
import { limits } from "../../protocol/limits.ts";
import { type Instant, later, millis } from "../../protocol/units.ts";

export type Wish = {
  readonly tenant: string;
  readonly subject: string;
  readonly contexts: string;
  readonly methods: string;
  readonly ttl: string;
};

const LINE_END = 2;
const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Claims as an operator words them. Throws ContextError "invalid". */
export function claimsFrom(wish: Wish, now: Instant): Claims {
  const [, count = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(wish.ttl) ?? [];
  const length = Number(count) * (Object.hasOwn(units, unit) ? units[unit as keyof typeof units] : 0);
  if (!(length > 0)) throw new ContextError("invalid", `--ttl: saw "${wish.ttl}"; write a number and s, m, h or d, like 12h`);
  if (length > limits.grant_max_ms)
    throw new ContextError("invalid", `--ttl: saw "${wish.ttl}"; at most ${limits.grant_max_ms / units.d}d`);
  const parsed = Claims.safeParse({
    v: 1,
    tenant: wish.tenant,
    subject: wish.subject,
    contexts: words(wish.contexts),
    methods: words(wish.methods),
    expires: later(now, millis(length)),
  });
  const internal = parsed.data?.methods.find((method) => ofHosts.includes(method));
  if (internal !== undefined)
    throw new ContextError("invalid", `--methods: saw "${internal}"; hosts alone do that, with grants that they make themselves`);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [name, index] = issue?.path ?? [];
  const given = Object.entries(wish).find(([option]) => option === name)?.[1] ?? "";
  const seen = typeof index === "number" ? words(given)[index] : given;
  throw new ContextError("invalid", `--${String(name)}: saw "${seen}"; ${issue?.message ?? "not allowed"}`);
}

const words = (list: string): string[] =>
  list
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");

/** The token of `argument`, or where that is "-" what `input` says, up to the longest that a grant can be. Throws ContextError "invalid". */
export async function readToken(argument: string, input: AsyncIterable<Uint8Array>): Promise<string> {
  if (argument !== "-") return argument;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limits.chars_per_token + LINE_END)
      throw new ContextError("invalid", `standard input: saw more than the ${limits.chars_per_token} characters that a grant can have`);
  }
  const token = Buffer.concat(chunks).toString().trim();
  if (token === "") throw new ContextError("invalid", "standard input: saw nothing; send the token of a grant, or name it instead of -");
  return token;
}

export const NO_GRANT = "this is no grant; one looks like strata1.<epoch>.<claims>.<signature>";

/** What a token says; whether it is true is another question. Undefined where it says nothing that a grant says. */
export function claimsIn(token: string): Claims | undefined {
  const payload = token.split(".")[2] ?? "";
  return Claims.safeParse(parseJson(Buffer.from(payload, "base64url").toString())).data;
}

/** As `claimsIn`. Throws ContextError "invalid". */
export function explainToken(token: string): Claims {
  const claims = claimsIn(token);
  if (claims === undefined) throw new ContextError("invalid", NO_GRANT);
  return claims;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
