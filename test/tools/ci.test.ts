// .ci/run with programs in place of npm and the servers: whatever fails, the last line says so.

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "./folders.ts";

const script = fileURLToPath(new URL("../../.ci/run", import.meta.url));
const says = (line: string): string => `echo "${line}"; echo "${line}" > "$STRATA_LAST_LINE"`;

/** What .ci/run ends with where `npm ci` and `npm test` are these lines of a shell. */
function ci({ install = "true", tests, runtime = "true" }: { install?: string; tests: string; runtime?: string }) {
  const folder = temporaryFolder();
  const [bin, own, tools] = [join(folder, "bin"), join(folder, "repository", ".ci"), join(folder, "repository", "tools", "dapr")];
  for (const one of [bin, own, tools]) mkdirSync(one, { recursive: true });
  const programs = {
    npm: `if [ "$1" = ci ]; then ${install}; else ${tests}; fi`,
    node: runtime,
    "redis-server": "true",
    initdb: "true",
    curl: "true",
    unzip: "true",
  };
  const write = (path: string, lines: string): void => {
    writeFileSync(path, `#!/bin/sh\n${lines}\n`);
    chmodSync(path, 0o755);
  };
  for (const [name, lines] of Object.entries(programs)) write(join(bin, name), lines);
  // Which of them is the first to fail depends on whether this machine has Go.
  for (const name of ["build.sh", "go.sh"]) write(join(tools, name), "exit 1");
  copyFileSync(script, join(own, "run"));
  const { status, signal, stdout } = spawnSync("bash", [join(own, "run")], {
    env: { PATH: `${bin}:/usr/bin:/bin`, TMPDIR: folder },
    encoding: "utf8",
  });
  return { ended: signal ?? status, last: stdout.trimEnd().split("\n").at(-1) };
}

test("ci: where all tests passed it ends with their line", () => {
  expect(ci({ tests: says("12 passed, 0 failed") })).toEqual({ ended: 0, last: "12 passed, 0 failed" });
});

test("ci: where some failed their line is the last, whatever npm says after it", () => {
  const tests = `${says("12 passed, 3 failed")}; echo "npm: Lifecycle script failed"; exit 1`;
  expect(ci({ tests })).toEqual({ ended: 1, last: "12 passed, 3 failed" });
});

const broken = [
  ["npm ci fails", { install: "exit 7", tests: "true" }, 7],
  ["there is no runtime, and none can be built", { runtime: "exit 1", tests: "true" }, 1],
  ["the tests end before they said how they went", { tests: "exit 3" }, 3],
  ["the tests are killed", { tests: "kill -9 $$" }, 137],
  ["the tests say nothing and call it a success", { tests: "true" }, 1],
  ["the tests say that nothing failed and end with a failure", { tests: `${says("12 passed, 0 failed")}; exit 1` }, 1],
] as const;
for (const [how, programs, code] of broken)
  test(`ci: where ${how} it is one failure`, () => {
    expect(ci(programs)).toEqual({ ended: code, last: "0 passed, 1 failed" });
  });
