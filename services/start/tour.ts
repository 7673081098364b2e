// What `npm start` shows once it serves: that what was imported is there, at any version and time, and that its chain verifies.

import type { Client, Reply } from "../../dapr/client.ts";
import { type ContextName, contextId, type TenantId } from "../../protocol/ids.ts";

/** More contexts than these are not counted: a start must not take the longer the more there is. */
const PAGES = 10;

export type Tour = {
  readonly contexts: number;
  /** Whether there are more contexts than were counted. */
  readonly more: boolean;
  readonly versions: number;
  /** One context, looked at more closely. */
  readonly context: string;
  readonly atVersion: { readonly version: number; readonly items: number };
  readonly atTime: { readonly time: string; readonly version: number; readonly items: number };
  readonly verified: { readonly version: number; readonly digest: string };
};

/** Undefined where there is no context yet. */
export async function takeTour(client: Client, tenant: TenantId): Promise<Tour | undefined> {
  const { contexts, more } = await listSome(client, tenant);
  const versions = contexts.reduce((sum, { version }) => sum + version, 0);
  const longest = contexts.toSorted((a, b) => b.version - a.version)[0];
  if (longest === undefined || longest.version === 0) return undefined;
  const context = contextId(tenant, longest.name as ContextName);
  const { version } = await client.call(context, "read", { limit: 1 });
  const middle = Math.ceil(version / 2);
  const atVersion = await client.call(context, "read", { at: middle });
  const atTime = await client.call(context, "read", { at: atVersion.at });
  const verified = await client.call(context, "verify", {});
  return {
    contexts: contexts.length,
    more,
    versions,
    context,
    atVersion: { version: atVersion.version, items: atVersion.items.length },
    atTime: { time: atVersion.at, version: atTime.version, items: atTime.items.length },
    verified: { version: verified.version, digest: verified.digest },
  };
}

type Listed = Reply<"tenant.list">["contexts"][number];

/** The first of the live contexts. */
async function listSome(client: Client, tenant: TenantId): Promise<{ readonly contexts: readonly Listed[]; readonly more: boolean }> {
  const listed: Listed[] = [];
  let pages = 0;
  for await (const { contexts, next } of client.listPages(tenant, { state: "live" })) {
    listed.push(...contexts);
    if (++pages === PAGES) return { contexts: listed, more: next !== undefined };
  }
  return { contexts: listed, more: false };
}

export async function isEmpty(client: Client, tenant: TenantId): Promise<boolean> {
  const { contexts, next } = await client.callTenant(tenant, "list", { limit: 1 });
  return contexts.length === 0 && next === undefined;
}

export function describeTour(tour: Tour): string {
  return [
    `${tour.more ? "more than " : ""}${tour.contexts} contexts, ${tour.versions} versions`,
    `${tour.context} at version ${tour.atVersion.version}: ${tour.atVersion.items} items`,
    `${tour.context} at ${tour.atTime.time}: version ${tour.atTime.version}, ${tour.atTime.items} items`,
    `${tour.context}: chain of ${tour.verified.version} versions verified, digest ${tour.verified.digest.slice(0, 16)}…`,
  ].join("\n");
}
