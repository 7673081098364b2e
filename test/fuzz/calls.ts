// Valid calls of every method, to be changed.

import fc from "fast-check";
import type { Code } from "../../protocol/errors.ts";
import { ofHosts } from "../../protocol/grant.ts";
import type { TenantId } from "../../protocol/ids.ts";
import type { Keyring } from "../../stores/keyring.ts";
import { MARK } from "./texts.ts";

export const TENANT = "main" as TenantId;
export const CONTEXT = `${TENANT}.context`;

export const grantOf = (keyring: Keyring): string =>
  keyring.grants.mint({ v: 1, tenant: TENANT, subject: "fuzz", contexts: ["*"], methods: ["*", ...ofHosts], expires: 4_000_000_000_000 });

/**
 * By method, with the code that it is refused with where nothing is changed. The key of an append is made new for each case by whoever sends it; the
 * context has three versions or more.
 */
export const validCalls: readonly (readonly [method: string, args: Readonly<Record<string, unknown>>, refused?: Code])[] = [
  ["append", { key: "k", items: [{ role: "user", content: MARK }] }],
  [
    "append",
    {
      key: "k",
      items: [
        {
          role: "user",
          content: [
            { type: "text", text: MARK },
            { type: "json", value: { a: [1, null] } },
          ],
          labels: ["a"],
          subjects: [MARK],
          meta: { m: 1 },
        },
        { role: "assistant", content: [{ type: "tool_call", id: "1", name: "n", arguments: { x: MARK } }] },
        {
          role: "tool",
          content: [{ type: "tool_result", id: "1", content: [{ type: "blob", mediaType: "a/b", base64: "YQ==" }], isError: false }],
        },
      ],
      set: { goal: MARK, plan: null },
      expect: 1_000_000,
    },
    "conflict",
  ],
  ["append", { key: "k", items: [], set: { goal: { deep: [MARK] } } }],
  ["read", {}],
  ["read", { at: 2, from: 0, limit: 2, fresh: true }],
  ["read", { at: "2026-01-31T12:00:00.000Z" }, "not_found"],
  ["history", { before: 3, limit: 2 }],
  ["diff", { from: 1, to: 3 }],
  ["configure", { key: "k", policy: { ttl: { ms: 86_400_000, from: "lastAppend" } } }],
  ["configure", { key: "k", policy: { ttl: null } }],
  ["verify", { from: 1, to: 3 }],
  ["fork", { key: "k", to: "copy" }, "invalid"],
  ["tenant.create", {}],
  ["tenant.configure", { policy: { ttl: null } }],
  ["tenant.list", { prefix: "con", after: "a", limit: 10, state: "live" }],
  ["tenant.register", { contexts: [{ name: "other", version: 1, at: 1, expires: null, ended: false }] }],
];

export const validCall: fc.Arbitrary<number> = fc.nat(validCalls.length - 1);
