// A process in which the actors can be a mutant: their modules, and those of the core, are loaded once more under another address, one of them with other text.

import { registerHooks } from "node:module";
import type { Code } from "../sim/host.ts";
import { serveTasks } from "../sim/pool.ts";
import { simulate } from "../sim/simulate.ts";
import { broken } from "./claims.ts";

/** Loads the mutant and holds it against the claims about single parts, or against seeds of the simulator. */
export type MutantTask = { readonly id: number; readonly file: string; readonly text: string; readonly against: Against };
export type Against = "claims" | { readonly seeds: readonly number[]; readonly steps: number };
/** What killed it, if anything did: a claim, a seed, or that it could not even be loaded. */
export type MutantResult = { readonly killed: string | undefined; readonly claim?: string; readonly seed?: number };

const root = new URL("../../", import.meta.url).href;
const reloaded = ["actors/", "core/"];
const texts = new Map<string, string>();
const stray: unknown[] = [];
process.on("unhandledRejection", (reason) => stray.push(reason));

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const mutant = /\?mutant=\d+$/.exec(context.parentURL ?? "")?.[0] ?? "";
    return mutant !== "" && reloaded.some((folder) => resolved.url.startsWith(root + folder))
      ? { ...resolved, url: resolved.url + mutant }
      : resolved;
  },
  load(url, context, next) {
    const source = texts.get(url);
    return source === undefined ? next(url, context) : { format: "module-typescript", source, shortCircuit: true };
  },
});

serveTasks((task: MutantTask) => work(task).catch((reason: unknown) => ({ killed: `it does not run: ${String(reason)}` })));

async function work({ id, file, text, against }: MutantTask): Promise<MutantResult> {
  const mutant = `?mutant=${id}`;
  texts.clear();
  stray.length = 0; // What the one before left behind is not this one's.
  texts.set(root + file + mutant, text);
  const load = (path: string): Promise<unknown> => import(root + path + mutant);
  if (against === "claims") {
    const claim = await broken(load);
    if (claim !== undefined) return { killed: `claim: ${claim}`, claim };
    return { killed: stray.length === 0 ? undefined : `claims: nobody caught ${String(stray[0])}` };
  }
  const code = { ...((await load("actors/context.ts")) as object), ...((await load("actors/tenant.ts")) as object) } as Code;
  for (const seed of against.seeds) {
    const { violations } = await simulate(seed, against.steps, { code });
    const [violation] = violations;
    if (violation !== undefined) return { killed: `seed ${seed}: ${violation.rule}: ${violation.what.slice(0, 200)}`, seed };
    if (stray.length > 0) return { killed: `seed ${seed}: nobody caught ${String(stray.splice(0)[0])}`, seed };
  }
  return { killed: undefined };
}
