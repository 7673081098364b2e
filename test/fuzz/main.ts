import { parseArgs } from "node:util";
import { entries } from "./entries.ts";
import { type Ran, runEntry } from "./run.ts";

const help = `npm run fuzz -- [options]

Sends generated input through every entry of Strata, in this process: bodies, ids, tokens, rows of a damaged store, answers of a broken sidecar, raw
HTTP. Nothing may be thrown that is not meant to be, nothing may hang, change what it was refused, or show what it was sent.

  --cases N      cases altogether, shared out as in the tests. Default: as many as in the tests
  --seed S       draws the same cases again. Default: another one each time; it is printed
  --entry NAME   this one alone: ${entries.map(({ name }) => name).join(", ")}
  --json         one line of JSON for each entry on stdout, and nothing else there
  --help         print this

A case that fails is made small, kept in test/fuzz/corpus, and run first from then on. Exit code: 0 where all held, 1 otherwise, 2 for wrong options.`;

const say = (line: string): void => console.error(line);

function readOptions() {
  const { values } = parseArgs({
    options: {
      cases: { type: "string" },
      seed: { type: "string" },
      entry: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const cases = values.cases === undefined ? undefined : Number(values.cases);
  if (cases !== undefined && !(Number.isInteger(cases) && cases > 0))
    throw new Error(`--cases: saw "${values.cases}"; give a number above 0`);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  if (!Number.isInteger(seed)) throw new Error(`--seed: saw "${values.seed}"; give a whole number`);
  const chosen = entries.filter(({ name }) => values.entry === undefined || name === values.entry);
  if (chosen.length === 0)
    throw new Error(`--entry: there is no "${values.entry}"; there are ${entries.map(({ name }) => name).join(", ")}`);
  return { cases, seed, chosen, json: values.json, help: values.help };
}

function show({ entry, kept, cases, ms, failure }: Ran): string {
  if (failure === undefined) return `ok      ${entry}: ${cases} cases and ${kept} kept ones (${(ms / 1000).toFixed(1)} s)`;
  return `FAILED  ${entry} after ${cases} cases: ${failure.why}\n        again with: npm run fuzz -- --entry ${entry} --seed ${failure.seed}\n        kept as ${failure.file}`;
}

async function main(): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions();
  } catch (reason) {
    say(`${reason instanceof Error ? reason.message : String(reason)}; see --help`);
    return 2;
  }
  if (options.help) {
    console.log(help);
    return 0;
  }
  const { cases, seed, chosen, json } = options;
  say(`seed ${seed}`);
  const usual = chosen.reduce((sum, entry) => sum + entry.cases, 0);
  let failed = 0;
  let total = 0;
  for (const entry of chosen) {
    const ran = await runEntry(entry, Math.max(1, Math.round((entry.cases * (cases ?? usual)) / usual)), seed);
    if (ran.failure !== undefined) failed++;
    total += ran.cases;
    if (json) console.log(JSON.stringify(ran));
    else console.log(show(ran));
  }
  say(`${total} cases, ${failed === 0 ? "all held" : `${failed} of ${chosen.length} entries failed`}`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
