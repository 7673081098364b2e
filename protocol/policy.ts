import { z } from "zod";
import { fields } from "./fields.ts";
import { limits } from "./limits.ts";

/** How long a context lives: `ms` from its first version, or from its last append. Its name never lives again (C1). */
export const Ttl = fields({
  ms: z.int().min(limits.ttl_min_ms).max(limits.ttl_max_ms),
  from: z.enum(["creation", "lastAppend"]),
});
export type Ttl = z.infer<typeof Ttl>;

/** What an operator decides for a context; `ttl: null` takes a time to live away again. */
export const Policy = fields({ ttl: Ttl.nullable().optional() });
export type Policy = z.infer<typeof Policy>;

/** Fields of a policy that the contract names and that do not exist yet. */
export const laterPolicies: readonly string[] = ["retention", "tiers", "limits", "audit"];
