// Loads of contexts of 100 turns: the latest version, or a random one. Cold: the host was restarted, and has nothing of the context in memory;
// its code is warm. Beside it the same dependent reads, bare. Hot: the same again; beside it an answer of as many bytes without a store.
import { setTimeout as sleep } from "node:timers/promises";
import { type Growing, unused } from "../client.ts";
import { forAll, timed } from "../loops.ts";
import type { Plan } from "../plan.ts";
import type { Rig } from "../rig.ts";
import { type Row, rowOf } from "../rows.ts";
import { between, median, quantile, seeded } from "../statistics.ts";

const TURNS = 100;
/** How many records behind the head a cold load asks for, in case the head is old (actors/load.ts). */
const AHEAD = 8;
const BUILDERS = 16;
const kinds = ["latest", "at a version"] as const;

type Took = { readonly cold: number[]; readonly bare: number[]; readonly hot: number[]; readonly answer: number[] };

export async function measureLoads(rig: Rig, plan: Plan, report: (line: string) => void): Promise<Row[]> {
  const random = seeded(3);
  const contexts = Array.from({ length: plan.warmLoads + plan.loads * kinds.length }, unused);
  await forAll(contexts, BUILDERS, (context) => growTo(TURNS, context, (one) => rig.client.append(one)));
  const bare = Array.from({ length: plan.loads }, unused);
  await forAll(bare, BUILDERS, (one) => growTo(TURNS, one, (written) => rig.floor.write(written)));
  report(
    `${rig.store}: loads begin in ${Math.round(plan.restMs / 1_000)} s, when the reminders of the contexts have done what there is to do`,
  );
  await sleep(plan.restMs);
  const took = new Map(kinds.map((kind): [string, Took] => [kind, { cold: [], bare: [], hot: [], answer: [] }]));
  for (let round = 1; round <= plan.rounds; round++) {
    await rig.restartHost();
    const rest = contexts.values();
    for (let i = 0; i < plan.warmLoads; i++) await loadBoth(rig, take(rest), bare[i % bare.length] ?? unused(), between(random, 1, TURNS));
    for (const [kind, times] of took)
      for (const one of bare) await loadAll(rig, take(rest), one, kind === "latest" ? undefined : between(random, 1, TURNS), times);
    for (const [kind, { cold, bare }] of took)
      report(`${rig.store}: load ${kind}, to round ${round}: cold p50 ${median(cold).toFixed(2)} ms, bare ${median(bare).toFixed(2)} ms`);
  }
  return [...took].flatMap(([kind, times]) => rowsOf(kind, rig.store, times));
}

async function loadBoth(rig: Rig, context: Growing, bare: Growing, at: number): Promise<void> {
  await rig.client.read(context, at);
  await rig.floor.load(bare, at, AHEAD);
}

async function loadAll(rig: Rig, context: Growing, bare: Growing, at: number | undefined, times: Took): Promise<void> {
  let bytes = 0;
  times.cold.push(
    await timed(async () => {
      bytes = await rig.client.read(context, at);
    }),
  );
  times.bare.push(await timed(() => rig.floor.load(bare, at ?? TURNS, AHEAD)));
  times.hot.push(await timed(() => rig.client.read(context, at)));
  times.answer.push(await timed(() => rig.floor.answer(bare.id, bytes)));
}

async function growTo(turns: number, one: Growing, grow: (one: Growing) => Promise<void>): Promise<void> {
  while (one.version < turns) await grow(one);
}

function take(rest: Iterator<Growing>): Growing {
  const next = rest.next();
  if (next.done === true) throw new Error("there are fewer contexts than loads");
  return next.value;
}

function rowsOf(kind: string, store: string, { cold, bare, hot, answer }: Took): Row[] {
  const row = (name: string, p: number, ours: readonly number[], floor: readonly number[]): Row[] =>
    rowOf({ measure: `load ${kind}, ${name}`, store, c: 1, unit: "ms" }, quantile(ours, p), quantile(floor, p));
  return [
    ...row("cold, p50", 0.5, cold, bare),
    ...row("cold, p99", 0.99, cold, bare),
    ...row("hot, p50", 0.5, hot, answer),
    ...row("hot, p99", 0.99, hot, answer),
  ];
}
