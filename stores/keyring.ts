// Keys that are derived from root keys, and the grants signed with them.
//
// There may be several root keys, one for each epoch. What is new is wrapped and signed under the latest; what was wrapped or signed under an
// older one stays readable while that one is kept. An epoch ends for good when its root key is destroyed in the key store.

import { createCipheriv, createDecipheriv, createSecretKey, timingSafeEqual } from "node:crypto";
import type { Die, Grants } from "../actors/ports.ts";
import { ContextError, type Refusal, refuse } from "../protocol/errors.ts";
import { Claims } from "../protocol/grant.ts";
import type { ContextId, TenantId } from "../protocol/ids.ts";
import { tenantOf } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { hmac } from "./mac.ts";

const ROOT_BYTES = 32;
const PREFIX = "strata1";

/** Root keys by epoch. */
export type RootKeys = ReadonlyMap<number, Uint8Array>;

/** `<base64>` for one key, or `<epoch>:<base64>,<epoch>:<base64>`. Throws ContextError "invalid" that names the place, never the key. */
export function parseRootKeys(text: string): RootKeys {
  const keys = new Map<number, Uint8Array>();
  for (const [i, part] of text.trim().split(",").entries()) {
    const [, epoch = "1", encoded = ""] = /^(?:(\d{1,6}):)?([A-Za-z0-9+/]{43}=)$/.exec(part.trim()) ?? [];
    const key = Buffer.from(encoded, "base64");
    if (key.length !== ROOT_BYTES)
      throw new ContextError(
        "invalid",
        `root key ${i + 1}: expected [epoch:]base64 of ${ROOT_BYTES} bytes (44 characters), saw ${part.trim().length} characters`,
      );
    if (keys.has(Number(epoch))) throw new ContextError("invalid", `root key ${i + 1}: epoch ${epoch} stands twice`);
    keys.set(Number(epoch), key);
  }
  return keys;
}

export class Keyring implements Grants {
  readonly #roots: RootKeys;
  readonly #die: Die;
  /** The epoch under which new things are wrapped and signed. */
  readonly epoch: number;
  readonly #derived = new Map<string, Buffer>();
  readonly #verified = new Map<string, Claims>();

  constructor(roots: RootKeys, die: Die) {
    if (roots.size === 0) throw new ContextError("invalid", "there is no root key");
    this.#roots = roots;
    this.#die = die;
    this.epoch = Math.max(...roots.keys());
  }

  /** A token for `claims`: not secret in what it says, but whoever holds it may do what it says. */
  mint(claims: Claims): string {
    const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
    const signed = `${PREFIX}.${this.epoch}.${payload}`;
    return `${signed}.${this.#sign(this.epoch, claims.tenant, signed).toString("base64url")}`;
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
    if (!this.#roots.has(Number(epoch))) return denied("was signed in a key epoch that is gone; ask for a new one");
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

  /** Encrypts under the tenant's key of the current epoch; only the same context and purpose can open it. */
  wrap(id: ContextId, purpose: string, plain: Uint8Array): { readonly epoch: number; readonly sealed: Buffer } {
    const nonce = this.#die.bytes(12);
    const cipher = createCipheriv("aes-256-gcm", createSecretKey(this.#tenantKey(this.epoch, tenantOf(id))), nonce).setAAD(
      Buffer.from(`${id}/${purpose}`),
    );
    return { epoch: this.epoch, sealed: Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]) };
  }

  /** Throws ContextError "internal" where the epoch's key is gone or the bytes are not what was wrapped. */
  unwrap(id: ContextId, purpose: string, epoch: number, sealed: Uint8Array): Buffer {
    if (!this.#roots.has(epoch)) throw new ContextError("internal", `the key of epoch ${epoch} is gone; ${purpose} cannot be opened`);
    try {
      const key = createSecretKey(this.#tenantKey(epoch, tenantOf(id)));
      // A tag of less than 16 bytes would be guessed sooner.
      const cipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12), { authTagLength: 16 });
      cipher.setAAD(Buffer.from(`${id}/${purpose}`));
      cipher.setAuthTag(sealed.subarray(sealed.length - 16));
      return Buffer.concat([cipher.update(sealed.subarray(12, sealed.length - 16)), cipher.final()]);
    } catch (cause) {
      throw new ContextError("internal", `${purpose} cannot be opened: it was altered, or wrapped under another root key`, { cause });
    }
  }

  #tenantKey(epoch: number, tenant: TenantId): Buffer {
    return this.#derive(epoch, `strata/tenant/1/${tenant}`);
  }

  #sign(epoch: number, tenant: TenantId, signed: string): Buffer {
    return hmac(this.#derive(epoch, `strata/grant/1/${tenant}`), signed);
  }

  #derive(epoch: number, label: string): Buffer {
    const name = `${epoch}/${label}`;
    const known = this.#derived.get(name);
    if (known !== undefined) return known;
    const root = this.#roots.get(epoch);
    if (root === undefined) throw new ContextError("internal", `there is no root key for epoch ${epoch}`);
    if (this.#derived.size >= limits.grants_cached) this.#derived.clear();
    const key = hmac(root, label);
    this.#derived.set(name, key);
    return key;
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
