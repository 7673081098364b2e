// The tenant actor, as an operator's command calls it: the same at every kind of sidecar.

import { z } from "zod";
import { Refused, replies } from "../../protocol/contract.ts";
import { ContextError } from "../../protocol/errors.ts";

const CALL_MS = 30_000;

export const createTenant = (url: string, tenant: string, grant: string) =>
  call(url, tenant, "create", { grant }, replies["tenant.create"]);

export const configureTenant = (url: string, tenant: string, grant: string, policy: object) =>
  call(url, tenant, "configure", { grant, policy }, replies["tenant.configure"]);

export async function* listContexts(
  url: string,
  tenant: string,
  grant: string,
  filter: { readonly prefix: string | undefined; readonly state: string | undefined },
) {
  let after: string | undefined;
  do {
    const page = await call(url, tenant, "list", { grant, ...filter, after }, replies["tenant.list"]);
    yield* page.contexts;
    after = page.next;
  } while (after !== undefined);
}

/** Throws ContextError with the code that the tenant answered, or "unavailable". */
async function call<T extends z.ZodType>(url: string, tenant: string, method: string, body: object, reply: T): Promise<z.infer<T>> {
  const path = `${url}/v1.0/actors/Tenant/${encodeURIComponent(tenant)}/method/${method}`;
  const answer = await fetch(path, {
    method: "PUT",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
    signal: AbortSignal.timeout(CALL_MS),
  }).catch((cause: unknown) => {
    throw new ContextError("unavailable", `no sidecar answers at ${url}; is Strata running (npm start), and is --url right?`, { cause });
  });
  const text = await answer.text();
  if (!answer.ok) throw new ContextError("unavailable", `the sidecar at ${url} answered ${answer.status}: ${text.slice(0, 300)}`);
  const parsed = z.union([reply, Refused]).safeParse(JSON.parse(text));
  if (!parsed.success) throw new ContextError("internal", "the tenant answered something that this version does not know");
  const refused = Refused.safeParse(parsed.data);
  if (refused.success) throw new ContextError(refused.data.code, refused.data.message);
  return parsed.data as z.infer<T>;
}
