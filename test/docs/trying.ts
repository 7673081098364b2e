// What the documents show, tried at an installation.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { filesUnder } from "../tidy/source.ts";
import { type Block, blocksOf, promisedBy } from "./blocks.ts";
import { type Place, root, run } from "./serving.ts";

export const blocks: readonly Block[] = filesUnder(root, ".md").flatMap((page) => blocksOf(page, readFileSync(join(root, page), "utf8")));
export const named = ({ page, line }: Block): string => `${page}:${line}`;
export const examples: readonly string[] = readdirSync(join(root, "examples")).filter((name) => /^\d\d-/.test(name));

/** Runs it as it stands, but for the address and the folder of data, and holds its answers to what it says they are. */
export async function trySession({ code: session }: Block, { url, keyFile }: Place): Promise<void> {
  const script = session.replaceAll("http://127.0.0.1:3500", url).replaceAll("var/local/root.key", keyFile);
  const { code, stdout, stderr } = await run("bash", ["-euo", "pipefail", "-c", script]);
  expect(code, stderr).toBe(0);
  const answers = stdout.split("\n").filter((line) => line !== "");
  const promised = promisedBy(session);
  expect(answers).toHaveLength(promised.length);
  for (const [i, answer] of answers.entries()) expect(answer).toMatch(promised[i] ?? /^$/);
}

/** An example ends well and says one line. */
export async function tryExample(name: string, { url, grant }: Place): Promise<void> {
  const { code, stdout, stderr } = await run(process.execPath, [`examples/${name}/main.ts`], { STRATA_URL: url, STRATA_GRANT: grant });
  expect(code, stderr).toBe(0);
  expect(stdout.trim().split("\n")).toHaveLength(1);
}
