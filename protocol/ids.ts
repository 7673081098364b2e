import { z } from "zod";
import { limits } from "./limits.ts";

const part = `[a-z0-9][a-z0-9-]{0,${limits.chars_per_name - 1}}`;

const spelled = (what: string) => `a ${what} is 1 to ${limits.chars_per_name} of the characters a-z, 0-9 and -, and does not begin with -`;

export const TenantId = z
  .string()
  .regex(new RegExp(`^${part}$`), spelled("tenant"))
  .brand("TenantId");
export type TenantId = z.infer<typeof TenantId>;

export const ContextName = z
  .string()
  .regex(new RegExp(`^${part}$`), spelled("context's name"))
  .brand("ContextName");
export type ContextName = z.infer<typeof ContextName>;

/** `<tenant>.<name>`: the actor id of a context. */
export const ContextId = z
  .string()
  .regex(new RegExp(`^${part}\\.${part}$`), `a context's id is <tenant>.<name>; ${spelled("tenant or name")}`)
  .brand("ContextId");
export type ContextId = z.infer<typeof ContextId>;

export const contextId = (tenant: TenantId, name: ContextName): ContextId => `${tenant}.${name}` as ContextId;
export const tenantOf = (id: ContextId): TenantId => id.slice(0, id.indexOf(".")) as TenantId;
export const nameOf = (id: ContextId): ContextName => id.slice(id.indexOf(".") + 1) as ContextName;
