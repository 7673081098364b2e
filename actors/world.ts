import type { Entry } from "../core/record.ts";
import type { Activation } from "./activation.ts";
import type { Group } from "./group.ts";
import type { Hot } from "./hot.ts";
import type { Ports } from "./ports.ts";

/** What the turns of one host share. */
export type World = {
  readonly ports: Ports;
  readonly group: Group;
  readonly hot: Hot;
  /** Told after each commit: what follows from it (an event, a line in the directory, a head) happens outside the turn. */
  committed(a: Activation, entry: Entry): void;
};
