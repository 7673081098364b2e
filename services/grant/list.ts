import type { Client, Reply } from "../../dapr/client.ts";
import { CallError } from "../../dapr/client.ts";

type Row = Reply<"tenant.list">["contexts"][number];

/** The contexts of a tenant, page by page. Throws CallError. */
export async function* listContexts(client: Client, tenant: string, filter: Readonly<Record<string, unknown>>): AsyncGenerator<Row> {
  let after = "";
  for (;;) {
    const { contexts, next } = await client.callTenant(tenant, "list", { ...filter, ...(after === "" ? {} : { after }) });
    yield* contexts;
    if (next === undefined) return;
    // Else whoever answers could keep us for ever.
    if (next <= after) throw new CallError("runtime", `a page of ${tenant}'s contexts ends at "${next}", and the one before at "${after}"`);
    after = next;
  }
}
