import fc from "fast-check";
import { expect, test } from "vitest";
import { explain } from "../../protocol/explain.ts";
import { Base64, Item } from "../../protocol/item.ts";

test("a text is base64 where it is what its bytes encode to", () => {
  const ends = fc.tuple(fc.base64String(), fc.constantFrom("", "=", "==", "AB==", "AQ==", "ABC=", "ABE=", "A===", "-_8=", "QQ\n\n", " "));
  fc.assert(
    fc.property(ends, ([text, end]) => {
      const whole = text + end;
      expect(Base64.safeParse(whole).success).toBe(Buffer.from(whole, "base64").toString("base64") === whole);
    }),
    { numRuns: 2_000 },
  );
});

test.each(["AB=", "AB==", "!"])("what is wrong with the base64 %s is said once", (base64) => {
  const { error } = Item.safeParse({ role: "user", content: [{ type: "blob", mediaType: "image/png", base64 }] });
  expect(error && explain(error)).toMatch(/^content\.0\.base64: must be base64 with padding, and no bits beyond the last byte \([^)]*\)$/);
});
