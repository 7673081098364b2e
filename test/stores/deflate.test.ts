import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deflate, inflate, inflateAll, type Resting } from "../../stores/deflate.ts";
import { anyText } from "../protocol/values.ts";

const long = "The quick brown fox jumps over the lazy dog. ".repeat(40);
/** Short and long, that deflate and that do not. */
const text: fc.Arbitrary<Buffer> = fc
  .oneof(
    anyText,
    fc.integer({ min: 1, max: long.length }).map((to) => long.slice(-to)),
    fc.constant(long.repeat(20)),
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString("base64")),
  )
  .map((written) => Buffer.from(written));
const resting = (plain: Buffer): Resting => ({ body: deflate(plain), bytes: plain.length });

test("texts come back as they were, each alone and all together", () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (plains) => {
      const texts = plains.map(resting);
      for (const [i, { body }] of texts.entries()) expect(inflate(body)).toEqual(plains[i]);
      expect(texts.map(inflateAll(texts))).toEqual(plains);
    }),
  );
});

test("what was deflated before it was flushed is still read, also beside what is flushed", () => {
  const old = { body: Buffer.concat([Buffer.of(1), deflateRawSync(long)]), bytes: long.length };
  expect(inflate(old.body).toString()).toBe(long);
  const texts = [resting(Buffer.from(long)), old, resting(Buffer.from("short")), resting(Buffer.from(long.slice(9)))];
  expect(texts.map(inflateAll(texts)).map(String)).toEqual([long, long, "short", long.slice(9)]);
});

test("a text that is longer or shorter than it says, or that does not inflate, is refused and takes no other's place", () => {
  const [one, two] = [resting(Buffer.from(long)), resting(Buffer.from(long.slice(9)))];
  for (const bytes of [0, two.bytes - 1, two.bytes + 1]) expect(() => inflateAll([one, { ...two, bytes }])).toThrow("[internal]");
  const broken = { ...two, body: Buffer.from(two.body).fill(0xff, 1) };
  expect(() => inflateAll([one, broken])).toThrow("[internal] a content does not inflate");
  expect(() => inflate(broken.body)).toThrow("[internal] a content does not inflate");
});

test("what rests in a way that is not known is refused, not guessed at", () => {
  for (const body of [Buffer.of(3, 1, 2, 3), Buffer.of(255), Buffer.alloc(0)])
    expect(() => inflate(body)).toThrow(/^\[internal\] a content rests as (3|255|nothing); this version reads 0, 1 and 2$/);
});

test("a bomb is not inflated beyond what a turn may hold", () => {
  const bomb = deflate(Buffer.alloc(64 * 1_024 * 1_024));
  expect(bomb.length).toBeLessThan(300_000);
  expect(() => inflate(bomb)).toThrow("[internal] a content does not inflate");
});
