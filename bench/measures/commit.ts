// Commits: turns of 1 KB, each durable when it is answered, by c closed loops, and the floor's writes likewise. Each loop has a context of its own,
// which is there before anything is measured; how contexts come to be is measured by itself, by loops whose every turn is the first of one.
import { setTimeout as sleep } from "node:timers/promises";
import { type Growing, unused } from "../client.ts";
import { type Meter, medianOf, type Run, runLoops, type Sample, type Step, sampleOf } from "../loops.ts";
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
export async function warmUp(rig: Rig, { warmUp, ebbMs }: Plan): Promise<void> {
  for (const { callers, ms } of warmUp)
    for (const grow of [turnOf(rig), writeOf(rig, "write")]) await runLoops(loops(callers, "all", grow), { warmMs: 0, ms });
  await sleep(ebbMs);
}

const sides = ["ours", "floor"] as const;
type Side = (typeof sides)[number];
type BySide<T> = Readonly<Record<Side, T>>;

/** Ours and the floor's in short turns next to each other, each time in the other order: the machine is faster in one second than in another. */
export async function measureCommits(rig: Rig, commits: Commits, plan: Plan, report: (line: string) => void): Promise<Row[]> {
  const measured = commits.callers.map((c) => ({ c, steps: loopsOf(rig, commits, c), ours: [] as Sample[], floor: [] as Sample[] }));
  for (const { steps } of measured) for (const side of sides) await runLoops(steps[side], { warmMs: plan.bornMs, ms: 0 });
  for (let round = 1; round <= plan.rounds; round++)
    for (const { c, steps, ...taken } of measured) {
      const samples = await measureRound(rig, steps, plan);
      for (const side of sides) taken[side].push(samples[side]);
      report(`${rig.store}: ${commits.measure}, c=${c}, round ${round}: ${told(samples.ours)}, floor ${told(samples.floor)}`);
    }
  return measured.flatMap(({ c, ours, floor }) => rowsOf(commits.measure, rig.store, c, ours, floor));
}

async function measureRound(rig: Rig, steps: BySide<readonly Step[]>, plan: Plan): Promise<BySide<Sample>> {
  const ofUs: Meter = () => cpuOf(process.pid);
  const pids: BySide<() => number> = { ours: rig.hostPid, floor: rig.floorPid };
  const runs = { ours: [] as Run[], floor: [] as Run[] };
  for (let turn = 0; turn < plan.turnsPerRound; turn++)
    for (const side of turn % 2 === 0 ? sides : sides.toReversed()) {
      runs[side].push(await runLoops(steps[side], plan.turn, [() => cpuOf(pids[side]()), ofUs]));
      await sleep(plan.ebbMs);
    }
  return { ours: sampleOf(runs.ours), floor: sampleOf(runs.floor) };
}

type Grow = (one: Growing) => Promise<void>;

const loopsOf = (rig: Rig, { turns, floor }: Commits, c: number): BySide<readonly Step[]> => ({
  ours: loops(c, turns, turnOf(rig)),
  floor: loops(c, turns, writeOf(rig, floor)),
});

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

const told = ({ rate, p50, p99 }: Sample): string => `${rate.toFixed(0)}/s (p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(1)} ms)`;
