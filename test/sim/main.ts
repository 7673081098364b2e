// `npm run sim`: more histories than a test run has time for.

import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DEFAULT_STEPS, describe, type Failure, readSeeds, runSeeds, type Sum, seedsFile } from "./seeds.ts";
import { simulate } from "./simulate.ts";

const help = `npm run sim -- [options]

Runs histories of the whole turn on simulated clocks, store, bus and runtime, each seed twice, and judges every step (test/sim/README.md).

  --seeds N     how many seeds; default 2000
  --from S      the first of them; default 1
  --steps N     steps under faults, before everything heals and comes to rest; default ${DEFAULT_STEPS}
  --seed S      one seed alone
  --trace       with --seed: print what happened, line by line
  --workers N   default: as many as there are cores
  --json        print one line {"seeds", "steps", "rest", "seconds", "stepsPerSecond", "judged", "failures"}
  --help        print this

A seed that fails is printed with the faults that it drew, and appended to test/sim/seeds.txt, which every test run repeats.
Exit code: 0 where every history held, 1 otherwise.`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    steps: { type: "string", default: String(DEFAULT_STEPS) },
    seed: { type: "string" },
    workers: { type: "string" },
    trace: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function count(name: "seeds" | "from" | "steps" | "seed" | "workers"): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${name}: ${values[name]} is not a whole number from 1 on`);
}

const seconds = (since: number): number => Number(((performance.now() - since) / 1000).toFixed(2));

function keep(failures: readonly Failure[]): void {
  const known = new Set(readSeeds().map(({ from, steps }) => `${from} ${steps}`));
  for (const { seed, steps, violation } of failures) {
    if (known.has(`${seed} ${steps}`)) continue;
    appendFileSync(seedsFile, `${seed} ${steps} # ${violation.rule}: ${violation.what.split("\n", 1)[0]?.slice(0, 100)}\n`);
  }
}

async function traceOne(seed: number, steps: number): Promise<boolean> {
  const { trace, faults, violations, digest } = await simulate(seed, steps, { trace: true });
  for (const line of trace) console.log(line);
  console.log(`seed ${seed}, trace ${digest}, faults ${JSON.stringify(faults)}`);
  for (const { rule, what, step } of violations) console.log(`step ${step}: ${rule}: ${what}`);
  return violations.length === 0;
}

async function runAll(): Promise<boolean> {
  const began = performance.now();
  const wanted = values.seed === undefined ? count("seeds") : 1;
  const from = values.seed === undefined ? count("from") : count("seed");
  const show = !values.json && process.stderr.isTTY;
  const progress = (sum: Sum): void => {
    if (show) process.stderr.write(`\r${sum.seeds} of ${wanted} seeds, ${sum.failures.length} failed, ${seconds(began)} s `);
  };
  const sum = await runSeeds(
    [{ from, count: wanted, steps: count("steps") }],
    values.workers === undefined ? undefined : count("workers"),
    progress,
  );
  if (show) process.stderr.write("\r\x1b[K");
  keep(sum.failures);
  const took = seconds(began);
  // Both runs of a seed are work done, though only one of them counts as a history.
  const stepsPerSecond = Math.round((2 * (sum.steps + sum.rest)) / took);
  if (values.json) console.log(JSON.stringify({ ...sum, seconds: took, stepsPerSecond }));
  else {
    for (const failure of sum.failures) console.log(describe(failure));
    console.log(
      `${sum.seeds} seeds twice, ${sum.steps} steps under faults and ${sum.rest} until all was at rest, in ${took} s (${stepsPerSecond} steps/s): ${sum.failures.length} failed`,
    );
  }
  return sum.failures.length === 0;
}

if (values.help) console.log(help);
else {
  try {
    const held = values.trace && values.seed !== undefined ? await traceOne(count("seed"), count("steps")) : await runAll();
    process.exitCode = held ? 0 : 1;
  } catch (reason) {
    console.error(reason instanceof Error ? reason.message : reason);
    process.exitCode = 1;
  }
}
