// The README's table of figures, made of the rows in results.json.
import { readFileSync, writeFileSync } from "node:fs";
import type { Row } from "./rows.ts";

const BEGIN = "<!-- bench -->";
const END = "<!-- /bench -->";
const order = ["redis", "postgres", "sqlite", "embedded"];
const titles: Readonly<Record<string, string>> = { redis: "Redis", postgres: "PostgreSQL", sqlite: "SQLite", embedded: "embedded" };

/** Markdown: a line for each measure and number of callers, a column for each store; in brackets the ratio to the floor. */
export function tableOf(rows: readonly Row[]): string {
  const stores = order.filter((store) => rows.some((row) => row.store === store));
  const lines = new Map<string, Row[]>();
  for (const row of rows) {
    const name = `${row.measure} | ${row.c} | ${row.unit}`;
    lines.set(name, [...(lines.get(name) ?? []), row]);
  }
  const cells = (found: readonly Row[]): string[] => stores.map((store) => cellOf(found.find((row) => row.store === store)));
  const table = [
    ["measure", "c", "unit", ...stores.map((store) => titles[store] ?? store)],
    ["---", "---:", "---", ...stores.map(() => "---:")],
    ...[...lines].map(([name, found]) => [name, ...cells(found)]),
  ];
  return table.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cellOf(row: Row | undefined): string {
  if (row === undefined) return "–";
  const value = row.value.toLocaleString("en-US", { maximumSignificantDigits: row.value >= 1_000 ? 21 : 3 });
  return row.ratio === null ? value : `${value} (${row.ratio.toFixed(2)}x)`;
}

/** Puts the table between the two marks of the file. Throws where they are not there. */
export function writeTable(file: string, rows: readonly Row[]): void {
  const text = readFileSync(file, "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} has no place for the table: a line ${BEGIN} and, after it, a line ${END}`);
  writeFileSync(file, `${text.slice(0, begin + BEGIN.length)}\n\n${tableOf(rows)}\n\n${text.slice(end)}`);
}
