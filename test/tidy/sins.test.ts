import { expect, test } from "vitest";
import { checkImports, checkRealTests } from "./layers.ts";
import { type Rule, rules } from "./rules.ts";
import { type Finding, parse } from "./source.ts";

const long = (lines: number): string => "  work();\n".repeat(lines);
const anyType = "an" + "y";
const todo = "TO" + "DO";
const silence = "@ts" + "-ignore";

type Sin = { readonly rule: string; readonly path: string; readonly text: string; readonly line: number };

/** Each must be found in that line, by that rule. */
const sins: readonly Sin[] = [
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const a = 1;\nconst b = Date.now();", line: 2 },
  { rule: "oneClockOneDie", path: "dapr/x.ts", text: "const now = Date.now;", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = new Date();", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = new Date;", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = Date();", line: 1 },
  { rule: "oneClockOneDie", path: "actors/x.ts", text: "const b = performance.now();", line: 1 },
  { rule: "oneClockOneDie", path: "actors/x.ts", text: "const b = globalThis.performance.now();", line: 1 },
  { rule: "oneClockOneDie", path: "services/host/x.ts", text: "const b = Math.random();", line: 1 },
  { rule: "oneClockOneDie", path: "services/host/x.ts", text: "const b = crypto.randomUUID();", line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'import { randomBytes } from "node:crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'import { randomUUID as id } from "node:crypto";', line: 1 },
  { rule: "noTimers", path: "actors/x.ts", text: "setTimeout(() => {}, 1);", line: 1 },
  { rule: "noTimers", path: "core/x.ts", text: "fetchAll(AbortSignal.timeout(5));", line: 1 },
  { rule: "environmentInOnePlace", path: "dapr/x.ts", text: 'const a = process.env["A"];', line: 1 },
  { rule: "environmentInOnePlace", path: "services/host/main.ts", text: "const { A } = process.env;", line: 1 },
  { rule: "environmentInOnePlace", path: "services/host/x.ts", text: 'import { env } from "node:process";', line: 1 },
  { rule: "noPrinting", path: "services/host/host.ts", text: "console.log(1);", line: 1 },
  { rule: "noPrinting", path: "dapr/x.ts", text: "run(console.error);", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const { now } = Date;", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const { now: at } = Date;", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const { parse, ...rest } = Date;", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const { [name]: at } = Date;", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = Date['now']();", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = Date?.now();", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = Date[name]();", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = (Date as Clock).now();", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const clock = Date;", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = new Date(...parts);", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "class Now extends Date {}", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const a = { Date };", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "export { Date as Clock };", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "work((clock = Date) => clock);", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = new globalThis.Date();", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const b = globalThis['Date'].now();", line: 1 },
  { rule: "oneClockOneDie", path: "core/x.ts", text: "const { Date: clock } = globalThis;", line: 1 },
  { rule: "oneClockOneDie", path: "protocol/x.ts", text: "const { random } = Math;", line: 1 },
  { rule: "oneClockOneDie", path: "protocol/x.ts", text: "const b = Math['random']();", line: 1 },
  { rule: "oneClockOneDie", path: "protocol/x.ts", text: "const m = Math;", line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: "const b = global.Math.random();", line: 1 },
  { rule: "oneClockOneDie", path: "actors/x.ts", text: "const b = performance.timeOrigin;", line: 1 },
  { rule: "oneClockOneDie", path: "actors/x.ts", text: "const { performance } = globalThis;", line: 1 },
  { rule: "oneClockOneDie", path: "actors/x.ts", text: "const b = new Intl.DateTimeFormat().format();", line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: "webcrypto.getRandomValues(bytes);", line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'import { webcrypto } from "node:crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'import { generateKeySync } from "node:crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'import { randomBytes } from "crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'import * as crypt from "node:crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'import crypt from "node:crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'const { hash } = await import("node:crypto");', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'export { randomBytes } from "node:crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'export * from "node:crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "stores/x.ts", text: 'import { type Hash, randomInt } from "node:crypto";', line: 1 },
  { rule: "oneClockOneDie", path: "services/x/x.ts", text: 'import { hrtime } from "node:process";', line: 1 },
  { rule: "oneClockOneDie", path: "services/x/x.ts", text: 'import { hrtime as ticks } from "process";', line: 1 },
  { rule: "oneClockOneDie", path: "services/host/main.ts", text: "const { hrtime } = process;", line: 1 },
  { rule: "oneClockOneDie", path: "services/host/main.ts", text: "const b = process['uptime']();", line: 1 },
  { rule: "oneClockOneDie", path: "services/x/x.ts", text: 'import { monitorEventLoopDelay } from "node:perf_hooks";', line: 1 },
  { rule: "noTimers", path: "core/x.ts", text: "globalThis.setTimeout(() => {}, 1);", line: 1 },
  { rule: "noTimers", path: "core/x.ts", text: "const t = setTimeout;", line: 1 },
  { rule: "noTimers", path: "core/x.ts", text: "const { setTimeout: t } = globalThis;", line: 1 },
  { rule: "noTimers", path: "core/x.ts", text: "run(setImmediate);", line: 1 },
  { rule: "noTimers", path: "stores/x.ts", text: "Atomics.wait(cells, 0, 0, 1_000);", line: 1 },
  { rule: "noTimers", path: "core/x.ts", text: "const { timeout } = AbortSignal;", line: 1 },
  { rule: "noTimers", path: "stores/x.ts", text: 'import { setTimeout as sleep } from "node:timers/promises";', line: 1 },
  { rule: "noTimers", path: "stores/x.ts", text: 'import { setInterval as often } from "node:timers";', line: 1 },
  { rule: "environmentInOnePlace", path: "dapr/x.ts", text: "const { env } = process;", line: 1 },
  { rule: "environmentInOnePlace", path: "dapr/x.ts", text: "const { env: { A } } = process;", line: 1 },
  { rule: "environmentInOnePlace", path: "dapr/x.ts", text: "const a = process['env'];", line: 1 },
  { rule: "environmentInOnePlace", path: "services/host/main.ts", text: "const a = globalThis.process.env;", line: 1 },
  { rule: "environmentInOnePlace", path: "services/host/x.ts", text: 'export { env } from "node:process";', line: 1 },
  { rule: "noPrinting", path: "dapr/x.ts", text: "process.stdout.write(text);", line: 1 },
  { rule: "noPrinting", path: "dapr/x.ts", text: "const { stderr } = process;", line: 1 },
  { rule: "noPrinting", path: "services/host/x.ts", text: 'import { stdout } from "node:process";', line: 1 },
  { rule: "noPrinting", path: "services/host/x.ts", text: 'import { log } from "node:console";', line: 1 },
  { rule: "noPrinting", path: "services/host/config.ts", text: "const { log } = console;", line: 1 },
  { rule: "noPrinting", path: "core/x.ts", text: "globalThis.console.log(1);", line: 1 },
  { rule: "noPrinting", path: "stores/x.ts", text: 'import { debuglog } from "node:util";', line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "fetch(address);", line: 1 },
  { rule: "noSideDoors", path: "stores/x.ts", text: "const ask = fetch;", line: 1 },
  { rule: "noSideDoors", path: "stores/x.ts", text: "new WebSocket(address);", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "const a = globalThis[name];", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "const world = globalThis;", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "const { Map, ...world } = globalThis;", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "globalThis.shared = 1;", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "const p = process;", line: 1 },
  { rule: "noSideDoors", path: "services/host/main.ts", text: "const { [name]: value } = process;", line: 1 },
  { rule: "noSideDoors", path: "services/host/x.ts", text: "process.exit(1);", line: 1 },
  { rule: "noSideDoors", path: "services/host/main.ts", text: "process.exit(1);", line: 1 },
  { rule: "noSideDoors", path: "services/host/x.ts", text: 'import process from "node:process";', line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "eval(text);", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "new Function(text);", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "work.constructor(text);", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "work['constructor'](text);", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "const { constructor: make } = work;", line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: 'const { "constructor": make } = work;', line: 1 },
  { rule: "noSideDoors", path: "stores/x.ts", text: 'import { readFileSync } from "node:fs";', line: 1 },
  { rule: "noSideDoors", path: "stores/x.ts", text: 'import "node:inspector";', line: 1 },
  { rule: "noSideDoors", path: "dapr/x.ts", text: 'import { createRequire } from "node:module";', line: 1 },
  { rule: "noSideDoors", path: "dapr/x.ts", text: 'import { request } from "http";', line: 1 },
  { rule: "noSideDoors", path: "core/x.ts", text: "function fetch() {}", line: 1 },
  { rule: "plainImports", path: "core/x.ts", text: "await import(name);", line: 1 },
  { rule: "plainImports", path: "core/x.ts", text: "await import(`node:fs` as string);", line: 1 },
  { rule: "plainImports", path: "tools/x.ts", text: 'await import("node:" + name);', line: 1 },
  { rule: "plainImports", path: "core/x.ts", text: "require('fs');", line: 1 },
  { rule: "plainImports", path: "test/x.ts", text: "const load = require;", line: 1 },
  { rule: "plainImports", path: "core/x.ts", text: 'import fs = require("node:fs");', line: 1 },
  { rule: "noAny", path: "tools/x.ts", text: `const a: ${anyType} = 1;`, line: 1 },
  { rule: "noAny", path: "core/x.ts", text: `const a = b as unknown as Map<string, ${anyType}>;`, line: 1 },
  { rule: "noDefaultExport", path: "core/x.ts", text: "export default 1;", line: 1 },
  { rule: "noDefaultExport", path: "core/x.ts", text: "export default function work() {}", line: 1 },
  { rule: "noDefaultExport", path: "core/x.ts", text: "const a = 1;\nexport { a as default };", line: 2 },
  { rule: "shortFunctions", path: "test/x.ts", text: `function work() {\n${long(69)}}`, line: 1 },
  { rule: "shortFunctions", path: "core/x.ts", text: `class A {\n  work() {\n${long(69)}  }\n}`, line: 2 },
  { rule: "shortFunctions", path: "test/x.ts", text: `function suite() {\n  test("a", () => {\n${long(69)}  });\n}`, line: 2 },
  { rule: "shortFiles", path: "test/x.test.ts", text: long(401), line: 401 },
  { rule: "noLeftovers", path: "core/x.ts", text: `const a = 1; // ${todo}: later`, line: 1 },
  { rule: "noLeftovers", path: "core/x.ts", text: `function work() {\n  // ${todo} nothing\n}`, line: 2 },
  { rule: "noLeftovers", path: "core/x.ts", text: `// ${silence}\nconst a: string = 1;`, line: 1 },
  { rule: "noSilentSkips", path: "test/x.test.ts", text: 'test.only("x", () => {});', line: 1 },
  { rule: "noSilentSkips", path: "test/x.test.ts", text: 'test.skip("x", () => {});', line: 1 },
  { rule: "noSilentSkips", path: "test/x.test.ts", text: 'it.todo("x");', line: 1 },
  { rule: "noSilentSkips", path: "test/x.test.ts", text: 'const here = false;\ntest.skipIf(!here)("x", () => {});', line: 2 },
  { rule: "plainNames", path: "core/stringUtils.ts", text: "", line: 1 },
  { rule: "plainNames", path: "core/utils.ts", text: "", line: 1 },
  { rule: "plainNames", path: "core/record-types.ts", text: "", line: 1 },
  { rule: "plainNames", path: "core/x.ts", text: "interface IStore {}", line: 1 },
];

for (const { rule, path, text, line } of sins) {
  test(`${rule} finds ${JSON.stringify(text.slice(0, 60))} in ${path}`, () => {
    const found = ruleNamed(rule)(parse(path, text));
    expect(found).toHaveLength(1);
    expectFinding(found[0], path, line);
  });
}

test("every rule has a sin that it finds", () => {
  expect(Object.keys(rules).filter((rule) => !sins.some((sin) => sin.rule === rule))).toEqual([]);
});

/** What looks alike and is allowed. */
const innocents: readonly { readonly path: string; readonly text: string }[] = [
  { path: "dapr/clock.ts", text: "export const now = () => Date.now();" },
  { path: "tools/x.ts", text: "console.log(process.env.A, Date.now());" },
  { path: "core/x.ts", text: "export const iso = (at: number) => new Date(at).toISOString();" },
  { path: "core/x.ts", text: 'const text = "Date.now() and console.log";' },
  { path: "services/host/main.ts", text: "console.error(1);" },
  { path: "services/host/config.ts", text: "export const config = process.env;" },
  { path: "vitest.config.ts", text: "export default {};" },
  { path: "core/x.ts", text: `function work() {\n${long(68)}}` },
  { path: "test/x.data.ts", text: long(500) },
  { path: "test/suites/x.ts", text: `export function suite() {\n${`  test("a", () => {\n${long(30)}  });\n`.repeat(3)}}` },
  { path: "test/x.test.ts", text: 'console.log("x: skipped, there is no x");\ntest.skipIf(true)("x", () => {});' },
  { path: "actors/x.ts", text: "await clock.sleep(5);" },
  { path: "core/x.ts", text: "const at = Date.parse(text) + Date.UTC(2000, 0) + new globalThis.Date(ms).getTime();" },
  { path: "core/x.ts", text: "const { max } = Math; const least = Math['min'](1, 2); const all = globalThis.Map;" },
  {
    path: "core/x.ts",
    text: "clock.performance(record.Date, { process: 1, fetch() {} }); const { env } = record; const { crypto: c } = record;",
  },
  { path: "core/x.ts", text: "function work(signal: AbortSignal, at: Date, all: typeof globalThis): process is NodeJS.Process {}" },
  { path: "core/x.ts", text: "interface Clock { performance(): Date; fetch: typeof fetch } type Console = Pick<Console, 'log'>;" },
  { path: "core/x.ts", text: "class A implements Console { constructor() {} process = 1; }" },
  { path: "actors/x.ts", text: "const both = AbortSignal.any([one, other]);" },
  { path: "dapr/x.ts", text: "setTimeout(() => {}, 1); AbortSignal.timeout(5);" },
  { path: "dapr/x.ts", text: 'import type { Server } from "node:http"; import { hash, type Hash, timingSafeEqual } from "node:crypto";' },
  { path: "services/host/main.ts", text: "process.stdout.write(text); const { argv } = process; process.exitCode = 1;" },
  { path: "services/host/config.ts", text: "const { env } = process;" },
  { path: "test/mutants/worker.ts", text: "await import(path);" },
];

for (const { path, text } of innocents) {
  test(`nothing is wrong with ${JSON.stringify(text.slice(0, 60))} in ${path}`, () => {
    expect(Object.values(rules).flatMap((rule) => rule(parse(path, text)))).toEqual([]);
  });
}

/** From, what is imported, and whether that is a sin. */
const imports: readonly (readonly [path: string, from: string, sin: boolean])[] = [
  ["protocol/x.ts", "../core/y.ts", true],
  ["protocol/x.ts", "node:crypto", true],
  ["core/x.ts", "../actors/y.ts", true],
  ["core/x.ts", "node:crypto", true],
  ["core/x.ts", "../protocol/y.ts", false],
  ["actors/x.ts", "../dapr/y.ts", true],
  ["actors/x.ts", "../stores/y.ts", true],
  ["actors/x.ts", "node:fs", true],
  ["actors/x.ts", "../core/y.ts", false],
  ["dapr/x.ts", "../stores/y.ts", true],
  ["stores/x.ts", "../dapr/y.ts", true],
  ["stores/x.ts", "msgpackr", false],
  ["dapr/local/x.ts", "../../services/host/host.ts", true],
  ["dapr/local/x.ts", "../../test/x.ts", true],
  ["services/host/x.ts", "../../tools/x.ts", true],
  ["services/host/x.ts", "../../dapr/x.ts", false],
  ["services/reader/x.ts", "../../dapr/state.ts", true],
  ["services/reader/x.ts", "../../core/context.ts", true],
  ["services/reader/x.ts", "node:fs", true],
  ["services/reader/x.ts", "../../core/admit.ts", false],
  ["services/reader/x.ts", "../../dapr/bus.ts", false],
  ["examples/01-x/main.ts", "../../protocol/x.ts", true],
  ["examples/01-x/main.ts", "node:assert", false],
  ["test/core/x.ts", "../../core/x.ts", false],
];

for (const [path, from, sin] of imports) {
  for (const text of [
    `import { y } from "${from}";`,
    `export * from "${from}";`,
    `type Y = import("${from}").Y;`,
    `await import("${from}");`,
  ]) {
    test(`${text} in ${path} is ${sin ? "found" : "fine"}`, () => {
      const found = checkImports(parse(path, `\n${text}`));
      expect(found).toHaveLength(sin ? 1 : 0);
      if (sin) expectFinding(found[0], path, 2);
    });
  }
}

test("a file in a folder of no known layer is found", () => {
  expect(checkImports(parse("src/x.ts", ""))).toHaveLength(1);
});

test("a test that starts an installation, by itself or through a helper, is found where its name does not say so", () => {
  const helper = parse("test/tools/live.ts", 'import { startCluster } from "../../tools/run/cluster.ts";');
  const types = parse("test/tools/plan.test.ts", 'import type { Cluster } from "../../tools/run/cluster.ts";');
  const direct = parse("test/faults/kill.test.ts", 'import { startCluster } from "../../tools/run/cluster.ts";');
  const through = parse("test/faults/stop.test.ts", 'import { liveTest } from "../tools/live.ts";');
  const named = parse("test/faults/join.real.test.ts", 'import { liveTest } from "../tools/live.ts";');
  const found = checkRealTests([helper, types, direct, through, named]);
  expect(found.map((finding) => finding.split(":")[0]).sort()).toEqual(["test/faults/kill.test.ts", "test/faults/stop.test.ts"]);
});

function ruleNamed(name: string): Rule {
  const rule = rules[name];
  if (rule === undefined) throw new Error(`there is no rule ${name}`);
  return rule;
}

/** A finding names the place, what is wrong, and what to do about it. */
function expectFinding(finding: Finding | undefined, path: string, line: number): void {
  expect(finding).toMatch(new RegExp(`^${path.replaceAll(".", "\\.")}:${line}: .+[;.] .+`));
}
