// Verdicts on mutants as they came, one JSON object a line, so that a long run that was interrupted goes on where it was.

import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { z } from "zod";
import type { Mutant } from "./mutate.ts";

/** `judged`: a digest of the mutant's text and of what it was held against. */
const Line = z.strictObject({ name: z.string(), judged: z.string(), seeds: z.int(), killed: z.string().nullable() });
type Line = z.infer<typeof Line>;

export class Kept {
  readonly #path: string;
  readonly #seeds: number;
  readonly #judges = digestOf(judges());
  readonly #lines: ReadonlyMap<string, Line>;

  constructor(path: string, seeds: number) {
    this.#path = path;
    this.#seeds = seeds;
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    // Of a line that was being written when the run ended, nothing is believed.
    if (text !== "" && !text.endsWith("\n")) appendFileSync(path, "\n");
    const lines = text.split("\n").flatMap((line) => readLine(line) ?? []);
    this.#lines = new Map(lines.map((line) => [line.name, line]));
  }

  /** What became of this mutant; undefined where it was never judged, or its text, the claims or the simulator were others, or the seeds fewer. */
  find(mutant: Mutant): { readonly killed: string | undefined } | undefined {
    const line = this.#lines.get(mutant.name);
    if (line === undefined || line.judged !== this.#judgedOf(mutant)) return undefined;
    if (line.killed === null && line.seeds < this.#seeds) return undefined;
    return { killed: line.killed ?? undefined };
  }

  add(mutant: Mutant, killed: string | undefined): void {
    const line: Line = { name: mutant.name, judged: this.#judgedOf(mutant), seeds: this.#seeds, killed: killed ?? null };
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }

  #judgedOf({ text }: Mutant): string {
    return digestOf([this.#judges, text]);
  }
}

const digestOf = (texts: readonly string[]): string => createHash("sha256").update(texts.join("\0")).digest("hex").slice(0, 32);

/** The texts of the claims and of the simulator. */
function judges(): string[] {
  const urls = ["../actors/", "../sim/"].flatMap((folder) => {
    const url = new URL(folder, import.meta.url);
    const names = readdirSync(url).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
    return names.sort().map((name) => new URL(name, url));
  });
  return [...urls, new URL("claims.ts", import.meta.url)].map((url) => readFileSync(url, "utf8"));
}

function readLine(text: string): Line | undefined {
  try {
    return Line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
