// Runs entries: first what failed once, then cases drawn from a seed. What fails is kept.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Entry } from "./entry.ts";

const corpus = fileURLToPath(new URL("corpus/", import.meta.url));
const Kept = z.strictObject({ entry: z.string(), why: z.string(), case: z.unknown() });

export type Ran = {
  readonly entry: string;
  readonly kept: number;
  readonly cases: number;
  readonly ms: number;
  /** Undefined where every case held. */
  readonly failure?: { readonly why: string; readonly seed: number; readonly file: string };
};

const keptOf = (entry: string): string[] => (existsSync(corpus) ? readdirSync(corpus).filter((file) => file.startsWith(`${entry}.`)) : []);

/** The first of the cases that failed before and fails again. */
async function runKept(
  entry: Entry,
): Promise<{ readonly count: number; readonly failure?: { readonly why: string; readonly file: string } }> {
  const files = keptOf(entry.name);
  for (const file of files) {
    const kept = Kept.parse(JSON.parse(readFileSync(corpus + file, "utf8")));
    const why = await entry.again(kept.case).then(
      () => undefined,
      (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
    );
    if (why !== undefined) return { count: files.length, failure: { why, file: `test/fuzz/corpus/${file}` } };
  }
  return { count: files.length };
}

export async function runEntry(entry: Entry, count: number, seed: number): Promise<Ran> {
  try {
    return await run(entry, count, seed);
  } finally {
    await entry.close();
  }
}

async function run(entry: Entry, count: number, seed: number): Promise<Ran> {
  const from = performance.now();
  const kept = await runKept(entry);
  const failure = kept.failure === undefined ? await entry.run(count, seed) : undefined;
  const ms = Math.round(performance.now() - from);
  const ran = { entry: entry.name, kept: kept.count, cases: failure?.after ?? (kept.failure === undefined ? count : 0), ms };
  if (kept.failure !== undefined) return { ...ran, failure: { ...kept.failure, seed } };
  if (failure === undefined) return ran;
  return { ...ran, failure: { why: failure.why, seed, file: keep(entry.name, failure.kept, failure.why) } };
}

function keep(entry: string, failing: unknown, why: string): string {
  const text = `${JSON.stringify({ entry, why, case: failing }, null, 2)}\n`;
  const file = `${entry}.${createHash("sha256").update(JSON.stringify(failing)).digest("hex").slice(0, 12)}.json`;
  mkdirSync(corpus, { recursive: true });
  writeFileSync(corpus + file, text);
  return `test/fuzz/corpus/${file}`;
}
