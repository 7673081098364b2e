// An entry is a door to the outside, with cases to send through it and what must hold for each of them.

import fc from "fast-check";

/** Cases are JSON, so that a failing one can be kept and run again. */
export type Entry = {
  readonly name: string;
  /** What goes in, and what must hold, in one line. */
  readonly what: string;
  /** How many cases a run of the tests gives it. */
  readonly cases: number;
  /** Runs `count` cases drawn from `seed`. Undefined where all hold. */
  run(count: number, seed: number): Promise<Failure | undefined>;
  /** Runs one case that was kept. Throws where it does not hold. */
  again(kept: unknown): Promise<void>;
  /** Lets go of whatever its cases have opened. */
  close(): Promise<void>;
};

export type Failure = { readonly kept: unknown; readonly why: string; readonly seed: number; readonly after: number };

type Spec<C> = {
  readonly name: string;
  readonly what: string;
  readonly cases: number;
  readonly arbitrary: fc.Arbitrary<C>;
  /** Throws where the case does not hold. */
  readonly check: (one: C) => void | Promise<void>;
  readonly close?: () => Promise<void>;
};

/** Far above what any case takes on a busy machine, and far below what a quadratic one would. */
const SLOWEST_MS = 4_000;

const prototypes = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Number.prototype, Buffer.prototype];
const membersOf = (): number => prototypes.reduce((sum, prototype) => sum + Reflect.ownKeys(prototype).length, 0);
const members = membersOf();

export function entry<C>({ name, what, cases, arbitrary, check, close = async () => {} }: Spec<C>): Entry {
  const hold = async (one: C): Promise<void> => {
    const from = performance.now();
    const held = check(one);
    if (held !== undefined) await held;
    const took = performance.now() - from;
    if (took > SLOWEST_MS) throw new Error(`it took ${Math.round(took)} ms; at most ${SLOWEST_MS}`);
    if (membersOf() !== members) throw new Error("a prototype was changed");
  };
  return {
    name,
    what,
    cases,
    async run(count, seed) {
      const result = await fc.check(fc.asyncProperty(arbitrary, hold), { numRuns: count, seed, maxSkipsPerRun: 0 });
      if (!result.failed) return undefined;
      const [kept] = result.counterexample ?? [];
      const why = result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance);
      return { kept, why, seed, after: result.numRuns };
    },
    again: (kept) => hold(kept as C),
    close,
  };
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
