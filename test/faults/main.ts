import { parseArgs } from "node:util";
import { type Binaries, findBinaries } from "../../tools/run/binaries.ts";
import { faults } from "./all.ts";
import { check } from "./check.ts";
import { type Cure, cureOf, cures } from "./cures.ts";
import { readHistory } from "./history.ts";
import { type FaultStore, HOT_MS, withInstallation } from "./installation.ts";
import { type Removed, removalsOn, runRemoval } from "./removals.ts";
import { type Outcome, runFault } from "./run.ts";
import type { Fault } from "./stage.ts";

const help = `Usage: npm run faults -- [options]

Runs Strata on a real Dapr runtime, lets things go wrong under load, and proves from what was recorded that nothing acknowledged was lost or doubled.

  --fault A,B      only these. Default all:
${faults.map(({ name, about }) => `                     ${name.padEnd(17)} ${about}`).join("\n")}
  --store KIND     redis (appendfsync always), postgres, or both (default)
  --appends N      acknowledged appends for each fault and store. Default 10000
  --fires N        faults that must fire with a turn in flight. Default 50
  --seed N         of everything that is left to chance. Default 1
  --without A,B    switches off what keeps the promises, to see that the faults would break them:
${cures.map(({ name, about }) => `                     ${name.padEnd(17)} ${about}`).join("\n")}
  --cures          instead, take away each cure of these faults, one at a time, and see that the fault finds it missing (test/faults/README.md);
                     with runs as short as that takes
  --limit SECONDS  when a run has failed that is not done. Default: by appends and fires
  --keep           keep the data folders: histories, logs, stores
  --check FILE     run nothing, check a history that was kept
  --json           one line of JSON for each run on stdout, and nothing else there
  --help           print this

Needs Dapr 1.18 (DAPR_BIN, PATH, ~/.dapr/bin or tools/dapr/bin), redis-server and PostgreSQL.
Exit code: 0 when every promise was kept (with --cures: broken, as it must be), 1 when one was not or something failed, 2 for wrong options.`;

const LIMIT_MS = { start: 60_000, append: 60, fire: 15_000 } as const;

type Options = {
  readonly faults: readonly Fault[];
  readonly stores: readonly FaultStore[];
  readonly appends: number;
  readonly fires: number;
  readonly seed: number;
  readonly without: readonly Cure[];
  readonly limitMs: number;
  readonly cures: boolean;
  readonly keep: boolean;
  readonly json: boolean;
};

const say = (line: string): void => console.error(line);

/** A history's file to check, or what to run; undefined when help was asked for. Throws a TypeError or RangeError for wrong options. */
function readOptions(args: readonly string[]): Options | string | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      fault: { type: "string", default: faults.map(({ name }) => name).join(",") },
      store: { type: "string", default: "both" },
      appends: { type: "string", default: "10000" },
      fires: { type: "string", default: "50" },
      seed: { type: "string", default: "1" },
      without: { type: "string", default: "" },
      cures: { type: "boolean", default: false },
      limit: { type: "string" },
      keep: { type: "boolean", default: false },
      check: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  if (values.check !== undefined) return values.check;
  const appends = count("appends", values.appends);
  const fires = count("fires", values.fires);
  return {
    faults: words(values.fault).map(faultOf),
    stores: storesOf(values.store),
    appends,
    fires,
    seed: count("seed", values.seed),
    without: words(values.without).map(cureOf),
    limitMs:
      values.limit === undefined
        ? LIMIT_MS.start + appends * LIMIT_MS.append + fires * LIMIT_MS.fire
        : count("limit", values.limit) * 1_000,
    cures: values.cures,
    keep: values.keep,
    json: values.json,
  };
}

const words = (text: string): string[] => text.split(",").filter((word) => word !== "");

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new RangeError(`--${name} ${text}: expected a whole number from 1 on`);
}

function storesOf(text: string): FaultStore[] {
  if (text === "both") return ["redis", "postgres"];
  if (text === "redis" || text === "postgres") return [text];
  throw new RangeError(`--store ${text}: expected redis, postgres or both`);
}

function faultOf(name: string): Fault {
  const found = faults.find((fault) => fault.name === name);
  if (found === undefined) throw new RangeError(`--fault ${name}: expected some of ${faults.map((fault) => fault.name).join(", ")}`);
  return found;
}

/** True when every promise was kept. */
function runOn(binaries: Binaries, store: FaultStore, options: Options): Promise<boolean> {
  return withInstallation({ ...options, binaries, store, report: say }, async (site) => {
    let kept = true;
    for (const fault of options.faults) {
      const outcome = await runFault(fault, site, { ...options, report: say });
      if (outcome.violations.length > 0) kept = false;
      tell(outcome, options);
    }
    return kept;
  });
}

/** True when every cure is missed where it is taken away. */
async function removeCures(binaries: Binaries, store: FaultStore, options: Options): Promise<boolean> {
  let missed = true;
  for (const fault of options.faults)
    for (const removal of removalsOn(fault, store)) {
      const removed = await runRemoval(fault, removal, { ...options, binaries, store, report: say });
      if (removed.finding === undefined) missed = false;
      tellRemoved(removed, options);
    }
  return missed;
}

function tellRemoved(removed: Removed, { json }: Options): void {
  if (json) return console.log(JSON.stringify(removed));
  const { fault, store, without, finding, violations, seconds } = removed;
  const what = `${fault} on ${store} without ${without.join(" and ")} (${seconds} s)`;
  if (finding !== undefined) return console.log(`found      ${what}: ${finding.split("\n", 1)[0]}`);
  console.log(`NOT FOUND  ${what}`);
  for (const violation of violations) console.log(`           ${violation}`);
}

function tell(outcome: Outcome, { json, without }: Options): void {
  if (json) {
    console.log(JSON.stringify({ ...outcome, without: without.map(({ name }) => name) }));
    return;
  }
  const { fault, store, acknowledged, fired, idle, reads, contexts, seconds, violations } = outcome;
  const off = without.length === 0 ? "" : ` without ${without.map(({ name }) => name).join(", ")}`;
  console.log(
    `${violations.length === 0 ? "ok    " : "BROKEN"} ${fault} on ${store}${off}: ${acknowledged} acknowledged, ${fired} faults fired with a turn in flight (${idle} with none), ${reads} reads, ${contexts} contexts, ${seconds} s`,
  );
  for (const violation of violations) console.log(`       ${violation}`);
}

function checkFile(path: string): boolean {
  const { violations, acknowledged, reads, contexts } = check(readHistory(path), { hotMs: HOT_MS });
  console.log(`${violations.length === 0 ? "ok" : "BROKEN"}: ${acknowledged} acknowledged, ${reads} reads, ${contexts} contexts`);
  for (const violation of violations) console.log(`  ${violation}`);
  return violations.length === 0;
}

async function main(): Promise<number> {
  let options: ReturnType<typeof readOptions>;
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
  if (typeof options === "string") return checkFile(options) ? 0 : 1;
  let kept = true;
  const found = await findBinaries({ env: process.env });
  if (!found.ok) {
    say(`no Dapr runtime: ${found.why}`);
    return 1;
  }
  const run = options.cures ? removeCures : runOn;
  for (const store of options.stores) kept = (await run(found.binaries, store, options)) && kept;
  return kept ? 0 : 1;
}

process.exitCode = await main();
