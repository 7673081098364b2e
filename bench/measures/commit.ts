// Commits: turns of 1 KB, each durable when it is answered, by c closed loops, and the floor's writes likewise. Each loop has a context of its own,
// which is there before anything is measured; how contexts come to be is measured by itself, by loops whose every turn is the first of one.
import { setTimeout as sleep } from "node:timers/promises";
import { type Growing, unused } from "../client.ts";
import { type Meter, medianOf, runLoops, type Sample, type Step } from "../loops.ts";
import type { Plan } from "../plan.ts";
import { cpuOf } from "../processes.ts";
import type { Rig } from "../rig.ts";
import { type Row, rowOf } from "../rows.ts";

export interface Commits {
  /** Name of the rows. */
  readonly measure: string;
  /** Numbers of callers at once. */
  readonly callers: readonly number[];
  /** How many turns a context gets: all of its loop's, or one. */
  readonly turns: "all" | "one";
  /** Whether the floor writes each record by itself, or those that come together in one request. */
  readonly floor: "write" | "group";
}

/** Runs both until their code is compiled. */
export async function warmUp(rig: Rig, { warmUp: { callers, ms }, ebbMs }: Plan): Promise<void> {
  for (const grow of [turnOf(rig), writeOf(rig, "write")]) await runLoops(loops(callers, "all", grow), { warmMs: 0, ms });
  await sleep(ebbMs);
}

/** Ours and the floor's next to each other, each round in the other order: the machine is faster in one minute than in another. */
export async function measureCommits(
  rig: Rig,
  { measure, callers, turns, floor: how }: Commits,
  plan: Plan,
  report: (line: string) => void,
): Promise<Row[]> {
  const ofUs: Meter = () => cpuOf(process.pid);
  const sides = {
    ours: async (c: number): Promise<Sample> => {
      const sample = await runLoops(loops(c, turns, turnOf(rig)), plan.ours, [() => cpuOf(rig.hostPid()), ofUs]);
      await sleep(plan.ebbMs);
      return sample;
    },
    floor: (c: number) => runLoops(loops(c, turns, writeOf(rig, how)), plan.floor, [() => cpuOf(rig.floorPid()), ofUs]),
  };
  const samples = new Map(callers.map((c) => [c, { ours: [] as Sample[], floor: [] as Sample[] }]));
  for (let round = 1; round <= plan.rounds; round++)
    for (const [c, taken] of samples) {
      for (const side of round % 2 === 1 ? (["ours", "floor"] as const) : (["floor", "ours"] as const))
        taken[side].push(await sides[side](c));
      report(`${rig.store}: ${measure}, c=${c}, round ${round}: ${told(taken.ours)}, floor ${told(taken.floor)}`);
    }
  return [...samples].flatMap(([c, { ours, floor }]) => rowsOf(measure, rig.store, c, ours, floor));
}

type Grow = (one: Growing) => Promise<void>;

function loops(c: number, turns: Commits["turns"], grow: Grow): Step[] {
  return Array.from({ length: c }, (): Step => {
    if (turns === "one") return () => grow(unused());
    const own = unused();
    return () => grow(own);
  });
}

const turnOf =
  (rig: Rig): Grow =>
  (context) =>
    rig.client.append(context);
const writeOf =
  (rig: Rig, how: Commits["floor"]): Grow =>
  (written) =>
    rig.floor.write(written, how);

function rowsOf(measure: string, store: string, c: number, ours: readonly Sample[], floors: readonly Sample[]): Row[] {
  const row = (name: string, unit: string, figure: (sample: Sample) => number | undefined): Row[] =>
    rowOf({ measure: `${measure}, ${name}`, store, c, unit }, medianOf(ours, figure), medianOf(floors, figure));
  return [
    ...row("rate", "turns/s", (sample) => sample.rate),
    ...row("p50", "ms", (sample) => sample.p50),
    ...row("p99", "ms", (sample) => sample.p99),
    ...row("CPU of the app", "us/turn", (sample) => sample.costs[0]),
    ...row("CPU of the callers", "us/turn", (sample) => sample.costs[1]),
  ];
}

function told(samples: readonly Sample[]): string {
  const { rate, p50, p99 } = samples.at(-1) ?? { rate: Number.NaN, p50: Number.NaN, p99: Number.NaN };
  return `${rate.toFixed(0)}/s (p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(1)} ms)`;
}
