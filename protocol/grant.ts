import { z } from "zod";
import { TenantId } from "./ids.ts";
import { limits } from "./limits.ts";
import { LAST_INSTANT } from "./units.ts";

const part = `[a-z0-9-]{0,${limits.chars_per_name}}`;

/**
 * What a grant can allow. `tenant.*` are methods of the tenant itself; `*` is every method of the contexts, and where it reaches all contexts, of the
 * tenant, but for what hosts alone may do.
 */
export const grantable = [
  "append",
  "read",
  "history",
  "diff",
  "fork",
  "configure",
  "hold",
  "release",
  "erase",
  "verify",
  "tenant.create",
  "tenant.configure",
  "tenant.list",
  "tenant.register",
  "*",
] as const;

/** Between hosts: they tell a directory what is true of contexts, and are believed. No `*` stands for these, and no command mints them. */
export const ofHosts: readonly Grantable[] = ["tenant.register"];

/** The claims of a grant: who may do what, on which contexts, until when. Signed, not secret. */
export const Claims = z.strictObject({
  v: z.literal(1),
  tenant: TenantId,
  /** Who holds the grant; the author of what is written under it. */
  subject: z
    .string()
    .regex(
      new RegExp(`^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,${limits.chars_per_grantee - 1}}$`),
      `a subject is 1 to ${limits.chars_per_grantee} of A-Z a-z 0-9 . _ : @ / - and begins with a letter or a digit`,
    ),
  /** Names of contexts; one that ends in * stands for all that begin so. */
  contexts: z
    .array(z.string().regex(new RegExp(`^(?:${part}\\*|[a-z0-9]${part})$`), "a context's name, a prefix that ends in *, or *"))
    .max(limits.contexts_per_grant),
  methods: z.array(z.enum(grantable)).max(grantable.length),
  /** ms since the epoch; from then on the grant allows nothing. */
  expires: z.int().positive().max(LAST_INSTANT),
});
export type Claims = z.infer<typeof Claims>;
export type Grantable = (typeof grantable)[number];
