import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { faults } from "./all.ts";
import { briefDrain, cureOf, cures, patched } from "./cures.ts";

const patches = [...cures, briefDrain].flatMap(({ name, patches: own = [] }) => own.map((patch) => ({ name, ...patch })));
const textOf = (module: string): string => readFileSync(new URL(`../../${module}`, import.meta.url), "utf8");

test.each(patches)("the cure $name is where it is said to be: once, in $module", (patch) => {
  const text = textOf(patch.module);
  expect(patched(text, patch)).not.toBe(text);
});

test("a cure whose text is gone, or stands twice, is not switched off in silence", () => {
  const patch = { module: "a.ts", replace: "x", by: "y" };
  expect(() => patched("none", patch)).toThrow(/occurs 0 times/);
  expect(() => patched("x x", patch)).toThrow(/occurs 2 times/);
});

test("every fault names cures that exist, and every cure is one of some fault", () => {
  const named = new Set(faults.flatMap((fault) => fault.cures.flatMap(({ without }) => without)));
  for (const name of named) expect(cureOf(name).name).toBe(name);
  expect(cures.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
});

test("a cure that does not exist is refused with the list of those that do", () => {
  expect(() => cureOf("luck")).toThrow(/there is no cure "luck"; there are queue, abort, fence/);
});
