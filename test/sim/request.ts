// What clients ask for, as the oracle sees it.

import type { Command } from "../../protocol/contract.ts";
import type { ContextId } from "../../protocol/ids.ts";
import type { Host } from "./host.ts";

export type Item = { readonly role: string; readonly content: string; readonly subjects?: readonly string[] };
export type Ttl = { readonly ms: number; readonly from: "creation" | "lastAppend" };

export type Arguments =
  | {
      readonly method: "append";
      readonly key: string;
      readonly items: readonly Item[];
      readonly set?: Readonly<Record<string, unknown>>;
      readonly expect?: number;
    }
  | { readonly method: "configure"; readonly key: string; readonly policy: { readonly ttl: Ttl | null } }
  | Exclude<Command, { readonly method: "append" | "configure" }>;

/** One run of a turn on a host. `outcome` stays undefined where the host died, or still works on it. */
export type Delivery = { readonly host: Host; readonly began: number; outcome: "none" | "unknown" | "ok" | undefined };

export type Request = {
  readonly context: ContextId;
  readonly asked: Arguments;
  readonly deliveries: Delivery[];
  /** The first answer that acknowledged it; every other must be the same (V5). */
  acknowledged: string | undefined;
};

export const keyOf = (request: Request): string | undefined => ("key" in request.asked ? request.asked.key : undefined);
