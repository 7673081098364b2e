// `npm test`: types, style, and every test, with one plain line at the end that says how it went.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { findBinaries } from "../tools/run/binaries.ts";

const help = `npm test [-- options] [filter …]

Runs the type check, the style check and all tests. A filter is a part of a test file's path: npm test -- test/core runs these alone.
Options are handed on to vitest: -t NAME runs the tests whose name has NAME in it, --project unit leaves the real Dapr runtime out.

  --no-build   do not build the Dapr runtime where there is none
  --help       print this

Tests on the real Dapr runtime (*.real.test.ts) use the binaries of DAPR_BIN, PATH, ~/.dapr/bin or tools/dapr/bin. Where there are none they are
built, and where they cannot be built these tests are skipped and the reason is printed; with STRATA_REQUIRE_DAPR=1 that is a failure.
STRATA_DATA names the folder of development data, default ../shared/data; tests that need it say so where it is not there.

The last line is "N passed, N failed", whatever happens; STRATA_LAST_LINE names a file that gets it as well. Exit code: 0 where nothing failed, 1 otherwise.`;

type Count = { readonly passed: number; readonly failed: number; readonly skipped: number };

const root = fileURLToPath(new URL("..", import.meta.url));
/** Colours are for terminals: who reads this from a file or a pipe sees words. */
const coloured = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined };
/** Hosts and commands are started some two hundred times, and half of what a start costs is compiling the same sources. */
const plain = { NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node"), ...coloured };
const say = (line: string): void => console.log(line);
const add = (a: Count, b: Count): Count => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});
const none: Count = { passed: 0, failed: 0, skipped: 0 };
const passed: Count = { ...none, passed: 1 };
const failed: Count = { ...none, failed: 1 };

/** Runs one of the project's own programs under this Node. */
function run(script: string, args: readonly string[], quiet: boolean): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [join(root, script), ...args], {
    cwd: root,
    env: plain,
    stdio: ["ignore", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    child.once("error", (reason) => resolve({ code: 1, output: reason.message }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

async function check(name: string, script: string, args: readonly string[]): Promise<Count> {
  const began = performance.now();
  const { code, output } = await run(script, args, true);
  const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
  say(code === 0 ? `ok      ${name} (${took})` : `FAILED  ${name} (${took})\n${output.trimEnd()}`);
  return code === 0 ? passed : failed;
}

const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
});

/** A file that does not load, and an error outside of any test, count as one failure each. */
function countTests(report: z.infer<typeof Report>, code: number): Count {
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failures = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    failed: failures === 0 && code !== 0 ? 1 : failures,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function runTests(args: readonly string[]): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), "strata-test-"));
  const file = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const { code } = await run("node_modules/vitest/vitest.mjs", ["run", ...reporters, ...args], false);
    const text = await readFile(file, "utf8").catch(() => undefined);
    return text === undefined ? failed : countTests(Report.parse(JSON.parse(text)), code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Undefined where the real runtime is there, else why it is not. */
async function whyNotReal(build: boolean): Promise<string | undefined> {
  const found = await findBinaries({ env: process.env, build, report: (line) => say(`        ${line}`) });
  if (found.ok) say(`ok      daprd ${found.binaries.version}: ${found.binaries.daprd}`);
  return found.ok ? undefined : found.why;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    say(help);
    return 0;
  }
  const rest = args.filter((argument) => argument !== "--no-build");
  const required = !["", "0", "false", undefined].includes(process.env.STRATA_REQUIRE_DAPR);
  const ownProject = rest.some((argument) => argument.startsWith("--project"));
  const checks = await Promise.all([
    check("types: tsc -p .", "node_modules/typescript/bin/tsc", ["-p", "."]),
    check("style: biome check .", "node_modules/@biomejs/biome/bin/biome", ["check", "--colors=off", "."]),
  ]);
  const why = ownProject ? undefined : await whyNotReal(rest.length === args.length);
  const tests = await runTests(why === undefined ? rest : [...rest, "--project", "unit"]);
  const total = [...checks, tests, why !== undefined && required ? failed : none].reduce(add);
  if (why !== undefined) say(`${required ? "FAILED " : "skipped"} tests on the real Dapr runtime (*.real.test.ts): ${why}`);
  if (total.skipped > 0) say(`${total.skipped} skipped; each says why above or in its file`);
  return await conclude(total);
}

async function conclude({ passed, failed }: Pick<Count, "passed" | "failed">): Promise<number> {
  const line = `${passed} passed, ${failed} failed`;
  say(line);
  // For who runs this among other programs, whose words may come after these.
  if (process.env.STRATA_LAST_LINE) await writeFile(process.env.STRATA_LAST_LINE, `${line}\n`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch((reason: unknown) => {
  console.error("FAILED  the tests could not be run:", reason);
  return conclude(failed);
});
