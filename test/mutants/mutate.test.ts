import { expect, test } from "vitest";
import { mutantsOf } from "./mutate.ts";

/** What is changed in the one function of a text, and into what. */
const changes = (text: string): string[] =>
  mutantsOf("a.ts", text).map(({ name, text: mutant }) => {
    expect(mutant).not.toBe(text);
    return name.replace(/^a\.ts work \| /, "");
  });

test("an await is left out wherever it stands: in a statement of its own, in what is returned, kept or asked, and in a loop", () => {
  expect(changes("async function work() { await a(); }")).toEqual(["await a(); => ;", "await a(); => void a();"]);
  expect(changes("async function work() { return await a(); }")).toEqual(["return await a(); => ;", "await a() => a()"]);
  expect(changes("async function work() { const { b } = (await a()).c; }")).toEqual(["await a() => a()"]);
  expect(changes("async function work() { for await (const b of a) ; }")).toEqual(["await => (nothing)"]);
  expect(changes("async function work() { if (await a()) ; }")).toEqual([
    "await a() => !(await a())",
    "await a() => true",
    "await a() => false",
    "await a() => a()",
  ]);
});

test("what stands behind an arrow is a return: nothing comes in its place, and of a truth the other one too", () => {
  expect(changes("const work = (a) => a + 1;")).toEqual(["a + 1 => undefined"]);
  expect(changes("const work = () => ({ a });")).toEqual(["({ a }) => undefined"]);
  expect(changes("const work = async () => await a();")).toEqual(["await a() => undefined", "await a() => a()"]);
  expect(changes("const work = () => true;")).toEqual(["true => undefined", "true => false"]);
  expect(changes("const work = () => { return true; };")).toEqual(["return true; => return false;", "return true; => ;"]);
});

test("types, what is nothing already and what is only reported are left as they are", () => {
  expect(changes("type Work = () => true; const work = () => undefined;")).toEqual([]);
  expect(changes("const work = () => events.told(a);")).toEqual([]);
  expect(changes("function work() { events.told(a); return; }")).toEqual([]);
});

test("what is changed twice in the same way has a number, so that every mutant has a name of its own", () => {
  expect(changes("async function work() { return [await a, await a]; }").slice(1)).toEqual(["await a => a", "await a => a #2"]);
});
