import { expect, test } from "vitest";
import { blocksOf, promisedBy } from "./blocks.ts";

const page = [
  "Text.",
  "",
  "```sh session",
  "call read",
  '# {"ok":true,"version":1,…}',
  "# a comment",
  "```",
  "",
  "```ts",
  "const a = 1;",
  "```",
  "",
].join("\n");

test("a block knows its place, its kind and its text", () => {
  expect(blocksOf("a.md", page).map(({ line, info, code }) => [line, info, code.split("\n").length])).toEqual([
    [4, "sh session", 3],
    [10, "ts", 1],
  ]);
});

test("a block without an end is found", () => {
  expect(() => blocksOf("a.md", "```sh\nls")).toThrow("a.md:1");
});

test("a promise holds for what it says, and for nothing else", () => {
  const [promise = /^$/, ...rest] = promisedBy(blocksOf("a.md", page)[0]?.code ?? "");
  expect(rest).toEqual([]);
  expect('{"ok":true,"version":1,"items":[]}').toMatch(promise);
  expect('{"ok":true,"version":2,"items":[]}').not.toMatch(promise);
  expect('{"ok":false,"code":"denied"}').not.toMatch(promise);
});
