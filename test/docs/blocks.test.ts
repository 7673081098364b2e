import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Block } from "./blocks.ts";
import { notRun } from "./not-run.data.ts";
import { root, run, type Serving, serve } from "./serving.ts";
import { blocks, commands, examples, named, nameOf, tryCommands, tryExample, trySession } from "./trying.ts";

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
  test(`the session at ${named(block)} answers what it says it answers`, () => trySession(block, reached()));
}

for (const block of ofKind("ts")) {
  const file = join(folder, `${block.page.replaceAll(/[/.]/g, "-")}-${block.line}.ts`);

  writeFileSync(file, `${block.code}\nexport {};\n`);

  test(`the TypeScript at ${named(block)} has no type error`, () => {
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

for (const block of commands) {
  test(`the commands at ${named(block)} do what they are there for`, () => tryCommands(block, reached()));
}

for (const block of ofKind("sh").filter((one) => notRun[nameOf(one)] !== undefined)) {
  console.log(`not run: the commands at ${named(block)}: ${notRun[nameOf(block)]}`);
  test(`the commands at ${named(block)}, which are not run, are commands`, async () => {
    const { code, stderr } = await run("bash", ["-n", "-c", block.code]);
    expect(code, stderr).toBe(0);
  });
}

test("commands stand in blocks that are run, or are listed with the reason why not; and no reason is left for a block that is gone", () => {
  expect(commands.length).toBeGreaterThan(2);
  const there = ofKind("sh").map(nameOf);
  expect(Object.keys(notRun).filter((name) => !there.includes(name))).toEqual([]);
  const unmarked = ofKind("").filter(({ code }) => /^(?:npm|npx|node|docker|dapr|kubectl|curl|git|bash|\S+\.sh)\b/m.test(code));
  expect(unmarked.map(named)).toEqual([]);
});

test("examples are numbered without a gap, and each stands in their page with its claim", () => {
  const page = readFileSync(join(root, "examples/README.md"), "utf8");
  expect(examples.map((name) => Number(name.slice(0, 2)))).toEqual(examples.map((_, i) => i + 1));
  for (const name of examples) expect(page).toMatch(new RegExp(`^\\| \\[${name}\\]\\(${name}/main\\.ts\\) \\| .+ \\|$`, "m"));
});

for (const name of examples) {
  test(`examples/${name} finds its claim to be so`, () => tryExample(name, reached()));
}

function reached(): Serving {
  if (serving === undefined) throw new Error("npm start does not run");
  return serving;
}
