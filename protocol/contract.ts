// The contract of the two actor types, method by method. JSON Schema and OpenAPI in docs/generated are made of these.

import { z } from "zod";
import { codes } from "./errors.ts";
import { fields } from "./fields.ts";
import { ContextName } from "./ids.ts";
import { Item, Raw, SlotName } from "./item.ts";
import { limits } from "./limits.ts";
import { Policy } from "./policy.ts";
import { LAST_INSTANT } from "./units.ts";

export const Version = z.int().min(1).meta({ description: "number of a record: 1, 2, 3 …" });
const Time = z.iso.datetime({ offset: true, error: "must be an ISO 8601 time with a zone, like 2026-01-31T12:00:00Z" });
/** Makes a turn repeatable: the same key with the same arguments has one effect and one answer (C10). */
const Key = z.string().min(1).max(limits.chars_per_key);
/** Stands beside the method's own arguments in every call. */
export const Grant = z.string();
const Digest = z.string().meta({ description: "SHA-256 of the record's skeleton, hex; it chains to the record before" });

export const Append = fields({
  key: Key,
  items: z.array(Item).max(limits.items_per_append),
  set: z.record(SlotName, Raw).optional().meta({ description: "slots to change: a value, or null to remove" }),
  expect: z
    .int()
    .min(0)
    .optional()
    .meta({ description: "the head that the caller has read; 0 for none yet. An older one is refused, never merged (V2)" }),
});
export const Read = fields({
  at: z
    .union([Version, Time])
    .optional()
    .meta({ description: "a version, or a time: the last version that stood then. Default: the head" }),
  fresh: z.boolean().optional().meta({ description: "prove the head in the store even within the hot time (C8)" }),
  from: z.int().min(0).optional().meta({ description: "index of the first item wanted. Default 0" }),
  limit: z.int().min(1).max(limits.items_per_read).optional(),
});
export const History = fields({
  before: Version.optional().meta({ description: "only versions before this one. Default: from the head down" }),
  limit: z.int().min(1).max(limits.versions_per_history).optional(),
});
export const Diff = fields({ from: z.int().min(0), to: Version });
export const Configure = fields({ key: Key, policy: Policy });
export const Verify = fields({ from: Version.optional(), to: Version.optional() });

export const contextMethods = { append: Append, read: Read, history: History, diff: Diff, configure: Configure, verify: Verify } as const;
export type ContextMethod = keyof typeof contextMethods;
/** Methods of the contract that do not exist yet. */
export const laterMethods: readonly string[] = ["fork", "hold", "release", "erase"];

export type Append = z.infer<typeof Append>;
export type Read = z.infer<typeof Read>;
export type History = z.infer<typeof History>;
export type Diff = z.infer<typeof Diff>;
export type Configure = z.infer<typeof Configure>;
export type Verify = z.infer<typeof Verify>;
export type Command =
  | ({ readonly method: "append" } & Append)
  | ({ readonly method: "read" } & Read)
  | ({ readonly method: "history" } & History)
  | ({ readonly method: "diff" } & Diff)
  | ({ readonly method: "configure" } & Configure)
  | ({ readonly method: "verify" } & Verify);

export const DirectoryState = z.enum(["empty", "live", "expired"]);
export type DirectoryState = z.infer<typeof DirectoryState>;

export const tenantMethods = {
  create: fields({}),
  configure: fields({ policy: Policy }),
  list: fields({
    prefix: z
      .string()
      .regex(/^[a-z0-9-]*$/, "a prefix has the characters of a context's name")
      .max(limits.chars_per_name)
      .optional(),
    after: z.string().max(limits.chars_per_name).optional().meta({ description: "`next` of the page before" }),
    limit: z.int().min(1).max(limits.contexts_per_list).optional(),
    state: DirectoryState.optional(),
  }),
  /** Between hosts: what contexts tell their directory. No operator's grant allows it: `*` does not stand for it, and no command mints one that names it. */
  register: fields({
    contexts: z
      .array(
        fields({
          name: ContextName,
          version: z.int().min(0).max(limits.versions_per_context),
          at: z.int().min(0).max(LAST_INSTANT),
          expires: z.int().min(0).max(LAST_INSTANT).nullable(),
          ended: z.boolean(),
        }),
      )
      .min(1)
      .max(limits.reports_per_call),
  }),
} as const;
export type TenantMethod = keyof typeof tenantMethods;
export type TenantCommand = { [M in TenantMethod]: { readonly method: M } & z.infer<(typeof tenantMethods)[M]> }[TenantMethod];
/** What a context tells its tenant's directory; `at` and `expires` in ms since the epoch. */
export type Report = z.infer<(typeof tenantMethods)["register"]>["contexts"][number];

const ok = z.literal(true);
export const Refused = z.strictObject({
  ok: z.literal(false),
  code: z.enum(codes),
  message: z.string(),
  retryAfterMs: z.number().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** What each method answers when it is not refused. */
export const replies = {
  append: z.strictObject({
    ok,
    version: Version,
    digest: Digest,
    at: Time,
    created: z.boolean().optional(),
    duplicate: z.boolean().optional(),
  }),
  read: z.strictObject({
    ok,
    version: Version,
    at: Time,
    items: z.array(Item),
    slots: z.record(z.string(), Raw),
    digest: Digest,
    next: z.int().optional().meta({ description: "index to go on at" }),
  }),
  history: z.strictObject({
    ok,
    versions: z.array(
      z.strictObject({
        number: Version,
        at: Time,
        author: z.string(),
        items: z.int(),
        bytes: z.int().meta({ description: "bytes of content, before compression" }),
        digest: Digest,
        reason: z.enum(["append", "configure", "expire"]),
      }),
    ),
    next: Version.optional().meta({ description: "`before` of the next page" }),
  }),
  diff: z.strictObject({
    ok,
    from: z.int(),
    to: Version,
    items: z.array(Item),
    slots: z.record(z.string(), z.strictObject({ before: Raw.optional(), after: Raw.optional() })),
    erased: z.array(Version),
  }),
  configure: z.strictObject({ ok, version: Version, digest: Digest, at: Time, duplicate: z.boolean().optional() }),
  verify: z.strictObject({ ok, version: Version, digest: Digest }),
  "tenant.create": z.strictObject({ ok, tenant: z.string(), created: z.boolean() }),
  "tenant.configure": z.strictObject({ ok, tenant: z.string() }),
  "tenant.list": z.strictObject({
    ok,
    contexts: z.array(z.strictObject({ name: z.string(), state: DirectoryState, version: z.int(), at: Time.nullable() })),
    next: z.string().optional(),
  }),
  "tenant.register": z.strictObject({ ok, policy: Policy }),
} as const;
