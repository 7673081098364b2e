// The project's TypeScript files, parsed, and how findings in them are told.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import ts from "typescript-api";

/** Folders that hold nothing written by hand, or nothing of this project. */
const notOurs: ReadonlySet<string> = new Set([
  "node_modules",
  ".git",
  ".dapr",
  "var",
  "coverage",
  "bench/peers",
  "tools/dapr",
  "docs/generated",
]);

export type Source = {
  /** From the root, with slashes. */
  readonly path: string;
  /** The first folder; "" for a file at the root. */
  readonly folder: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
};

/** `file:line: what is wrong; what to do about it` */
export type Finding = string;

export function parse(path: string, text: string): Source {
  const folder = path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
  return { path, folder, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

export function readSources(root: string): Source[] {
  return filesUnder(root, ".ts").map((path) => parse(path, readFileSync(join(root, path), "utf8")));
}

/** Files of ours whose name ends so, from the root and sorted. */
export function filesUnder(root: string, ending: string): string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = relative(root, join(folder, entry.name)).split(sep).join("/");
      if (notOurs.has(path) || notOurs.has(entry.name)) continue;
      if (entry.isDirectory()) walk(join(folder, entry.name));
      else if (entry.name.endsWith(ending)) found.push(path);
    }
  };
  walk(root);
  return found.sort();
}

export function find(source: Source, node: ts.Node, what: string): Finding {
  return findAt(source, node.getStart(source.tree), what);
}

export function findAt(source: Source, position: number, what: string): Finding {
  return `${source.path}:${source.tree.getLineAndCharacterOfPosition(position).line + 1}: ${what}`;
}

const known = new WeakMap<ts.Node, readonly ts.Node[]>();

/** Every node below `node`, in the order of the text. Those of a whole file are asked for by every rule, and so kept. */
export function nodesOf(node: ts.Node): readonly ts.Node[] {
  const before = known.get(node);
  if (before !== undefined) return before;
  const nodes: ts.Node[] = [];
  const walk = (child: ts.Node): void => {
    nodes.push(child);
    ts.forEachChild(child, walk);
  };
  ts.forEachChild(node, walk);
  if (ts.isSourceFile(node)) known.set(node, nodes);
  return nodes;
}

/** What a file imports, or exports again, or imports as a type in passing: the specifier, and whether values come with it. */
export function importsOf(source: Source): { readonly node: ts.Node; readonly from: string; readonly values: boolean }[] {
  const imports: { node: ts.Node; from: string; values: boolean }[] = [];
  const add = (node: ts.Node, from: ts.Node | undefined, values: boolean): void => {
    if (from !== undefined && ts.isStringLiteralLike(from)) imports.push({ node, from: from.text, values });
  };
  for (const node of nodesOf(source.tree)) {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, bringsValues(node));
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, !node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, false);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node, node.arguments[0], true);
  }
  return imports;
}

function bringsValues({ importClause }: ts.ImportDeclaration): boolean {
  if (importClause === undefined) return true;
  if (importClause.isTypeOnly) return false;
  const bindings = importClause.namedBindings;
  if (bindings === undefined || !ts.isNamedImports(bindings)) return true;
  return importClause.name !== undefined || bindings.elements.some((element) => !element.isTypeOnly);
}
