import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Store, stores } from "./rig.ts";

export const measures = ["commit", "load", "growth", "hot", "live", "birth"] as const;
export type Measure = (typeof measures)[number];

export const resultsFile = fileURLToPath(new URL("results.json", import.meta.url));
export const readmeFile = fileURLToPath(new URL("../README.md", import.meta.url));

export const help = `npm run bench -- [options]

Measures Strata beside a floor that stands behind the same sidecars and on the same store, in turns, and prints medians. bench/README.md says what
is measured and what is not. Every store takes some 25 minutes on a machine that does nothing else.

  --store KIND      ${stores.join(", ")}; may stand several times. Default: all
  --measure NAME    ${measures.join(", ")}; may stand several times. Default: all
  --callers N       commits by so many callers at once; may stand several times. Default 1, 16 and 64
  --rounds N        how often ours and the floor are measured in turn. Default 5
  --quick           short phases and few contexts: shows that it works, its figures mean nothing
  --json FILE       write [{measure, store, c, value, unit, floor, ratio}] there; rows of the file that were not measured now stay
  --table           put the rows of bench/results.json into the README. With nothing else, nothing is measured
  --profile host    write CPU profiles of the host into --profile-dir (they slow it down)
  --profile-dir DIR default var/profiles
  --data DIR        where stores and logs are kept while it runs. Default: a new folder among the temporary ones, deleted at the end
  --help            this text

Progress is told on standard error. Exit code: 0, 1 when something failed, 2 for wrong options.`;

export interface Options {
  readonly stores: readonly Store[];
  readonly measures: readonly Measure[];
  readonly callers: readonly number[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly table: boolean;
  readonly measured: boolean;
  readonly profileDir: string | undefined;
  readonly dataDir: string | undefined;
}

export class OptionError extends Error {}

/** Undefined where help is asked for. Throws OptionError, or what parseArgs throws. */
export function readOptions(args: readonly string[]): Options | undefined {
  const several = { type: "string", multiple: true } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      store: several,
      measure: several,
      callers: several,
      rounds: { type: "string", default: "5" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      table: { type: "boolean", default: false },
      profile: { type: "string" },
      "profile-dir": { type: "string", default: "var/profiles" },
      data: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  if (values.profile !== undefined && values.profile !== "host") throw new OptionError(`--profile ${values.profile}: expected host`);
  return {
    stores: oneOf("--store", values.store, stores),
    measures: oneOf("--measure", values.measure, measures),
    callers: (values.callers ?? ["1", "16", "64"]).map((text) => numberIn("--callers", text, 1, 64)),
    rounds: numberIn("--rounds", values.rounds, 1, 100),
    quick: values.quick,
    json: values.json,
    table: values.table,
    measured: !(values.table && args.length === 1),
    profileDir: values.profile === undefined ? undefined : resolve(values["profile-dir"]),
    dataDir: values.data,
  };
}

function oneOf<T extends string>(name: string, given: readonly string[] | undefined, all: readonly T[]): readonly T[] {
  if (given === undefined) return all;
  return given.map((text) => {
    const found = all.find((one) => one === text);
    if (found === undefined) throw new OptionError(`${name} ${text}: expected ${all.join(", ")}`);
    return found;
  });
}

function numberIn(name: string, text: string, from: number, to: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < from || number > to)
    throw new OptionError(`${name} ${text}: expected a number from ${from} to ${to}`);
  return number;
}
