// Whether the root keys are those that this store was written under. With others every context would be refused as altered, one by one, and whatever
// is written meanwhile could be read under neither.

import type { Die, Store } from "../../actors/ports.ts";
import { ContextError } from "../../protocol/errors.ts";
import { TenantId } from "../../protocol/ids.ts";
import { Keyring, type RootKeys } from "../../stores/keyring.ts";

/** For no tenant that has contexts in this store's sense, and good for nothing: it allows no method and ran out when it was made. */
const claims = { v: 1, tenant: TenantId.parse("strata"), subject: "strata", contexts: [], methods: [], expires: 1 } as const;

const keyOf = (epoch: number): string => `strata-root/${epoch}`;

/** Leaves a mark of each root key at its first use. Throws ContextError "invalid" where a key is not the one that left the mark. */
export async function checkRootKeys(roots: RootKeys, store: Store, die: Die): Promise<void> {
  for (const [epoch, key] of roots) {
    const keyring = new Keyring(new Map([[epoch, key]]), die);
    const at = keyOf(epoch);
    let [mark] = await store.read([at]);
    if (mark === undefined) {
      // Create-only, and read back: of two hosts that start at once, with two keys, one is told.
      await store.create([{ key: at, value: Buffer.from(keyring.grants.mint({ ...claims, contexts: [], methods: [] })) }]);
      [mark] = await store.read([at]);
    }
    if (mark === undefined) throw new ContextError("unavailable", "the store does not keep what is written to it; see its log");
    if ("ok" in keyring.grants.verify(claims.tenant, Buffer.from(mark.value).toString()))
      throw new ContextError(
        "invalid",
        `this is not the root key that the store was written under${epoch === 1 ? "" : ` in epoch ${epoch}`}: nothing in it could be read. Give the right one (STRATA_ROOT_KEY, the secret store, or root.key of npm start), or use another store`,
      );
  }
}
