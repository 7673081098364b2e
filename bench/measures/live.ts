// Many live contexts against few: commits by 16 callers, each to a random one of its own share of all that live; and the host's memory.
import { setTimeout as sleep } from "node:timers/promises";
import { type Growing, unused } from "../client.ts";
import { forAll, medianOf, runLoops, type Sample, type Step } from "../loops.ts";
import type { Plan } from "../plan.ts";
import { memoryOf } from "../processes.ts";
import type { Rig } from "../rig.ts";
import { type Row, rowOf } from "../rows.ts";
import { between, seeded } from "../statistics.ts";

const CALLERS = 16;
const KiB = 1_024;

type Found = { readonly samples: readonly Sample[]; readonly memory: number | undefined };

export async function measureLive(rig: Rig, plan: Plan, report: (line: string) => void): Promise<Row[]> {
  const { few, many } = plan.live;
  await rig.restartHost();
  const contexts: Growing[] = [];
  const found: Found[] = [];
  for (const count of [few, many]) {
    const born = Array.from({ length: count - contexts.length }, unused);
    await forAll(born, CALLERS, (context) => rig.client.append(context));
    contexts.push(...born);
    // What their births left to do is not what is measured.
    await sleep(plan.ebbMs);
    const memory = memoryOf(rig.hostPid());
    const samples: Sample[] = [];
    for (let round = 1; round <= plan.rounds; round++) {
      const steps = Array.from({ length: CALLERS }, (_, i) => anyOf(rig, contexts, i));
      samples.push(await runLoops(steps, plan.ours, () => undefined));
    }
    found.push({ samples, memory });
    report(`${rig.store}: ${count} live contexts: p99 ${medianOf(samples, "p99")?.toFixed(1)} ms, RSS ${((memory ?? 0) / KiB / KiB).toFixed(0)} MiB`);
  }
  return rowsOf(rig.store, few, many, found);
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

function rowsOf(store: string, few: number, many: number, [a, b]: readonly Found[]): Row[] {
  if (a === undefined || b === undefined) return [];
  const at = { store, c: CALLERS };
  const [p99, p99Many] = [medianOf(a.samples, "p99"), medianOf(b.samples, "p99")];
  const each = a.memory === undefined || b.memory === undefined ? undefined : (b.memory - a.memory) / (many - few) / KiB;
  return [
    ...rowOf({ ...at, measure: `${few} live contexts, p99`, unit: "ms" }, p99),
    ...rowOf({ ...at, measure: `${many} live contexts, p99`, unit: "ms" }, p99Many),
    ...rowOf({ ...at, measure: `${many} v ${few} live contexts, p99`, unit: "x" }, p99 && p99Many && p99Many / p99),
    ...rowOf({ ...at, measure: `${many} live contexts, RSS each`, unit: "KiB" }, each),
  ];
}
