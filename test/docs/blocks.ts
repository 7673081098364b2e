// Blocks of code in the project's documents.

export type Block = {
  readonly page: string;
  /** Of its first line. */
  readonly line: number;
  /** What stands behind the back quotes: the language, and for a session the word `session`. */
  readonly info: string;
  readonly code: string;
};

export function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; code: string[] } | undefined;
  for (const [i, line] of text.split("\n").entries()) {
    const [, info] = /^```(.*)$/.exec(line) ?? [];
    if (open === undefined && info !== undefined) open = { line: i + 2, info: info.trim(), code: [] };
    else if (open !== undefined && info !== undefined) {
      blocks.push({ page, line: open.line, info: open.info, code: open.code.join("\n") });
      open = undefined;
    } else open?.code.push(line);
  }
  if (open !== undefined) throw new Error(`${page}:${open.line - 1}: a block without an end`);
  return blocks;
}

/** The answers that a session says it gets: comments that begin with {, in which … stands for anything. */
export function promisedBy(session: string): RegExp[] {
  return [...session.matchAll(/^# (\{.*)$/gm)].map(
    ([, answer = ""]) =>
      new RegExp(
        `^${answer
          .split("…")
          .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
          .join(".*")}$`,
      ),
  );
}
