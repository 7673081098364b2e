// Grants as tokens: `strata1.<epoch>.<claims>.<signature>`, an HMAC-SHA256 under the tenant's key of an epoch.

import { timingSafeEqual } from "node:crypto";
import type { Grants } from "../actors/ports.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import { Claims } from "../protocol/grant.ts";
import type { TenantId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { hmac } from "./mac.ts";

const PREFIX = "strata1";

/** What tokens are signed with. */
export type SigningKeys = {
  /** The epoch under which new ones are signed. */
  readonly epoch: number;
  has(epoch: number): boolean;
  of(epoch: number, tenant: TenantId): Buffer;
};

export class SignedGrants implements Grants {
  readonly #keys: SigningKeys;
  readonly #verified = new Map<string, Claims>();

  constructor(keys: SigningKeys) {
    this.#keys = keys;
  }

  /** A token for `claims`: not secret in what it says, but whoever holds it may do what it says. */
  mint(claims: Claims): string {
    const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
    const signed = `${PREFIX}.${this.#keys.epoch}.${payload}`;
    return `${signed}.${this.#sign(this.#keys.epoch, claims.tenant, signed).toString("base64url")}`;
  }

  tenantOf(token: string): TenantId {
    const claims = token.length > limits.chars_per_token ? undefined : Claims.safeParse(parseJson(token.split(".")[2] ?? ""));
    return claims?.success ? claims.data.tenant : ("-" as TenantId);
  }

  verify(tenant: TenantId, token: string): Claims | Refusal {
    // Tokens are remembered by tenant as well: one that is genuine for one tenant says nothing to another.
    const known = this.#verified.get(`${tenant} ${token}`);
    if (known !== undefined) return known;
    if (token.length > limits.chars_per_token) return denied("is longer than a grant can be");
    const [, signed = "", epoch = "", payload = "", signature = ""] =
      /^(strata1\.(\d{1,6})\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{43})$/.exec(token) ?? [];
    if (signed === "") return denied("is not a grant; one looks like strata1.<epoch>.<claims>.<signature>");
    if (!this.#keys.has(Number(epoch))) return denied("was signed in a key epoch that is gone; ask for a new one");
    const expected = this.#sign(Number(epoch), tenant, signed);
    // As text: base64 has bits to spare at its end, and a token that differs there is another token.
    if (!timingSafeEqual(Buffer.from(expected.toString("base64url")), Buffer.from(signature)))
      return denied("is not genuine for this tenant: its signature does not match");
    const claims = Claims.safeParse(parseJson(payload));
    if (!claims.success) return denied("says nothing that this version understands");
    if (this.#verified.size >= limits.grants_cached) this.#verified.clear();
    this.#verified.set(`${tenant} ${token}`, claims.data);
    return claims.data;
  }

  #sign(epoch: number, tenant: TenantId, signed: string): Buffer {
    return hmac(this.#keys.of(epoch, tenant), signed);
  }
}

const denied = (what: string): Refusal => refuse("denied", `grant: the token ${what}`);

function parseJson(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, "base64url").toString());
  } catch {
    return undefined;
  }
}
