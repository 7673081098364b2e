// What a fault works with: an installation under load, and the means to say what it did.

import type { Random } from "../sim/random.ts";
import type { Caller } from "./caller.ts";
import type { History } from "./history.ts";
import type { Installation } from "./installation.ts";
import type { Load } from "./load.ts";

/** Whose contexts are written and read. */
export const TENANT = "main";

export interface Stage {
  readonly site: Installation;
  readonly caller: Caller;
  readonly history: History;
  readonly random: Random;
  readonly load: Load;
  /** When nothing is waited for any longer. */
  readonly signal: AbortSignal;
  /** Whether enough was acknowledged and enough faults fired with a turn in flight. */
  readonly enough: boolean;
  /** How many faults have fired with a turn in flight, and how many are wanted. */
  readonly fired: number;
  readonly wanted: number;
  /** Resolves when the load has caught up with the faults: between one and the next something is written. */
  goOn(): Promise<void>;
  /** A name for a context of this run; it is read and verified in the end. */
  context(about: string): string;
  /** A fault was fired while so many turns were in flight: with none it does not count. */
  fire(what: string, inFlight: number): void;
  /** What a fault looked at itself. Where it does not hold, the run has failed. */
  claim(holds: boolean, claim: string): void;
}

/** A run that must fail. */
export interface Removal {
  /** Cures in cures.ts, by name; several are taken away together where one stands in for the other. */
  readonly without: readonly string[];
  /** After so many faults it is known at the latest. */
  readonly fires: number;
  /** What the run must say. That something else went wrong proves nothing. */
  readonly finds: RegExp;
}

export interface Fault {
  readonly name: string;
  /** What goes wrong, as a sentence. */
  readonly about: string;
  /** What keeps the promises, taken away: each time the run fails. */
  readonly cures: readonly Removal[];
  /** How many times as many faults it may fire as are wanted, before the load has to catch up. Default 1; more where they take no time. */
  readonly excess?: number;
  /** Settings of the hosts that it needs otherwise than shipped. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lets things go wrong until that is enough, and then puts everything right. */
  run(stage: Stage): Promise<void>;
}
