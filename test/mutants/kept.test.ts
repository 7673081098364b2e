import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Kept } from "./kept.ts";
import type { Mutant } from "./mutate.ts";

const folder = mkdtempSync(join(tmpdir(), "strata-kept-"));
afterAll(() => rmSync(folder, { recursive: true }));
const mutant = (name: string, text = "x"): Mutant => ({ name, file: "a.ts", line: 1, text });

test("a verdict is found again by who comes later, unless the mutant's text is another or it survived fewer seeds", () => {
  const path = join(folder, "verdicts.jsonl");
  const first = new Kept(path, 10);
  expect(first.find(mutant("killed"))).toBeUndefined();
  first.add(mutant("killed"), "seed 3");
  first.add(mutant("alive"), undefined);
  const same = new Kept(path, 10);
  expect([same.find(mutant("killed")), same.find(mutant("alive"))]).toEqual([{ killed: "seed 3" }, { killed: undefined }]);
  expect(same.find(mutant("killed", "y"))).toBeUndefined();
  const more = new Kept(path, 11);
  expect([more.find(mutant("killed")), more.find(mutant("alive"))]).toEqual([{ killed: "seed 3" }, undefined]);
});

test("a line that was torn when the run ended costs only itself", () => {
  const path = join(folder, "torn.jsonl");
  new Kept(path, 10).add(mutant("one"), "seed 1");
  appendFileSync(path, '{"name":"tw');
  new Kept(path, 10).add(mutant("three"), "seed 3");
  const after = new Kept(path, 10);
  expect([after.find(mutant("one")), after.find(mutant("three"))]).toEqual([{ killed: "seed 1" }, { killed: "seed 3" }]);
});
