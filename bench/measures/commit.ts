// Commits: turns of 1 KB, each durable when it is answered, by c closed loops, a fresh context every 100 turns; and the floor's writes likewise.
import { setTimeout as sleep } from "node:timers/promises";
import { type Growing, unused } from "../client.ts";
import { type Meter, medianOf, runLoops, type Sample, type Step } from "../loops.ts";
import type { Plan } from "../plan.ts";
import { cpuOf } from "../processes.ts";
import type { Rig } from "../rig.ts";
import { type Row, rowOf } from "../rows.ts";

const TURNS_PER_CONTEXT = 100;

export interface Commits {
  /** Numbers of callers at once. */
  readonly callers: readonly number[];
  /** What stands behind the measure's name: how the host ran. */
  readonly suffix: string;
}

/** Runs both until their code is compiled. */
export async function warmUp(rig: Rig, { warmUp: { callers, ms }, ebbMs }: Plan): Promise<void> {
  for (const make of [() => turnOf(rig), () => writeOf(rig)]) await runLoops(loops(callers, make), { warmMs: 0, ms });
  await sleep(ebbMs);
}

/** Ours and the floor's in turns, each round in the other order. */
export async function measureCommits(rig: Rig, { callers, suffix }: Commits, plan: Plan, report: (line: string) => void): Promise<Row[]> {
  const ours = new Map<number, Sample[]>(callers.map((c) => [c, []]));
  const floors = new Map<number, Sample[]>(callers.map((c) => [c, []]));
  const ofUs: Meter = () => cpuOf(process.pid);
  const runOurs = async (): Promise<void> => {
    for (const [c, samples] of ours)
      samples.push(
        await runLoops(
          loops(c, () => turnOf(rig)),
          plan.ours,
          [() => cpuOf(rig.hostPid()), ofUs],
        ),
      );
    await sleep(plan.ebbMs);
  };
  const runFloors = async (): Promise<void> => {
    for (const [c, samples] of floors)
      samples.push(
        await runLoops(
          loops(c, () => writeOf(rig)),
          plan.floor,
          [() => cpuOf(rig.floorPid()), ofUs],
        ),
      );
  };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const run of round % 2 === 1 ? [runOurs, runFloors] : [runFloors, runOurs]) await run();
    for (const c of callers)
      report(`${rig.store}: commit${suffix}, c=${c}, round ${round}: ${told(ours.get(c))}, floor ${told(floors.get(c))}`);
  }
  return callers.flatMap((c) => rowsOf(`commit${suffix}`, rig.store, c, ours.get(c) ?? [], floors.get(c) ?? []));
}

const loops = (c: number, make: () => Step): Step[] => Array.from({ length: c }, make);

function turnOf(rig: Rig): Step {
  return everHundred((context) => rig.client.append(context));
}

function writeOf(rig: Rig): Step {
  return everHundred((written) => rig.floor.write(written));
}

function everHundred(grow: (one: Growing) => Promise<void>): Step {
  let one = unused();
  return async () => {
    if (one.version === TURNS_PER_CONTEXT) one = unused();
    await grow(one);
  };
}

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

function told(samples: readonly Sample[] | undefined): string {
  const { rate, p50, p99 } = samples?.at(-1) ?? { rate: Number.NaN, p50: Number.NaN, p99: Number.NaN };
  return `${rate.toFixed(0)}/s (p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(1)} ms)`;
}
