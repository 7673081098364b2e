// One seed is one history. The same seed gives the same history, on any machine, or the run fails.

import { ContextActor } from "../../actors/context.ts";
import { TenantActor } from "../../actors/tenant.ts";
import { calm, type Faults } from "./faults.ts";
import { finish } from "./finish.ts";
import type { Code } from "./host.ts";
import type { Violation } from "./oracle.ts";
import { World } from "./world.ts";

export type History = {
  readonly seed: number;
  readonly faults: Faults;
  readonly violations: readonly Violation[];
  readonly digest: string;
  /** Steps in which things go wrong, as many as were asked for, and those in which everything comes to rest. */
  readonly steps: number;
  readonly rest: number;
  readonly judged: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
};

export const ours: Code = { ContextActor, TenantActor };

/**
 * Runs one history: `steps` steps in which anything may go wrong, then everything heals and comes to rest. A step is one event of the world: a
 * request reaches the store, an answer reaches its host, a timer or a reminder fires, a call arrives, a host wakes. The oracle judges each.
 */
export async function simulate(seed: number, steps: number, { code = ours, trace = false } = {}): Promise<History> {
  const world = new World(seed, code, trace);
  const { oracle, schedule } = world;
  const { faults } = world;
  world.clients.start();
  while (schedule.steps < steps && oracle.violations.length === 0 && (await schedule.step())) world.strike();
  const taken = schedule.steps;
  world.ending = true;
  world.faults = calm(faults);
  await finish(world);
  const { violations, judged } = oracle;
  const { digest, lines } = world.trace;
  return { seed, faults, violations, digest, steps: taken, rest: schedule.steps - taken, judged, trace: lines };
}

/** Runs a history twice. What it finds wrong includes that the two differ. */
export async function simulateTwice(seed: number, steps: number, code: Code = ours): Promise<History> {
  const first = await simulate(seed, steps, { code });
  const second = await simulate(seed, steps, { code });
  if (first.digest === second.digest) return first;
  const violation = { rule: "determinism", what: `two runs differ: ${first.digest}, ${second.digest}`, step: first.steps };
  return { ...first, violations: [...first.violations, violation] };
}
