// What the documents show, tried at an installation.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { filesUnder } from "../tidy/source.ts";
import { type Block, blocksOf, promisedBy } from "./blocks.ts";
import { notRun } from "./not-run.data.ts";
import { type Place, root, run } from "./serving.ts";

/** tools/dapr is not walked, for what a build leaves there. */
const pages = [...filesUnder(root, ".md"), "tools/dapr/README.md"];
export const blocks: readonly Block[] = pages.flatMap((page) => blocksOf(page, readFileSync(join(root, page), "utf8")));
export const named = ({ page, line }: Block): string => `${page}:${line}`;
export const examples: readonly string[] = readdirSync(join(root, "examples")).filter((name) => /^\d\d-/.test(name));

/** As test/docs/not-run.data.ts names it: its page and its first line without the comment. */
export const nameOf = ({ page, code }: Block): string => `${page}: ${(code.split("\n", 1)[0] ?? "").replace(/\s+#.*$/, "")}`;

/** Blocks of commands that can be tried where Strata runs. */
export const commands: readonly Block[] = blocks.filter((block) => block.info === "sh" && notRun[nameOf(block)] === undefined);

/** Runs it as it stands, but for the folder of data; where Strata answers comes from the environment. Every command must succeed. */
export async function tryCommands({ code: script }: Block, { url, keyFile }: Place): Promise<void> {
  const placed = script.replaceAll("var/local/root.key", keyFile);
  const { code, stderr } = await run("bash", ["-euo", "pipefail", "-c", placed], { STRATA_URL: url });
  expect(code, stderr).toBe(0);
}

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
