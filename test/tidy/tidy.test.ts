import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkCitations, checkPage, citedIn, explained } from "./invariants.ts";
import { checkImports, checkRealTests } from "./layers.ts";
import { allowances } from "./powers.data.ts";
import { covers, usesIn } from "./powers.ts";
import { rules } from "./rules.ts";
import { filesUnder, readSources } from "./source.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = readSources(root);
const read = (path: string): string => readFileSync(join(root, path), "utf8");

test("there is something to be tidy about", () => {
  const folders = new Set(sources.map(({ folder }) => folder));
  for (const folder of ["protocol", "core", "actors", "stores", "dapr", "services", "test", "tools"]) expect(folders).toContain(folder);
});

test("imports go one way: services -> dapr, stores -> actors -> core -> protocol", () => {
  expect(sources.flatMap(checkImports)).toEqual([]);
});

test("tests that start an installation are named so that they run alone", () => {
  expect(checkRealTests(sources)).toEqual([]);
});

for (const [name, rule] of Object.entries(rules)) {
  test(`the rule ${name} finds nothing`, () => {
    expect(sources.flatMap(rule)).toEqual([]);
  });
}

test("every allowance is made use of: one that nobody needs is only an open door", () => {
  const idle = allowances.flatMap(({ files, names }) => {
    const used = sources.filter(({ path }) => files.test(path)).flatMap(usesIn);
    return names.filter((known) => !used.some(({ name }) => covers(known, name)));
  });
  expect(idle).toEqual([]);
});

test("every invariant and every rule that a comment, a test's name or a page cites by its number is explained, once", () => {
  const numbers = explained(read("docs/invariants.md"));
  expect(numbers.length).toBeGreaterThan(20);
  expect(numbers).toEqual([...new Set(numbers)]);
  expect(sources.flatMap(citedIn).length).toBeGreaterThan(300);
  const known = new Set(numbers);
  expect(sources.flatMap(checkCitations(known))).toEqual([]);
  expect(filesUnder(root, ".md").flatMap((path) => checkPage(path, read(path), known))).toEqual([]);
});
