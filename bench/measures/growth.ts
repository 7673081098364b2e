// What a turn costs late in a context's life against early: turns around the 1,000th and around the 10th, in pairs of contexts, one after the other,
// so that whatever else the machine does meets both.
import { type Growing, unused } from "../client.ts";
import { forAll, timed } from "../loops.ts";
import type { Plan } from "../plan.ts";
import type { Rig } from "../rig.ts";
import { type Row, rowOf } from "../rows.ts";
import { median } from "../statistics.ts";

const EARLY = 10;
const BUILDERS = 16;

export async function measureGrowth(rig: Rig, plan: Plan, report: (line: string) => void): Promise<Row[]> {
  const { pairs, late, around } = plan.growth;
  const half = Math.floor(around / 2);
  const old = Array.from({ length: pairs }, unused);
  await forAll(old, BUILDERS, (context) => growBefore(rig, context, late - half));
  const early: number[] = [];
  const lately: number[] = [];
  for (const [i, aged] of old.entries()) {
    const young = unused();
    await growBefore(rig, young, EARLY - half);
    for (let turn = 0; turn < around; turn++) {
      early.push(await timed(() => rig.client.append(young)));
      lately.push(await timed(() => rig.client.append(aged)));
    }
    if ((i + 1) % 5 === 0 || i + 1 === pairs)
      report(`${rig.store}: turn ${late} ${median(lately).toFixed(2)} ms, turn ${EARLY} ${median(early).toFixed(2)} ms (${i + 1} pairs)`);
  }
  const at = { store: rig.store, c: 1 };
  return [
    ...rowOf({ ...at, measure: `turn ${EARLY}, p50`, unit: "ms" }, median(early)),
    ...rowOf({ ...at, measure: `turn ${late}, p50`, unit: "ms" }, median(lately)),
    ...rowOf({ ...at, measure: `turn ${late} v turn ${EARLY}`, unit: "x" }, median(lately) / median(early)),
  ];
}

/** The next turn is number `turn`. */
async function growBefore(rig: Rig, context: Growing, turn: number): Promise<void> {
  while (context.version < turn - 1) await rig.client.append(context);
}
