// Whether a hot read asks the store: the latest of a context whose tail was proven less than S ago is read again and again, and the requests that
// the host's sidecar makes to the state component are counted.

import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../protocol/limits.ts";
import { unused } from "../client.ts";
import type { Rig } from "../rig.ts";
import { type Row, rowOf } from "../rows.ts";

const TURNS = 20;
const READS = 100;
const QUIET_MS = 500;

export async function measureHotReads(rig: Rig, report: (line: string) => void): Promise<Row[]> {
  const context = unused();
  while (context.version < TURNS) await rig.client.append(context);
  await quiet(rig);
  // Asks the store once, and so proves the tail; nothing else follows from a read.
  await rig.client.read(context, undefined, true);
  const before = await rig.storeRequests();
  if (before === undefined) return [];
  const began = performance.now();
  let reads = 0;
  while (reads < READS && performance.now() - began < limits.hot_ms / 2) {
    await rig.client.read(context);
    reads++;
  }
  const requests = ((await rig.storeRequests()) ?? 0) - before;
  report(`${rig.store}: ${reads} hot reads of the latest made ${requests} requests to the store`);
  return rowOf({ measure: "load latest, hot, requests to the store", store: rig.store, c: 1, unit: "requests/load" }, requests / reads);
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
