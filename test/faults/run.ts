// One run of one fault: load, faults, healing, a last look at everything, and the verdict.

import { join } from "node:path";
import { Random } from "../sim/random.ts";
import { Caller } from "./caller.ts";
import { check, type Verdict } from "./check.ts";
import { readFinal, type Standing } from "./final.ts";
import { History, now } from "./history.ts";
import type { FaultStore, Installation } from "./installation.ts";
import { Load } from "./load.ts";
import { type Fault, type Stage, TENANT } from "./stage.ts";
import { Bus } from "./told.ts";

export interface RunOptions {
  /** Acknowledged appends. */
  readonly appends: number;
  /** Faults that fire with a turn in flight. */
  readonly fires: number;
  readonly seed: number;
  /** How long it may take until it has failed, ms. */
  readonly limitMs: number;
  readonly report: (line: string) => void;
}

export interface Outcome extends Verdict {
  readonly fault: string;
  readonly store: FaultStore;
  readonly seed: number;
  /** Faults that fired with a turn in flight, and those that found none. */
  readonly fired: number;
  readonly idle: number;
  readonly seconds: number;
  /** Where the history lies. */
  readonly history: string;
}

const CONTEXTS = 8;
const WRITERS = 24;
const READERS = 3;
/** How long a writer rests while the load is ahead of the faults: about a hundred turns a second go on. */
const REST_MS = 250;
const HEAL_MS = 60_000;
/** Counted from when all could be read. What no turn tells, a reminder does within two rounds (installation.ts). */
const TOLD_MS = 30_000;
const REPORT_MS = 2_000;
let runs = 0;

export async function runFault(fault: Fault, site: Installation, options: RunOptions): Promise<Outcome> {
  const { appends, fires, seed, report } = options;
  const began = now();
  await site.settle(fault.settings ?? {});
  const run = `${fault.name}-${++runs}`;
  const history = new History(join(site.dataDir, `${run}.jsonl`));
  await using caller = new Caller(site.url, site.grant, history);
  const over = AbortSignal.timeout(options.limitMs);
  const names = new Set<string>();
  const context = (about: string): string => {
    const name = `${run}-${about}`;
    names.add(name);
    return name;
  };
  const count = { fired: 0, idle: 0 };
  const load: Load = new Load({
    caller,
    random: new Random(seed, 1),
    contexts: Array.from({ length: CONTEXTS }, (_, i) => context(`c${i}`)),
    writers: WRITERS,
    readers: READERS,
    // As much of the load as of the faults; it never stands still, for then no turn would be in flight.
    rest: (): number => (load.acknowledged * fires > appends * (count.fired + 1) ? REST_MS : 0),
    signal: over,
  });
  const stage: Stage = {
    site,
    caller,
    history,
    random: new Random(seed, 2),
    load,
    signal: over,
    get enough() {
      return over.aborted || (load.acknowledged >= appends && count.fired >= fires);
    },
    get fired() {
      return count.fired;
    },
    wanted: fires,
    async goOn() {
      do await load.flows();
      while (!stage.enough && load.acknowledged * fires * (fault.excess ?? 1) < appends * count.fired);
    },
    context,
    fire(what, inFlight) {
      if (inFlight > 0) count.fired++;
      else count.idle++;
      history.add({ op: "fault", fault: fault.name, what, at: now(), inFlight });
    },
    claim: (holds, claim) => history.add({ op: "claim", holds, claim }),
  };
  const progress = setInterval(
    () => report(`${fault.name} on ${site.store}: ${load.acknowledged} of ${appends} acknowledged, ${count.fired} of ${fires} fired`),
    REPORT_MS,
  );
  try {
    await act(fault, stage);
  } finally {
    clearInterval(progress);
  }
  stage.claim(!over.aborted, `it was done within ${options.limitMs} ms`);
  await lookAtAll(names, stage);
  stage.claim(count.fired >= fires, `${fires} faults fired with a turn in flight; these were ${count.fired}`);
  await history.close();
  const verdict = check(history.entries, { hotMs: site.hotMs });
  const seconds = Math.round((now() - began) / 100) / 10;
  return { fault: fault.name, store: site.store, seed, ...count, seconds, history: history.path, ...verdict };
}

async function lookAtAll(names: Iterable<string>, stage: Stage): Promise<void> {
  const { history, site } = stage;
  const healed = AbortSignal.timeout(HEAL_MS);
  const standing: Standing[] = [];
  for (const name of names) {
    const seen = await lookAt(name, stage, healed);
    if (seen?.op === "ended") history.add(seen);
    else if (seen !== undefined) standing.push(seen);
  }
  await using bus = new Bus(site.cluster.bus.url, AbortSignal.timeout(TOLD_MS));
  for (const one of standing) history.add({ ...one, told: await bus.told(`${TENANT}.${one.context}`, one.versions.length) });
}

/** That what stands cannot be read is a finding, and the worst. */
async function lookAt(context: string, { caller, claim }: Stage, signal: AbortSignal): ReturnType<typeof readFinal> {
  try {
    return await readFinal(caller, context, signal);
  } catch (reason) {
    claim(false, `every context can be read in the end: ${reason instanceof Error ? reason.message : String(reason)}`);
    return undefined;
  }
}

/** Whatever is thrown on the way is a finding; what stands is looked at nevertheless. */
async function act(fault: Fault, stage: Stage): Promise<void> {
  const { first } = stage.site;
  try {
    await stage.load.flows();
    await fault.run(stage);
  } catch (reason) {
    stage.claim(false, `the fault went through: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`);
  }
  first.gate.open();
  try {
    await stage.load.stop();
  } catch (reason) {
    stage.claim(false, `every turn was acknowledged: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
}
