// Mutants of a source file: every condition, await, return, throw and statement in it, changed or taken out, one at a time.

import ts from "typescript-api";

export type Mutant = {
  /** Names it for ever: file, enclosing function, what stood there and what stands there now; a number where that is not unique. */
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** The whole file with this change. */
  readonly text: string;
};

type Change = { readonly from: number; readonly to: number; readonly by: string };

/** Calls that report what happened; that nobody hears of it is found elsewhere, and changes nothing that is told or kept. */
const reporting = /^(?:(?:this\.#?)?(?:by\.|world\.)?ports\.|this\.#ports\.)?events\.\w+\(/;
const boundaries: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.LessThanToken, "<="],
  [ts.SyntaxKind.LessThanEqualsToken, "<"],
  [ts.SyntaxKind.GreaterThanToken, ">="],
  [ts.SyntaxKind.GreaterThanEqualsToken, ">"],
]);
const opposites: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, "!=="],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, "==="],
]);
const logical: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

export function mutantsOf(file: string, text: string): Mutant[] {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const names = new Map<string, number>();
  const mutants: Mutant[] = [];
  const visit = (node: ts.Node): void => {
    for (const change of changesOf(node, tree)) {
      const plain = `${file} ${enclosing(node)} | ${squeeze(text.slice(change.from, change.to))} => ${squeeze(change.by) || "(nothing)"}`;
      const count = (names.get(plain) ?? 0) + 1;
      names.set(plain, count);
      mutants.push({
        name: count === 1 ? plain : `${plain} #${count}`,
        file,
        line: tree.getLineAndCharacterOfPosition(change.from).line + 1,
        text: text.slice(0, change.from) + change.by + text.slice(change.to),
      });
    }
    // Types are gone when it runs.
    if (!ts.isTypeNode(node) && !ts.isImportDeclaration(node) && !ts.isTypeAliasDeclaration(node)) ts.forEachChild(node, visit);
  };
  visit(tree);
  return mutants;
}

const squeeze = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 120 ? `${line.slice(0, 117)}…` : line;
};

function enclosing(node: ts.Node): string {
  for (let at: ts.Node | undefined = node; at !== undefined; at = at.parent) {
    if (ts.isFunctionDeclaration(at) || ts.isMethodDeclaration(at) || ts.isGetAccessorDeclaration(at)) return at.name?.getText() ?? "";
    if (ts.isConstructorDeclaration(at)) return "constructor";
    if (ts.isVariableDeclaration(at) && ts.isSourceFile(at.parent.parent.parent)) return at.name.getText();
  }
  return "(top)";
}

function changesOf(node: ts.Node, tree: ts.SourceFile): Change[] {
  const replace = (at: ts.Node, by: string): Change => ({ from: at.getStart(tree), to: at.getEnd(), by });
  const condition = conditionOf(node);
  const changes: Change[] = [];
  if (condition !== undefined) {
    const said = condition.getText(tree);
    changes.push(replace(condition, `!(${said})`));
    for (const value of ["true", "false"]) if (said !== value) changes.push(replace(condition, value));
  }
  if (ts.isBinaryExpression(node)) changes.push(...ofBinary(node, tree, replace));
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken && !isCondition(node))
    changes.push(replace(node, node.operand.getText(tree)));
  if (ts.isExpressionStatement(node)) changes.push(...ofStatement(node, tree, replace));
  if (ts.isReturnStatement(node)) changes.push(...ofReturn(node, tree, replace));
  // Where it is a whole statement, void takes its place.
  if (ts.isAwaitExpression(node) && !ts.isExpressionStatement(node.parent)) changes.push(replace(node, node.expression.getText(tree)));
  if (ts.isForOfStatement(node) && node.awaitModifier !== undefined) changes.push(replace(node.awaitModifier, ""));
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) changes.push(...ofArrow(node.body, tree, replace));
  if (ts.isThrowStatement(node) || ts.isBreakStatement(node) || ts.isContinueStatement(node)) changes.push(replace(node, ";"));
  return changes;
}

function conditionOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) return node.expression;
  if (ts.isForStatement(node)) return node.condition;
  return ts.isConditionalExpression(node) ? node.condition : undefined;
}

const isCondition = (node: ts.Node): boolean => conditionOf(node.parent) === node;

type Replace = (at: ts.Node, by: string) => Change;

function ofBinary(node: ts.BinaryExpression, tree: ts.SourceFile, replace: Replace): Change[] {
  const { left, right, operatorToken } = node;
  const boundary = boundaries.get(operatorToken.kind);
  const changes = boundary === undefined ? [] : [replace(operatorToken, boundary)];
  // A whole condition is negated already.
  const opposite = isCondition(node) ? undefined : opposites.get(operatorToken.kind);
  if (opposite !== undefined) changes.push(replace(operatorToken, opposite));
  if (logical.has(operatorToken.kind)) changes.push(replace(node, left.getText(tree)), replace(node, right.getText(tree)));
  return changes;
}

function ofStatement(node: ts.ExpressionStatement, tree: ts.SourceFile, replace: Replace): Change[] {
  if (reporting.test(node.getText(tree))) return [];
  const changes = [replace(node, ";")];
  if (ts.isAwaitExpression(node.expression)) changes.push(replace(node, `void ${node.expression.expression.getText(tree)};`));
  return changes;
}

function ofReturn(node: ts.ReturnStatement, tree: ts.SourceFile, replace: Replace): Change[] {
  const said = node.expression?.getText(tree) ?? "";
  if (said === "true" || said === "false") return [replace(node, `return ${said === "true" ? "false" : "true"};`), replace(node, ";")];
  const last = ts.isBlock(node.parent) && node.parent.statements.at(-1) === node && ts.isFunctionLike(node.parent.parent);
  // At the end of a function, nothing is what is returned anyway.
  if (last && (said === "" || said === "undefined")) return [];
  const changes = [replace(node, ";")];
  if (!last && said !== "" && said !== "undefined") changes.push(replace(node, "return undefined;"));
  return changes;
}

/** What stands behind an arrow is returned too. */
function ofArrow(body: ts.Expression, tree: ts.SourceFile, replace: Replace): Change[] {
  const said = body.getText(tree);
  if (said === "undefined" || reporting.test(said)) return [];
  const changes = [replace(body, "undefined")];
  if (said === "true" || said === "false") changes.push(replace(body, said === "true" ? "false" : "true"));
  return changes;
}
