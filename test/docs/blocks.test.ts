import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { filesUnder } from "../tidy/source.ts";
import { type Block, blocksOf, promisedBy } from "./blocks.ts";
import { root, run, type Serving, serve } from "./serving.ts";

const blocks = filesUnder(root, ".md").flatMap((page) => blocksOf(page, readFileSync(join(root, page), "utf8")));
const named = ({ page, line }: Block): string => `${page}:${line}`;
const ofKind = (info: string): Block[] => blocks.filter((block) => block.info === info);

/** Inside the project, so that a block may import what a reader would. */
mkdirSync(join(root, "var"), { recursive: true });
const folder = mkdtempSync(join(root, "var", "blocks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let serving: Serving | undefined;
beforeAll(async () => {
  serving = await serve();
});
afterAll(() => serving?.[Symbol.asyncDispose]());

test("every block says what it is in", () => {
  const known = ["", "sh", "sh session", "ts", "json"];
  expect(blocks.filter(({ info }) => !known.includes(info)).map(named)).toEqual([]);
  expect(ofKind("sh session").length).toBeGreaterThan(0);
  expect(ofKind("ts").length).toBeGreaterThan(0);
});

for (const block of ofKind("sh session")) {
  test(`the session at ${named(block)} answers what it says it answers`, async () => {
    const { url, keyFile } = reached();
    const script = block.code.replaceAll("http://127.0.0.1:3500", url).replaceAll("var/local/root.key", keyFile);
    const { code, stdout, stderr } = await run("bash", ["-euo", "pipefail", "-c", script]);
    expect(code, stderr).toBe(0);
    const answers = stdout.split("\n").filter((line) => line !== "");
    const promised = promisedBy(block.code);
    expect(answers).toHaveLength(promised.length);
    for (const [i, answer] of answers.entries()) expect(answer).toMatch(promised[i] ?? /^$/);
  });
}

for (const block of ofKind("ts")) {
  const file = join(folder, `${block.page.replaceAll(/[/.]/g, "-")}-${block.line}.ts`);

  test(`the TypeScript at ${named(block)} has no type error`, () => {
    writeFileSync(file, `${block.code}\nexport {};\n`);
    const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent({ ...config, files: [file], include: [] }, ts.sys, root);
    const errors = ts.getPreEmitDiagnostics(ts.createProgram([file], options));
    expect(errors.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
  });

  test(`the TypeScript at ${named(block)} runs`, async () => {
    const { url, grant } = reached();
    const { code, stderr } = await run(process.execPath, [file], { STRATA_URL: url, STRATA_GRANT: grant });
    expect(code, stderr).toBe(0);
  });
}

for (const block of ofKind("json")) {
  test(`the JSON at ${named(block)} is JSON`, () => {
    expect(() => JSON.parse(block.code)).not.toThrow();
  });
}

for (const block of ofKind("sh")) {
  test(`the commands at ${named(block)} are commands`, async () => {
    const { code, stderr } = await run("bash", ["-n", "-c", block.code]);
    expect(code, stderr).toBe(0);
  });
}

const examples = readdirSync(join(root, "examples")).filter((name) => /^\d\d-/.test(name));

test("examples are numbered without a gap, and each stands in their page with its claim", () => {
  const page = readFileSync(join(root, "examples/README.md"), "utf8");
  expect(examples.map((name) => Number(name.slice(0, 2)))).toEqual(examples.map((_, i) => i + 1));
  for (const name of examples) expect(page).toMatch(new RegExp(`^\\| \\[${name}\\]\\(${name}/main\\.ts\\) \\| .+ \\|$`, "m"));
});

for (const name of examples) {
  test(`examples/${name} finds its claim to be so`, async () => {
    const { url, grant } = reached();
    const { code, stdout, stderr } = await run(process.execPath, [`examples/${name}/main.ts`], { STRATA_URL: url, STRATA_GRANT: grant });
    expect(code, stderr).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(1);
  });
}

function reached(): Serving {
  if (serving === undefined) throw new Error("npm start does not run");
  return serving;
}
