// Many live contexts against few: commits by 16 callers, each to a random one of its own share of all that live; and what each adds to the memory of
// a host that was just started.
import { type Growing, unused } from "../client.ts";
import { forAll, medianOf, runLoops, type Sample, type Step, sampleOf } from "../loops.ts";
import type { Plan } from "../plan.ts";
import { memoryOf } from "../processes.ts";
import type { Rig } from "../rig.ts";
import { type Row, rowOf } from "../rows.ts";
import { between, seeded } from "../statistics.ts";

const CALLERS = 16;
const KiB = 1_024;

export async function measureLive(rig: Rig, plan: Plan, report: (line: string) => void): Promise<Row[]> {
  const { few, many } = plan.live;
  const samplesOfFew = await commitToAny(rig, await bear(rig, few), plan);
  // Nothing of those is in memory any more.
  await rig.restartHost();
  const first = await bear(rig, few);
  const before = memoryOf(rig.hostPid());
  const others = await bear(rig, many - few);
  const after = memoryOf(rig.hostPid());
  const samplesOfMany = await commitToAny(rig, [...first, ...others], plan);
  const [p99, p99OfMany] = [p99Of(samplesOfFew), p99Of(samplesOfMany)];
  const each = before === undefined || after === undefined ? undefined : (after - before) / (many - few) / KiB;
  report(`${rig.store}: ${few} live contexts: p99 ${p99.toFixed(1)} ms; ${many}: ${p99OfMany.toFixed(1)} ms, ${each?.toFixed(1)} KiB each`);
  const at = { store: rig.store, c: CALLERS };
  return [
    ...rowOf({ ...at, measure: `${few} live contexts, p99`, unit: "ms" }, p99),
    ...rowOf({ ...at, measure: `${many} live contexts, p99`, unit: "ms" }, p99OfMany),
    ...rowOf({ ...at, measure: `${many} v ${few} live contexts, p99`, unit: "x" }, p99OfMany / p99),
    ...rowOf({ ...at, measure: `${many} live contexts, RSS each`, unit: "KiB" }, each),
  ];
}

const p99Of = (samples: readonly Sample[]): number => medianOf(samples, (sample) => sample.p99) ?? Number.NaN;

async function bear(rig: Rig, count: number): Promise<readonly Growing[]> {
  const born = Array.from({ length: count }, unused);
  await forAll(born, CALLERS, (context) => rig.client.append(context));
  return born;
}

async function commitToAny(rig: Rig, contexts: readonly Growing[], { rounds, live: { warmMs, ms } }: Plan): Promise<Sample[]> {
  const steps = Array.from({ length: CALLERS }, (_, i) => anyOf(rig, contexts, i));
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round++) samples.push(sampleOf([await runLoops(steps, { warmMs: round === 1 ? warmMs : 0, ms })]));
  return samples;
}

/** Turns of random contexts out of every 16th: no two callers meet in one. */
function anyOf(rig: Rig, contexts: readonly Growing[], share: number): Step {
  const random = seeded(share);
  const own = contexts.filter((_, i) => i % CALLERS === share);
  return async () => {
    const context = own[between(random, 0, own.length - 1)];
    if (context !== undefined) await rig.client.append(context);
  };
}
