// docs/embedded-sidecar.md says which danger is shown where: the switches and the tests that it names are the ones there are.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { noFaults } from "../../dapr/local.ts";
import { filesUnder } from "../tidy/source.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/embedded-sidecar.md"), "utf8");
const files = filesUnder(root, ".ts").filter((path) => /^test\/(suites\/sidecar|dapr)\//.test(path));
const rows = page.split("\n").filter((line) => /^\| .*\.ts/.test(line));

test("every switch stands in the table of dangers, and nothing stands there that is no switch", () => {
  const table = page.slice(page.indexOf("| danger | switch |"), page.indexOf("## Dangers that are always there"));
  const named = table.split("\n").flatMap((row) => (row.split("|")[2] ?? "").match(/(?<=`)\w+(?=`)/g) ?? []);
  expect(named.toSorted()).toEqual(Object.keys(noFaults).toSorted());
});

test("every test that a danger names is there, and every danger names one", () => {
  expect(rows.length).toBeGreaterThan(20);
  for (const row of rows) {
    const tests = [...row.matchAll(/([\w.-]+\.ts)[^:"]*: "([^"]+)"/g)];
    expect(tests.length, row).toBeGreaterThan(0);
    for (const [, file = "", name = ""] of tests) {
      const path = files.find((one) => one.endsWith(`/${file}`));
      expect(path === undefined ? "" : readFileSync(join(root, path), "utf8"), `${file}: ${name}`).toContain(`"${name}"`);
    }
  }
});

test("every fault and cure of the real runtime that it names exists", () => {
  // By their text: who imports them starts what they start.
  const sources = filesUnder(root, ".ts").filter((path) => path.startsWith("test/faults/"));
  const known = sources.flatMap((path) =>
    [...readFileSync(join(root, path), "utf8").matchAll(/name: "([\w-]+)"/g)].map(([, name]) => name),
  );
  const named = rows.flatMap((row) => [...row.matchAll(/`([a-z]+-[a-z-]+|kills)`/g)].map(([, name]) => name));
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});
