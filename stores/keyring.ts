// Keys that are derived from root keys.
//
// There may be several root keys, one for each epoch. What is new is wrapped and signed under the latest; what was wrapped or signed under an
// older one stays readable while that one is kept. An epoch ends for good when its root key is destroyed in the key store.

import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { Die } from "../actors/ports.ts";
import { ContextError } from "../protocol/errors.ts";
import type { ContextId, TenantId } from "../protocol/ids.ts";
import { tenantOf } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { SignedGrants } from "./grants.ts";
import { hmac } from "./mac.ts";

const ROOT_BYTES = 32;

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

export class Keyring {
  readonly #roots: RootKeys;
  readonly #die: Die;
  /** The epoch under which new things are wrapped and signed. */
  readonly epoch: number;
  readonly #derived = new Map<string, Buffer>();
  readonly grants: SignedGrants;

  constructor(roots: RootKeys, die: Die) {
    if (roots.size === 0) throw new ContextError("invalid", "there is no root key");
    this.#roots = roots;
    this.#die = die;
    this.epoch = Math.max(...roots.keys());
    this.grants = new SignedGrants({
      epoch: this.epoch,
      has: (epoch) => roots.has(epoch),
      of: (epoch, tenant) => this.#derive(epoch, `strata/grant/1/${tenant}`),
    });
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
