// The tables of limits, made of protocol/limits.ts and its comments.

import { limits } from "../../protocol/limits.ts";

type Row = { readonly name: string; readonly note: string };

/** `source` is the text of protocol/limits.ts. */
export function limitsPage(source: string): string {
  const lines = [
    "# Limits",
    "",
    "Every bound in the system, made from `protocol/limits.ts` by `npm run docs`. Sizes are in bytes, times in milliseconds, as their names say.",
  ];
  for (const [heading, rows] of sectionsOf(source)) {
    lines.push("", `## ${heading}`, "", "| limit | value | |", "|---|---:|---|");
    for (const { name, note } of rows) lines.push(`| \`${name}\` | ${figureOf(name)} | ${note} |`);
  }
  return `${lines.join("\n")}\n`;
}

/** A comment of one line begins a section; a docstring belongs to the limit below it. */
function sectionsOf(source: string): [string, Row[]][] {
  const sections: [string, Row[]][] = [];
  let note = "";
  const body = source.slice(source.indexOf("export const limits"), source.indexOf("} as const"));
  for (const line of body.split("\n").map((text) => text.trim())) {
    const [, heading] = /^\/\/ (.+)$/.exec(line) ?? [];
    const [, above] = /^\/\*\* (.+) \*\/$/.exec(line) ?? [];
    const [, name] = /^(\w+): /.exec(line) ?? [];
    if (heading !== undefined) sections.push([heading.replace(/\.$/, ""), []]);
    if (above !== undefined) note = above;
    if (name === undefined) continue;
    sections.at(-1)?.[1].push({ name, note });
    note = "";
  }
  return sections;
}

function figureOf(name: string): string {
  const value = (limits as Readonly<Record<string, number>>)[name];
  if (value === undefined) throw new Error(`protocol/limits.ts names ${name} in a way that tools/docs/limits.ts does not read`);
  const plain = value.toLocaleString("en-US");
  if (name.includes("bytes_")) return `${plain} (${value / 2 ** 20 >= 1 ? `${value / 2 ** 20} MiB` : `${value / 2 ** 10} KiB`})`;
  return name.endsWith("_ms") && value >= 60_000 ? `${plain} (${duration(value)})` : plain;
}

/** From the longest. */
const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
] as const;

/** In the longest unit in which it is a whole number, else in seconds. */
export function duration(ms: number): string {
  const [unit, length] = units.find(([, each]) => ms % each === 0) ?? ["s", 1_000];
  return `${ms / length} ${unit}`;
}
