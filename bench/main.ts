import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Binaries, findBinaries } from "../tools/run/binaries.ts";
import { openDaprRig } from "./dapr-rig.ts";
import { openEmbeddedRig } from "./embedded-rig.ts";
import { measureCommits } from "./measures/commit.ts";
import { measureGrowth } from "./measures/growth.ts";
import { measureHotReads } from "./measures/hot.ts";
import { measureLive } from "./measures/live.ts";
import { measureLoads } from "./measures/load.ts";
import { help, type Options, readmeFile, readOptions, resultsFile } from "./options.ts";
import { type Plan, quickPlan, wholePlan } from "./plan.ts";
import type { Rig, Store } from "./rig.ts";
import { mergeRows, type Row, readRows } from "./rows.ts";
import { tableOf, writeTable } from "./table.ts";

/** With events on only this many callers: the difference is in what they all wait for. */
const CALLERS_WITH_EVENTS = 64;

const say = (line: string): void => console.error(line);

async function measureStore(store: Store, options: Options, plan: Plan, binaries: Binaries | undefined): Promise<Row[]> {
  const { measures, callers } = options;
  const rows: Row[] = [];
  const without = measures.length > 0;
  if (without) {
    await using rig = await openRig(store, false, options, binaries);
    if (measures.includes("commit")) rows.push(...(await measureCommits(rig, { callers, suffix: "" }, plan, say)));
    if (measures.includes("load")) rows.push(...(await measureLoads(rig, plan, say)));
    if (measures.includes("growth")) rows.push(...(await measureGrowth(rig, plan, say)));
    if (measures.includes("hot")) rows.push(...(await measureHotReads(rig, say)));
    if (measures.includes("live")) rows.push(...(await measureLive(rig, plan, say)));
  }
  if (measures.includes("commit") && callers.includes(CALLERS_WITH_EVENTS)) {
    await using rig = await openRig(store, true, options, binaries);
    rows.push(...(await measureCommits(rig, { callers: [CALLERS_WITH_EVENTS], suffix: " with events" }, plan, say)));
  }
  return rows;
}

async function openRig(store: Store, events: boolean, options: Options, binaries: Binaries | undefined): Promise<Rig> {
  const parent = options.dataDir ?? tmpdir();
  mkdirSync(parent, { recursive: true });
  const dataDir = mkdtempSync(join(parent, "strata-bench-"));
  const { profileDir } = options;
  const common = { dataDir, events, profileDir: profileDir === undefined ? undefined : resolve(profileDir), report: say };
  try {
    const rig = store === "embedded" ? await openEmbeddedRig(common) : await openDaprRig({ ...common, store, binaries: needed(binaries) });
    return Object.defineProperty(rig, Symbol.asyncDispose, { value: () => dispose(rig[Symbol.asyncDispose], dataDir) });
  } catch (reason) {
    say(`logs are in ${join(dataDir, "logs")}`);
    throw reason;
  }
}
