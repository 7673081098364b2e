// What may not stand in a file, each with its cure.
//
// Exempt: tools/, test/, bench/ and examples/ may read clocks, throw dice, read the environment and print. From the lengths nothing is exempt but
// tables: files whose name ends in .data.ts may be as long as their data. Everything else holds everywhere.

import ts from "typescript-api";
import type { Kind } from "./powers.data.ts";
import { usesIn } from "./powers.ts";
import { type Finding, find, findAt, nodesOf, type Source } from "./source.ts";

export type Rule = (source: Source) => Finding[];

const LINES_PER_FUNCTION = 70;
const LINES_PER_FILE = 400;
const apart: ReadonlySet<string> = new Set(["tools", "test", "bench", "examples", ""]);

/** What may not be reached for, and what to do instead. Who may is said in powers.data.ts. */
const holding =
  (kinds: readonly Kind[], cure: string): Rule =>
  (source) => {
    if (apart.has(source.folder)) return [];
    const uses = usesIn(source).filter(({ kind, allowed }) => allowed === undefined && kinds.includes(kind));
    // Taken apart, a power is named twice in one place.
    return [...new Set(uses.map(({ node, name }) => find(source, node, `${name} ${cure}`)))];
  };

/** They stand in dapr/clock.ts alone, so that a simulation can be handed others. */
export const oneClockOneDie = holding(
  ["clock", "die"],
  "stands in dapr/clock.ts alone; take the clock or the die of the ports, iso() to write a time, or say in place which harmless member is meant",
);

/** Below the sidecar nothing waits by itself: what it waits for is a port's. */
export const noTimers = holding(["timer"], "is a clock; take sleep() of the clock of the ports");

export const environmentInOnePlace = holding(["environment"], "is read in services/*/config.ts alone; take the value from there");

export const noPrinting = holding(["printing"], "is for services/*/main.ts; report an event (services/telemetry/events.ts)");

/** What leads to all of these at once, or out of the process. */
export const noSideDoors = holding(
  ["door"],
  "is more than this file was handed; name the one member that is meant, ask for what it does through a port, or say in test/tidy/powers.data.ts why this file may",
);

/** Whose imports are not known until they run. */
const blind: ReadonlySet<string> = new Set(["test/mutants/worker.ts"]); // A mutant is the same file under another address.

/** Who may import whom can be held only where imports say whom. */
export const plainImports: Rule = (source) => {
  if (blind.has(source.path)) return [];
  return nodesOf(source.tree)
    .filter((node) => isBlindImport(node) || isRequire(node))
    .map((node) =>
      find(source, node, "what this loads is not seen by the rules of imports; import it, or import() it, by a path in quotes"),
    );
};

const isBlindImport = (node: ts.Node): boolean =>
  ts.isCallExpression(node) &&
  node.expression.kind === ts.SyntaxKind.ImportKeyword &&
  !(node.arguments[0] !== undefined && ts.isStringLiteralLike(node.arguments[0]));

const isRequire = (node: ts.Node): boolean =>
  ts.isExternalModuleReference(node) || (ts.isIdentifier(node) && node.text === "require" && !ts.isPropertyAssignment(node.parent));

const calls = (source: Source): [string, ts.CallExpression][] =>
  nodesOf(source.tree)
    .filter(ts.isCallExpression)
    .map((node) => [node.expression.getText(source.tree), node]);

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
  noSideDoors,
  plainImports,
  noAny,
  noDefaultExport,
  shortFunctions,
  shortFiles,
  noLeftovers,
  noSilentSkips,
  plainNames,
};
