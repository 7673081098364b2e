import { expect, test } from "vitest";
import { Format, type Step } from "../../stores/format.ts";

const isNamed = (value: unknown): value is { readonly name: string; readonly size: number } =>
  typeof value === "object" && value !== null && "name" in value && "size" in value;

/** A value was a name; then a name in a list; and is a name with its size. */
const listed: Step = (_, value) => [value];
const sized: Step = (what, value) => {
  const [name = ""] = value as readonly string[];
  return { name: `${what} ${name}`, size: name.length };
};
const formats = [new Format([]), new Format([listed]), new Format([listed, sized])] as const;
const [first, second, third] = formats;

test("what rests in an older format is read as it is now, by each step on the way, and what is written is of the newest", () => {
  const now = { name: "the record desk", size: 4 };
  expect(third.unframe("the record", first.frame("desk"), isNamed)).toEqual(now);
  expect(third.unframe("the record", second.frame(["desk"]), isNamed)).toEqual(now);
  expect(third.unframe("the record", third.frame(now), isNamed)).toEqual(now);
  expect(formats.map((format) => [format.current, format.frame("x")[0]])).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
});

test("a format that is newer than who reads, or none, is refused; so is what does not hold what belongs there", () => {
  for (const bytes of [third.frame("x"), Buffer.from([0]), Buffer.alloc(0)])
    expect(() => second.unframe("the record", bytes, isNamed)).toThrow(
      /\[internal\] the record has format (3|0|none); this version reads 1 to 2/,
    );
  expect(() => third.unframe("the record", third.frame({ name: "desk" }), isNamed)).toThrow("does not hold what belongs there");
  expect(() => third.unframe("the record", Buffer.from([3, 0xdb, 0xff]), isNamed)).toThrow("its bytes do not decode");
});
