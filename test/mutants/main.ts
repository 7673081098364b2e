// `npm run mutants`: shows that the simulator and the claims find what is wrong, by making it wrong in every place.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { Kept } from "./kept.ts";
import { mutated, readMutants, runMutants, runRules, type Verdict } from "./run.ts";

const SEEDS = 400;
const MINUTE_MS = 60_000;

const help = `npm run mutants -- [options]

Changes every condition, await, return (what stands behind an arrow is one), throw and statement of the files by which a turn is queued, prepared,
committed, loaded and ended, one at a time, and holds each mutant against the claims of test/actors and against seeds of the simulator. A mutant is
killed by a claim or an invariant that does not hold, or by not coming to an end. Those that survive must stand in test/mutants/survivors.json, each with the reason why it may.

  --file NAME   only mutants of files with NAME in their path; may be given several times
  --name TEXT   only mutants with TEXT in their name
  --seeds N     how many seeds a mutant must survive; default ${SEEDS}
  --workers N   default: as many as there are cores
  --json        print one line {"killed", "survived", "unlisted", "risen", "mutants": [{"name", "line", "killed"}]}
  --keep FILE   append each verdict to FILE as a line of JSON, and skip the mutants that stand there already, so that a run can be interrupted;
                those are tried again whose own file, the claims or the simulator have changed. After other changes begin a new file
  --list        print the mutants and run none
  --rules       instead, break the rules of a commit by hand (test/mutants/rules.data.ts), and print the first claim and the first seed that find each
  --help        print this

Files: ${mutated.join(", ")}
Exit code: 0 where every survivor is listed and every listed one of these files survives, 1 otherwise.`;

const Survivors = z.array(z.strictObject({ mutant: z.string(), why: z.string().min(10) }));

const { values } = parseArgs({
  options: {
    file: { type: "string", multiple: true, default: [] },
    name: { type: "string" },
    seeds: { type: "string", default: String(SEEDS) },
    workers: { type: "string" },
    json: { type: "boolean", default: false },
    keep: { type: "string" },
    list: { type: "boolean", default: false },
    rules: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function count(name: "seeds" | "workers"): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${name}: ${values[name]} is not a whole number from 1 on`);
}

function readSurvivors(): Map<string, string> {
  const text = readFileSync(new URL("./survivors.json", import.meta.url), "utf8");
  return new Map(Survivors.parse(JSON.parse(text)).map(({ mutant, why }) => [mutant, why]));
}

async function breakRules(): Promise<boolean> {
  const seeds = Array.from({ length: count("seeds") }, (_, i) => i + 1);
  const verdicts = await runRules(() => ({ claims: true, seeds }), values.workers === undefined ? undefined : count("workers"));
  for (const { rule, claim, seed } of verdicts) {
    console.log(`${claim === undefined && seed === undefined ? "NOT FOUND" : "found"}  ${rule.rule}: ${rule.broken}`);
    console.log(`       ${claim === undefined ? "no claim" : `claim: ${claim}`}\n       ${seed ?? "no seed"}`);
  }
  return verdicts.every(({ claim, seed }) => claim !== undefined || seed !== undefined);
}

async function main(): Promise<boolean> {
  if (values.rules) return breakRules();
  const files = mutated.filter((file) => values.file.length === 0 || values.file.some((part) => file.includes(part)));
  const mutants = readMutants(files).filter(({ name }) => name.includes(values.name ?? ""));
  if (mutants.length === 0) throw new Error(`no mutant has these names; files are ${mutated.join(", ")}`);
  if (values.list) {
    for (const { name, line } of mutants) console.log(`${line}: ${name}`);
    return true;
  }
  const seeds = count("seeds");
  const progress = new Progress(mutants.length);
  const kept = values.keep === undefined ? undefined : new Kept(values.keep, seeds);
  const workers = values.workers === undefined ? undefined : count("workers");
  const verdicts = await runMutants(mutants, seeds, workers, (verdict) => progress.add(verdict), kept);
  progress.end();
  return report(verdicts, readSurvivors());
}

/** On stderr: a line that changes where somebody watches, and a new one every minute where it is kept. */
class Progress {
  readonly #of: number;
  readonly #minutely: NodeJS.Timeout | undefined;
  #done = 0;
  #alive = 0;

  constructor(of: number) {
    this.#of = of;
    if (!process.stderr.isTTY) this.#minutely = setInterval(() => process.stderr.write(`${this.#line()}\n`), MINUTE_MS);
  }

  add({ killed }: Verdict): void {
    this.#done++;
    if (killed === undefined) this.#alive++;
    if (process.stderr.isTTY) process.stderr.write(`\r${this.#line()} `);
  }

  end(): void {
    clearInterval(this.#minutely);
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }

  #line(): string {
    return `${this.#done} of ${this.#of} mutants, ${this.#alive} alive`;
  }
}

function report(verdicts: readonly Verdict[], listed: ReadonlyMap<string, string>): boolean {
  const survived = verdicts.filter(({ killed }) => killed === undefined);
  const unlisted = survived.filter(({ mutant }) => !listed.has(mutant.name));
  // Listed as survivors, but killed now: the reason was wrong, or the tests have become better.
  const risen = verdicts.filter(({ mutant, killed }) => killed !== undefined && listed.has(mutant.name));
  const killed = verdicts.length - survived.length;
  if (values.json) {
    const mutants = verdicts.map(({ mutant, killed }) => ({ name: mutant.name, line: mutant.line, killed: killed ?? null }));
    console.log(JSON.stringify({ killed, survived: survived.length, unlisted: unlisted.length, risen: risen.length, mutants }));
  } else {
    for (const { mutant } of survived) {
      const why = listed.get(mutant.name);
      console.log(
        `${why === undefined ? "SURVIVES" : "survives"} ${mutant.file}:${mutant.line} ${mutant.name.slice(mutant.file.length + 1)}`,
      );
      if (why !== undefined) console.log(`         ${why}`);
    }
    for (const { mutant, killed } of risen)
      console.log(`KILLED   ${mutant.file}:${mutant.line} ${mutant.name}, listed as a survivor: ${killed}`);
    console.log(`${killed} of ${verdicts.length} mutants killed, ${survived.length} survive, ${unlisted.length} of them without a reason`);
  }
  return unlisted.length === 0 && risen.length === 0;
}

if (values.help) console.log(help);
else {
  try {
    process.exitCode = (await main()) ? 0 : 1;
  } catch (reason) {
    console.error(reason instanceof Error ? reason.message : reason);
    process.exitCode = 1;
  }
}
