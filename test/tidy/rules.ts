// What may not stand in a file, each with its cure.
//
// Exempt: tools/, test/, bench/ and examples/ may read clocks, throw dice, read the environment and print. From the lengths nothing is exempt but
// tables: files whose name ends in .data.ts may be as long as their data. Everything else holds everywhere.

import ts from "typescript-api";
import { type Finding, find, findAt, nodesOf, type Source } from "./source.ts";

export type Rule = (source: Source) => Finding[];

const LINES_PER_FUNCTION = 70;
const LINES_PER_FILE = 400;
const apart: ReadonlySet<string> = new Set(["tools", "test", "bench", "examples", ""]);

/** Clocks and dice, as they look in a file. They stand in dapr/clock.ts alone, so that a simulation can be handed others. */
const chance: Readonly<Record<string, string>> = {
  "Date.now": "the clock of the ports",
  "performance.now": "the clock of the ports",
  "process.hrtime": "the clock of the ports",
  "process.uptime": "the clock of the ports",
  "Math.random": "the die of the ports",
  "crypto.randomUUID": "the die of the ports",
  "crypto.getRandomValues": "the die of the ports",
  "crypto.randomBytes": "the die of the ports",
  randomUUID: "the die of the ports",
  randomBytes: "the die of the ports",
  randomInt: "the die of the ports",
  randomFill: "the die of the ports",
  randomFillSync: "the die of the ports",
  getRandomValues: "the die of the ports",
};

export const oneClockOneDie: Rule = (source) => {
  if (apart.has(source.folder) || source.path === "dapr/clock.ts") return [];
  const findings: Finding[] = [];
  for (const node of nodesOf(source.tree)) {
    const name = ts.isPropertyAccessExpression(node) || isImportedName(node) ? node.getText(source.tree) : "";
    const bare = name.replace(/^globalThis\./, "");
    if (Object.hasOwn(chance, bare)) findings.push(find(source, node, `${bare} stands in dapr/clock.ts alone; take ${chance[bare]}`));
    if (ts.isNewExpression(node) && node.expression.getText(source.tree) === "Date" && !node.arguments?.length)
      findings.push(find(source, node, "new Date() reads the clock; take the clock of the ports, and iso() to write a time"));
    if (ts.isCallExpression(node) && node.expression.getText(source.tree) === "Date")
      findings.push(find(source, node, "Date() reads the clock; take the clock of the ports, and iso() to write a time"));
  }
  return findings;
};

const isImportedName = (node: ts.Node): node is ts.Identifier => ts.isIdentifier(node) && ts.isImportSpecifier(node.parent);

/** Below the sidecar nothing waits by itself: what it waits for is a port's. */
const pure: ReadonlySet<string> = new Set(["protocol", "core", "actors", "stores"]);
const timers: ReadonlySet<string> = new Set(["setTimeout", "setInterval", "setImmediate", "AbortSignal.timeout"]);

export const noTimers: Rule = (source) =>
  pure.has(source.folder)
    ? calls(source)
        .filter(([name]) => timers.has(name))
        .map(([name, node]) => find(source, node, `${name} is a clock; take sleep() of the clock of the ports`))
    : [];

const calls = (source: Source): [string, ts.CallExpression][] =>
  nodesOf(source.tree)
    .filter(ts.isCallExpression)
    .map((node) => [node.expression.getText(source.tree), node]);

export const environmentInOnePlace: Rule = (source) => {
  if (apart.has(source.folder) || /^services\/[a-z-]+\/config\.ts$/.test(source.path)) return [];
  return nodesOf(source.tree)
    .filter((node) => (ts.isPropertyAccessExpression(node) && node.getText(source.tree) === "process.env") || isEnvImport(node))
    .map((node) => find(source, node, "process.env is read in services/*/config.ts alone; take the value from there"));
};

const isEnvImport = (node: ts.Node): boolean =>
  ts.isImportSpecifier(node) &&
  (node.propertyName ?? node.name).text === "env" &&
  /^["'](node:)?process["']$/.test(node.parent.parent.parent.moduleSpecifier.getText());

export const noPrinting: Rule = (source) => {
  if (apart.has(source.folder) || /^services\/[a-z-]+\/main\.ts$/.test(source.path)) return [];
  return nodesOf(source.tree)
    .filter((node): node is ts.PropertyAccessExpression => ts.isPropertyAccessExpression(node))
    .filter((node) => node.expression.getText(source.tree) === "console")
    .map((node) => find(source, node, "console is for services/*/main.ts; report an event (services/telemetry/events.ts)"));
};

export const noAny: Rule = (source) =>
  nodesOf(source.tree)
    .filter((node) => node.kind === ts.SyntaxKind.AnyKeyword)
    .map((node) => find(source, node, "any switches the compiler off; take unknown and parse it, or name the type"));

export const noDefaultExport: Rule = (source) => {
  if (source.path.endsWith(".config.ts")) return [];
  const isDefault = (node: ts.Node): boolean =>
    ts.isExportAssignment(node) ||
    (ts.isExportSpecifier(node) && node.name.text === "default") ||
    (ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword));
  return nodesOf(source.tree)
    .filter(isDefault)
    .map((node) => find(source, node, "a default export has no name of its own; export it by name"));
};

export const shortFunctions: Rule = (source) => {
  const findings: Finding[] = [];
  for (const node of nodesOf(source.tree)) {
    if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) continue;
    const lines = linesOf(source, node) - testsIn(source, node).reduce((sum, test) => sum + linesOf(source, test), 0);
    if (lines > LINES_PER_FUNCTION)
      findings.push(find(source, node, `a function of ${lines} lines; at most ${LINES_PER_FUNCTION}. Give its parts names`));
  }
  return findings;
};

const linesOf = (source: Source, node: ts.Node): number => lineOf(source, node.getEnd()) - lineOf(source, node.getStart(source.tree)) + 1;

/** A suite is a function that lists tests. They are not its own lines: each is measured by itself. */
const testsIn = (source: Source, node: ts.Node): ts.Node[] =>
  source.folder === "test"
    ? nodesOf(node).filter(
        (inner) => ts.isCallExpression(inner) && inner.arguments.length > 1 && /^(test|it)\b/.test(inner.getText(source.tree)),
      )
    : [];

const lineOf = (source: Source, position: number): number => source.tree.getLineAndCharacterOfPosition(position).line;

export const shortFiles: Rule = (source) => {
  const lines = source.text.split("\n").length - (source.text.endsWith("\n") ? 1 : 0);
  if (lines <= LINES_PER_FILE || source.path.endsWith(".data.ts")) return [];
  return [
    findAt(
      source,
      source.text.length - 1,
      `a file of ${lines} lines; at most ${LINES_PER_FILE}. Split it by what it is about, or name a table *.data.ts`,
    ),
  ];
};

export const noLeftovers: Rule = (source) =>
  [...source.text.matchAll(/^.*(?:\/\/|\/\*|^\s*\*).*(?:\b(?:TODO|FIXME|XXX|HACK)\b|@ts-(?:ignore|nocheck|expect-error)).*$/gm)].map(
    (found) =>
      findAt(source, found.index, "a note to oneself, or a silenced compiler; do it, open an issue, or write why it is right as it is"),
  );

/** `.only` and `.todo` never; `.skipIf` and its likes where the file prints why, or says so in the line above. `context.skip("why")` is printed by itself. */
export const noSilentSkips: Rule = (source) => {
  if (source.folder !== "test") return [];
  const findings: Finding[] = [];
  const prints = /console\.\w+\(\s*[`"'][^;]*skipped/i.test(source.text);
  for (const [name, node] of calls(source)) {
    const verb = /^(?:test|it|describe|suite)(?:\.\w+)*\.(only|skip|todo|skipIf|runIf)$/.exec(name)?.[1];
    if (/^[xf](it|test|describe)$/.test(name) || verb === "only" || verb === "todo")
      findings.push(find(source, node, `${name}: a test that stays behind; finish it, or take it out`));
    else if (verb === "skip" || (verb !== undefined && !prints && !/^\s*\/\/ Skipped /.test(lineAbove(source, node))))
      findings.push(find(source, node, `${name} without a printed reason; print "skipped: …" once in this file where it is skipped`));
  }
  return findings;
};

function lineAbove(source: Source, node: ts.Node): string {
  const lines = source.text.split("\n");
  return lines[lineOf(source, node.getStart(source.tree)) - 1] ?? "";
}

const vague = /(^|[-/])(utils?|helpers?|types?|misc|common|index)(\.test)?\.ts$/;

export const plainNames: Rule = (source) => {
  const findings: Finding[] = [];
  if (!/^(?:[a-z0-9.-]+\/)*[a-z0-9]+(?:[-.][a-z0-9]+)*\.ts$/.test(source.path))
    findings.push(`${source.path}:1: names of files are kebab-case; rename it`);
  if (vague.test(source.path)) findings.push(`${source.path}:1: a name that says nothing of what is inside; name what it is about`);
  for (const node of nodesOf(source.tree)) {
    if (ts.isInterfaceDeclaration(node) && /^I[A-Z]/.test(node.name.text))
      findings.push(find(source, node.name, `${node.name.text}: an interface needs no I; name what it is`));
  }
  return findings;
};

export const rules: Readonly<Record<string, Rule>> = {
  oneClockOneDie,
  noTimers,
  environmentInOnePlace,
  noPrinting,
  noAny,
  noDefaultExport,
  shortFunctions,
  shortFiles,
  noLeftovers,
  noSilentSkips,
  plainNames,
};
