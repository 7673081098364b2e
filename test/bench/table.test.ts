import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readmeFile, resultsFile } from "../../bench/options.ts";
import { mergeRows, readRows, rowOf } from "../../bench/rows.ts";
import { median, quantile } from "../../bench/statistics.ts";
import { tableOf, writeTable } from "../../bench/table.ts";

const folder = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
const rate = { measure: "commit, rate", c: 64, unit: "turns/s" };
const rows = [
  ...rowOf({ ...rate, store: "redis" }, 2_812.4, 3_000),
  ...rowOf({ ...rate, store: "sqlite" }, 2_000, 800),
  ...rowOf({ measure: "hot", store: "redis", c: 1, unit: "requests/load" }, 0),
  ...rowOf({ measure: "never seen", store: "redis", c: 1, unit: "ms" }, undefined, 3),
];

test("a row's ratio is value over floor, and there is no row without a value", () => {
  expect(rows).toEqual([
    { ...rate, store: "redis", value: 2_812, floor: 3_000, ratio: 0.937 },
    { ...rate, store: "sqlite", value: 2_000, floor: 800, ratio: 2.5 },
    { measure: "hot", store: "redis", c: 1, unit: "requests/load", value: 0, floor: null, ratio: null },
  ]);
});

test("the table has a line for each measure and number of callers and a column for each store", () => {
  expect(tableOf(rows).split("\n")).toEqual([
    "| measure | c | unit | Redis | SQLite |",
    "| --- | ---: | --- | ---: | ---: |",
    "| commit, rate | 64 | turns/s | 2,812 (0.94x) | 2,000 (2.50x) |",
    "| hot | 1 | requests/load | 0 | – |",
  ]);
});

test("the table goes between its two marks, over and over, and nothing else of the file changes", () => {
  const file = join(folder, "README.md");
  writeFileSync(file, "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n");
  writeTable(file, rows);
  const once = readFileSync(file, "utf8");
  expect(once).toBe(`before\n<!-- bench -->\n\n${tableOf(rows)}\n\n<!-- /bench -->\nafter\n`);
  writeTable(file, rows);
  expect(readFileSync(file, "utf8")).toBe(once);
});

test("a file without the marks is refused", () => {
  const file = join(folder, "other.md");
  writeFileSync(file, "nothing here");
  expect(() => writeTable(file, rows)).toThrow("has no place for the table");
});

test("rows that were measured again replace the old ones, and the others stay in their places", () => {
  const file = join(folder, "rows.json");
  mergeRows(file, rowOf({ ...rate, store: "redis" }, 1, 2), rows);
  expect(readRows(file)).toEqual([{ ...rate, store: "redis", value: 1, floor: 2, ratio: 0.5 }, rows[1], rows[2]]);
});

test("the README's table is that of bench/results.json, and empty where nothing was measured", () => {
  const [, between] = /<!-- bench -->(.*)<!-- \/bench -->/s.exec(readFileSync(readmeFile, "utf8")) ?? [];
  expect(between?.trim()).toBe(existsSync(resultsFile) ? tableOf(readRows(resultsFile)) : "");
});

test("medians and quantiles are those of the sorted numbers", () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2.5, Number.NaN]);
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([quantile(hundred, 0.5), quantile(hundred, 0.99), quantile([7], 0.99)]).toEqual([51, 100, 7]);
});
