// What comments, names of tests and pages cite by number stands in docs/invariants.md.

import ts from "typescript-api";
import { type Finding, findAt, nodesOf, type Source } from "./source.ts";

const CURE = "stands in docs/invariants.md under no such number; cite one that does, or say there what it means";
/** Not behind what belongs to a longer word, as in `%C3`; and V8 is Node's engine. */
const NUMBER = /(?<![\w%$&#.])(?!V8\b)[ABCEPV]\d{1,2}(?![\w%])/g;
/** At the head of a test's name, as in `C5, C8: a proof …`. */
const HEAD = /^(?:[A-Z]\d{1,2}, )*[A-Z]\d{1,2}: /;
/** In brackets, as in `(V5)`, or alone, as the simulator's judges name what was broken. */
const ASIDE = /\([A-Z]\d{1,2}(?:[,-] ?[A-Z]\d{1,2})*\)|^[A-Z]\d{1,2}$/g;

/** The numbers that the page explains, in its order. */
export const explained = (page: string): string[] => [...page.matchAll(/^- \*\*([A-Z]\d+)\*\* /gm)].map(([, number = ""]) => number);

/** Where numbers are made up, to be found. */
const inventing: ReadonlySet<string> = new Set(["test/tidy/invariants.test.ts"]);

type Cited = { readonly number: string; readonly position: number };

/** The finding of each number that a source cites and nobody explains. */
export const checkCitations =
  (known: ReadonlySet<string>) =>
  (source: Source): Finding[] =>
    (inventing.has(source.path) ? [] : citedIn(source))
      .filter(({ number }) => !known.has(number))
      .map(({ number, position }) => findAt(source, position, `${number} ${CURE}`));

/** As `checkCitations`, of a page: outside of its blocks and of what stands in back quotes. */
export function checkPage(path: string, text: string, known: ReadonlySet<string>): Finding[] {
  const prose = text.replace(/^```[\s\S]*?^```|`[^`\n]*`/gm, (code) => code.replace(/[^\n]/g, " "));
  return [...prose.matchAll(NUMBER)]
    .filter(([number]) => !known.has(number))
    .map(({ 0: number, index }) => `${path}:${prose.slice(0, index).split("\n").length}: ${number} ${CURE}`);
}

const looked = new WeakMap<Source, readonly Cited[]>();

export function citedIn(source: Source): readonly Cited[] {
  const before = looked.get(source);
  if (before !== undefined) return before;
  const cited: Cited[] = [];
  const take = (text: string, start: number): void => {
    for (const { 0: number, index } of text.matchAll(NUMBER)) cited.push({ number, position: start + index });
  };
  for (const { start, text } of commentsOf(source)) take(text, start);
  for (const node of nodesOf(source.tree)) {
    if (!ts.isStringLiteralLike(node) && !ts.isTemplateHead(node) && !ts.isTemplateMiddle(node) && !ts.isTemplateTail(node)) continue;
    const start = node.getStart(source.tree) + 1;
    for (const found of [...(HEAD.exec(node.text) ?? [])]) take(found, start);
    for (const found of node.text.matchAll(ASIDE)) take(found[0], start + found.index);
  }
  looked.set(source, cited);
  return cited;
}

function commentsOf({ text, tree }: Source): { readonly start: number; readonly text: string }[] {
  const found = new Map<number, string>();
  const take = (ranges: readonly ts.CommentRange[] | undefined): void => {
    for (const { pos, end } of ranges ?? []) found.set(pos, text.slice(pos, end));
  };
  const walk = (node: ts.Node): void => {
    take(ts.getLeadingCommentRanges(text, node.getFullStart()));
    take(ts.getTrailingCommentRanges(text, node.getEnd()));
    for (const child of node.getChildren(tree)) walk(child);
  };
  walk(tree);
  return [...found].map(([start, comment]) => ({ start, text: comment }));
}
