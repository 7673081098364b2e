// Whether a hot read asks the store: the latest of a context whose tail was proven less than S ago is read again and again, and the requests that
// the host's sidecar makes to the state component are counted. They are all that the host makes: the median of some batches leaves out those into which
// the tending of another context fell.

import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../protocol/limits.ts";
import { type Growing, unused } from "../client.ts";
import type { Rig } from "../rig.ts";
import { type Row, rowOf } from "../rows.ts";
import { median } from "../statistics.ts";

const TURNS = 20;
const BATCHES = 5;
const READS = 100;
const QUIET_MS = 500;

export async function measureHotReads(rig: Rig, report: (line: string) => void): Promise<Row[]> {
  const context = unused();
  while (context.version < TURNS) await rig.client.append(context);
  await quiet(rig);
  const perRead: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const counted = await countRequests(rig, context);
    if (counted === undefined) return [];
    report(`${rig.store}: ${counted.reads} hot reads of the latest made ${counted.requests} requests to the store`);
    perRead.push(counted.requests / counted.reads);
  }
  return rowOf({ measure: "load latest, hot, requests to the store", store: rig.store, c: 1, unit: "requests/load" }, median(perRead));
}

/** Reads within S of a proof of the tail, and the requests to the store meanwhile; undefined where nothing counts them. */
async function countRequests(rig: Rig, context: Growing): Promise<{ readonly reads: number; readonly requests: number } | undefined> {
  // Asks the store once, and so proves the tail; nothing else follows from a read.
  await rig.client.read(context, undefined, true);
  const before = await rig.storeRequests();
  if (before === undefined) return undefined;
  const began = performance.now();
  let reads = 0;
  while (reads < READS && performance.now() - began < limits.hot_ms / 2) {
    await rig.client.read(context);
    reads++;
  }
  return { reads, requests: ((await rig.storeRequests()) ?? 0) - before };
}

/** Until what the commits left to do is done: reminders, the head, the directory. */
async function quiet(rig: Rig): Promise<void> {
  const until = performance.now() + 3 * limits.tend_period_ms;
  let last = await rig.storeRequests();
  while (performance.now() < until) {
    await sleep(limits.report_delay_ms + QUIET_MS);
    const now = await rig.storeRequests();
    if (now === last) return;
    last = now;
  }
}
