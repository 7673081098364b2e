import { expect, test } from "vitest";
import { checkCitations, checkPage, explained } from "./invariants.ts";
import { parse } from "./source.ts";

const known = new Set(explained("- **V4** A turn.\n- **C5** A rule.\n"));

/** None of them but V4 and C5 is explained. */
const citations: readonly (readonly [text: string, found: readonly string[]])[] = [
  ["work(); // It stands (V4).", []],
  ["// It stands (V44).", ["V44"]],
  ["/**\n * What C6 asks for, and C5.\n */\nwork();", ["C6"]],
  ["work(1 /* B3 */);", ["B3"]],
  ["work(\n  1, // By A4\n);", ["A4"]],
  ['test("C5, C6: a claim", work);', ["C6"]],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what is looked through
  ["test(`P6: a claim of ${many}`, work);", ["P6"]],
  ['found("a gap (V9)");', ["V9"]],
  ['violate("E2", "it is gone");', ["E2"]],
  ['found("%C3%A9", "MiB1", "AES C6 4"); // V8 runs it, and %C6 is no rule.', []],
];

for (const [text, numbers] of citations) {
  test(`of ${JSON.stringify(text)}, ${numbers.join() || "nothing"} is cited and not explained`, () => {
    const found = checkCitations(known)(parse("core/x.ts", `\n${text}`));
    expect(found.map((finding) => /: (\w+) /.exec(finding)?.[1])).toEqual(numbers);
    for (const finding of found) expect(finding).toMatch(/^core\/x\.ts:\d+: \w+ stands in .+; .+/);
  });
}

test("of a page, what is cited outside of its code is found in its line", () => {
  const page = "As V4 says.\n\n```ts\nC6;\n```\n\nBeside `V9`, P7 holds.\n";
  expect(checkPage("docs/x.md", page, known)).toEqual([expect.stringMatching(/^docs\/x\.md:7: P7 stands in .+; .+/)]);
});
