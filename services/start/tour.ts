// What `npm start` shows once it serves: that what was imported is there, at any version and time, and that its chain verifies.

import { type ContextName, contextId, type TenantId } from "../../protocol/ids.ts";
import type { Client } from "../import/client.ts";

export type Tour = {
  readonly contexts: number;
  readonly versions: number;
  /** One context, looked at more closely. */
  readonly context: string;
  readonly atVersion: { readonly version: number; readonly items: number };
  readonly atTime: { readonly time: string; readonly version: number; readonly items: number };
  readonly verified: { readonly version: number; readonly digest: string };
};

/** Undefined where there is no context yet. */
export async function takeTour(client: Client, tenant: TenantId): Promise<Tour | undefined> {
  const all = await listAll(client, tenant);
  const versions = all.reduce((sum, { version }) => sum + version, 0);
  const longest = all.toSorted((a, b) => b.version - a.version)[0];
  if (longest === undefined || longest.version === 0) return undefined;
  const context = contextId(tenant, longest.name as ContextName);
  const { version } = await client.call(context, "read", { limit: 1 });
  const middle = Math.ceil(version / 2);
  const atVersion = await client.call(context, "read", { at: middle });
  const atTime = await client.call(context, "read", { at: atVersion.at });
  const verified = await client.call(context, "verify", {});
  return {
    contexts: all.length,
    versions,
    context,
    atVersion: { version: atVersion.version, items: atVersion.items.length },
    atTime: { time: atVersion.at, version: atTime.version, items: atTime.items.length },
    verified: { version: verified.version, digest: verified.digest },
  };
}

/** The live contexts of the tenant. */
export async function listAll(client: Client, tenant: TenantId): Promise<readonly { readonly name: string; readonly version: number }[]> {
  const found: { name: string; version: number }[] = [];
  let after: string | undefined;
  do {
    const page = await client.callTenant(tenant, "list", { state: "live", after });
    found.push(...page.contexts);
    after = page.next;
  } while (after !== undefined);
  return found;
}

export function describeTour(tour: Tour): string {
  return [
    `${tour.contexts} contexts, ${tour.versions} versions`,
    `${tour.context} at version ${tour.atVersion.version}: ${tour.atVersion.items} items`,
    `${tour.context} at ${tour.atTime.time}: version ${tour.atTime.version}, ${tour.atTime.items} items`,
    `${tour.context}: chain of ${tour.verified.version} versions verified, digest ${tour.verified.digest.slice(0, 16)}…`,
  ].join("\n");
}
