import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Binaries, findBinaries } from "../tools/run/binaries.ts";
import { openDaprRig } from "./dapr-rig.ts";
import { openEmbeddedRig } from "./embedded-rig.ts";
import { measureCommits, warmUp } from "./measures/commit.ts";
import { measureGrowth } from "./measures/growth.ts";
import { measureHotReads } from "./measures/hot.ts";
import { measureLive } from "./measures/live.ts";
import { measureLoads } from "./measures/load.ts";
import { help, type Measure, OptionError, type Options, readmeFile, readOptions, resultsFile } from "./options.ts";
import { type Plan, quickPlan, wholePlan } from "./plan.ts";
import type { HostSettings, Rig, RigOptions, Store } from "./rig.ts";
import { mergeRows, type Row, readRows } from "./rows.ts";
import { tableOf, writeTable } from "./table.ts";

/** So many make groups; and with events on only so many, since what events cost is CPU, and with fewer there is some to spare. */
const CALLERS_IN_GROUPS = 64;
const grouped = { measure: "commit v a bare group commit", callers: [CALLERS_IN_GROUPS], turns: "all", floor: "group" } as const;
const CALLERS_AT_BIRTH = [1, 16];

interface Run {
  readonly options: Options;
  readonly plan: Plan;
  /** Undefined where no real daprd is measured. */
  readonly binaries: Binaries | undefined;
}

const say = (line: string): void => console.error(line);

async function main(): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (reason) {
    say(`${reason instanceof Error ? reason.message : String(reason)}; see --help`);
    return 2;
  }
  if (options === undefined) {
    console.log(help);
    return 0;
  }
  try {
    if (options.measured) await measureAll(options);
    if (options.table) writeTable(readmeFile, rowsOfResults());
    return 0;
  } catch (reason) {
    say(reason instanceof OptionError ? reason.message : reason instanceof Error ? (reason.stack ?? reason.message) : String(reason));
    return 1;
  }
}

function rowsOfResults(): Row[] {
  if (existsSync(resultsFile)) return readRows(resultsFile);
  throw new OptionError(`${resultsFile} is not there; measure first: npm run bench -- --json bench/results.json`);
}

async function measureAll(options: Options): Promise<void> {
  const found = options.stores.some((store) => store !== "embedded") ? await findBinaries({ env: process.env, report: say }) : undefined;
  if (found?.ok === false) throw new Error(`no Dapr runtime: ${found.why}`);
  const plan = (options.quick ? quickPlan : wholePlan)(options.rounds);
  const rows: Row[] = [];
  for (const store of options.stores) {
    rows.push(...(await measureStore(store, { options, plan, binaries: found?.binaries })));
    // After each store: an hour's figures are not lost to what comes after them.
    if (options.json !== undefined) mergeRows(options.json, rows, existsSync(options.json) ? readRows(options.json) : []);
  }
  console.log(tableOf(rows));
}

async function measureStore(store: Store, run: Run): Promise<Row[]> {
  const { plan, options } = run;
  const { callers } = options;
  const asked = (...names: readonly Measure[]): boolean => names.some((name) => options.measures.includes(name));
  const rows: Row[] = [];
  if (asked("commit", "load", "growth", "hot"))
    await withRig(store, { events: false }, run, async (rig) => {
      if (asked("commit"))
        rows.push(...(await measureCommits(rig, { measure: "commit", callers, turns: "all", floor: "write" }, plan, say)));
      if (asked("commit") && callers.includes(CALLERS_IN_GROUPS)) rows.push(...(await measureCommits(rig, grouped, plan, say)));
      if (asked("load")) rows.push(...(await measureLoads(rig, plan, say)));
      if (asked("growth")) rows.push(...(await measureGrowth(rig, plan, say)));
      if (asked("hot")) rows.push(...(await measureHotReads(rig, say)));
    });
  if (asked("commit") && callers.includes(CALLERS_IN_GROUPS))
    await withRig(store, { events: true }, run, async (rig) => {
      const commits = { measure: "commit with events", callers: [CALLERS_IN_GROUPS], turns: "all", floor: "write" } as const;
      rows.push(...(await measureCommits(rig, commits, plan, say)));
    });
  if (asked("birth", "live"))
    await withRig(store, { events: false }, run, async (rig) => {
      if (asked("live")) rows.push(...(await measureLive(rig, plan, say)));
      // Last: each of these contexts is tended a minute later.
      if (asked("birth"))
        rows.push(...(await measureCommits(rig, { measure: "birth", callers: CALLERS_AT_BIRTH, turns: "one", floor: "write" }, plan, say)));
    });
  return rows;
}

/** What was kept goes when all went well; after a failure it stays, for its logs. */
async function withRig(store: Store, host: HostSettings, run: Run, work: (rig: Rig) => Promise<void>): Promise<void> {
  const { dataDir: parent = tmpdir(), profileDir } = run.options;
  mkdirSync(parent, { recursive: true });
  const dataDir = mkdtempSync(join(parent, "strata-bench-"));
  try {
    await using rig = await openRig(store, { dataDir, host, profileDir, report: say }, run.binaries);
    await warmUp(rig, run.plan);
    await work(rig);
  } catch (reason) {
    say(`the logs of what failed are in ${join(dataDir, "logs")}`);
    throw reason;
  }
  rmSync(dataDir, { recursive: true, force: true });
}

function openRig(store: Store, options: RigOptions, binaries: Binaries | undefined): Promise<Rig> {
  if (store === "embedded") return openEmbeddedRig(options);
  if (binaries === undefined) throw new Error("no Dapr runtime was looked for");
  return openDaprRig({ ...options, store, binaries });
}

process.exitCode = await main();
