// Strata as a whole, as its callers and its operator meet it: in memory, on the embedded sidecar, or on a real daprd.

import { z } from "zod";
import type { Keyring } from "../../stores/keyring.ts";

/** Where a kind of caller knocks: `<url>/Context/<id>/method/<method>`. */
export type Door = { readonly url: string; readonly headers: Readonly<Record<string, string>> };

/** A CloudEvent on topic `events`. */
export const PublishedEvent = z.object({
  id: z.string(),
  type: z.string(),
  source: z.string(),
  subject: z.string(),
  time: z.string(),
  data: z.unknown(),
});
export type PublishedEvent = z.infer<typeof PublishedEvent>;

export interface Installation extends AsyncDisposable {
  /** The callers' sidecar; in memory, where there is none, the host itself. */
  readonly door: Door;
  /** The host's own port, as its sidecar calls it. */
  readonly host: Door;
  /** Whether a sidecar stands between the door and the host, and so answers first. */
  readonly sidecar: "none" | "embedded" | "daprd";
  /** What the host runs with (STRATA_DROP_DELAY_MS, STRATA_TEND_MS). */
  readonly dropDelayMs: number;
  readonly keyring: Keyring;
  /** What may never be seen by a caller, nor stand in a log. */
  readonly secrets: readonly string[];
  /** The host's wall clock, ms since the epoch. */
  now(): number;
  /** Asks again, while time passes, until there is an answer. */
  until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T>;
  /** The rows of the state store, by the host's state API. */
  readonly state: {
    read(keys: readonly string[]): Promise<(string | undefined)[]>;
    /** Overwrites what is there. */
    write(key: string, base64: string): Promise<void>;
    drop(key: string): Promise<void>;
  };
  /** Runs `work` while nothing can be published, then kill -9 of the host before anything can; resolves when the host is back. */
  killUnpublished(work: () => Promise<void>): Promise<void>;
  /** What was published on topic `events`, oldest first. */
  events(): Promise<readonly PublishedEvent[]>;
  /** What the host has logged. */
  log(): Promise<string>;
}

/** The settings that every installation under test runs with: short times, so that what they govern can be waited for. */
export const testSettings = { dropDelayMs: 2_000, hotMs: 1_000, tendMs: 1_000 } as const;
