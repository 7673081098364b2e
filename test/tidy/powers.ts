// Finds where a file reaches for what nobody handed it, however that is spelt: by name, by member, taken apart, through globalThis, or from a
// module of Node. Names are judged, not what they are bound to: whoever gives a name of these to something else has it found too.

import { isBuiltin } from "node:module";
import ts from "typescript-api";
import { type Allowance, allowances, harmless, type Kind, NEW_OF, powers } from "./powers.data.ts";
import { nodesOf, type Source } from "./source.ts";

/** A place where a power is named: the global or module, and which member of it where that is certain. */
export type Use = {
  readonly node: ts.Node;
  /** As the allowances write it: `Date.now`, `node:crypto.randomBytes`, `process`. */
  readonly name: string;
  readonly kind: Kind;
  readonly allowed: Allowance | undefined;
};

type Mention = { readonly node: ts.Node; readonly root: string; readonly member: string | undefined };

const uses = new WeakMap<Source, readonly Use[]>();

/** In the order of the text; kept, since several rules ask. */
export function usesIn(source: Source): readonly Use[] {
  const before = uses.get(source);
  if (before !== undefined) return before;
  const found = nodesOf(source.tree)
    .flatMap((node) => mentionsAt(node))
    .flatMap((mention) => useOf(source, mention) ?? []);
  uses.set(source, found);
  return found;
}

function useOf({ path }: Source, { node, root, member }: Mention): Use | undefined {
  const kind = kindOf(root, member);
  if (kind === "harmless") return undefined;
  const name = member === undefined ? root : `${root}.${member}`;
  const allowed = allowances.find(({ files, names }) => files.test(path) && names.some((known) => covers(known, name)));
  return { node, name, kind, allowed };
}

export const covers = (known: string, name: string): boolean => name === known || name.startsWith(`${known}.`);

function kindOf(root: string, member: string | undefined): Kind | "harmless" {
  if (harmless.has(root)) return "harmless";
  const power = Object.hasOwn(powers, root) ? powers[root] : undefined;
  if (power === undefined) return "door";
  if (member === undefined) return power.kind;
  const { members = {}, others = power.kind } = power;
  return (Object.hasOwn(members, member) ? members[member] : undefined) ?? others;
}

function mentionsAt(node: ts.Node): Mention[] {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return ofModule(node);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return wholeModule(node, node.arguments[0]);
  if (namesConstructor(node)) return [{ node, root: "constructor", member: undefined }];
  if (ts.isIdentifier(node) && isGlobal(node.text) && !isMemberName(node) && !isType(node)) return ofGlobal(node, node.text);
  return [];
}

const everything: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(globalThis));
const isGlobal = (name: string): boolean => Object.hasOwn(powers, name) || everything.has(name);

/** `globalThis.x` is x, and so on. */
function ofGlobal(node: ts.Node, root: string): Mention[] {
  const members = membersAt(node);
  if (members === undefined) return [{ node, root, member: undefined }];
  if (root !== "globalThis" && root !== "global") return members.map(([at, member]) => ({ node: at, root, member }));
  return members.flatMap(([at, member]) => ofGlobal(at, member));
}

/** Which members are taken of what stands at `node`, and where; undefined where that cannot be said, or it is all of them. */
function membersAt(node: ts.Node): [ts.Node, string][] | undefined {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.expression === node) return [[parent, parent.name.text]];
  if (ts.isElementAccessExpression(parent) && parent.expression === node && ts.isStringLiteralLike(parent.argumentExpression))
    return [[parent, parent.argumentExpression.text]];
  if (ts.isNewExpression(parent) && parent.expression === node) {
    const first = parent.arguments?.[0];
    return first === undefined || ts.isSpreadElement(first) ? undefined : [[parent, NEW_OF]];
  }
  return ts.isVariableDeclaration(parent) && parent.initializer === node ? takenApart(parent.name) : undefined;
}

function takenApart(name: ts.BindingName): [ts.Node, string][] | undefined {
  if (!ts.isObjectBindingPattern(name)) return undefined;
  const members: [ts.Node, string][] = [];
  for (const element of name.elements) {
    const key = element.propertyName ?? element.name;
    if (element.dotDotDotToken !== undefined || !(ts.isIdentifier(key) || ts.isStringLiteralLike(key))) return undefined;
    members.push([element, key.text]);
  }
  return members;
}

/** From the constructor of any function, text becomes code. */
function namesConstructor(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === "constructor";
  if (ts.isElementAccessExpression(node))
    return ts.isStringLiteralLike(node.argumentExpression) && node.argumentExpression.text === "constructor";
  if (!ts.isBindingElement(node)) return false;
  const key = node.propertyName ?? node.name;
  return (ts.isIdentifier(key) || ts.isStringLiteralLike(key)) && key.text === "constructor";
}

/** A name that belongs to an object or a module, or is judged with its import. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  if (ts.isImportSpecifier(parent) || ts.isImportClause(parent) || ts.isNamespaceImport(parent) || ts.isMetaProperty(parent)) return true;
  if (ts.isExportSpecifier(parent)) return parent.parent.parent.moduleSpecifier !== undefined || (parent.propertyName ?? node) !== node;
  return (ts.isPropertyAssignment(parent) || ts.isClassElement(parent)) && parent.name === node;
}

/** Types are gone when it runs; the class that another extends is not, though it is written as a type. */
function isType(node: ts.Node): boolean {
  for (let at = node; !ts.isStatement(at) && !ts.isSourceFile(at); at = at.parent) {
    if (ts.isExpressionWithTypeArguments(at)) return ts.isHeritageClause(at.parent) && at.parent.token === ts.SyntaxKind.ImplementsKeyword;
    if (ts.isTypeNode(at) || ts.isTypeElement(at)) return true;
  }
  return ts.isTypeAliasDeclaration(node.parent) || ts.isInterfaceDeclaration(node.parent);
}

function ofModule(node: ts.ImportDeclaration | ts.ExportDeclaration): Mention[] {
  const from = node.moduleSpecifier;
  const clause = ts.isImportDeclaration(node) ? node.importClause : undefined;
  if (clause?.isTypeOnly || (ts.isExportDeclaration(node) && node.isTypeOnly)) return [];
  const bindings = ts.isExportDeclaration(node) ? node.exportClause : clause?.namedBindings;
  if (clause?.name !== undefined || bindings === undefined || !(ts.isNamedImports(bindings) || ts.isNamedExports(bindings)))
    return wholeModule(node, from);
  const values = bindings.elements.filter((element) => !element.isTypeOnly);
  return values.flatMap((element) => {
    const member = (element.propertyName ?? element.name).text;
    return wholeModule(element, from).map((whole) => (member === "default" ? whole : { ...whole, member }));
  });
}

/** Modules that hold what is a global as well are judged as that. */
const asGlobal: Readonly<Record<string, string>> = { "node:process": "process", "node:console": "console" };

function wholeModule(node: ts.Node, from: ts.Node | undefined): Mention[] {
  if (from === undefined || !ts.isStringLiteralLike(from) || !isBuiltin(from.text)) return [];
  const module = from.text.startsWith("node:") ? from.text : `node:${from.text}`;
  return [{ node, root: asGlobal[module] ?? module, member: undefined }];
}
