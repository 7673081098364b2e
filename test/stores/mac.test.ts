import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hmac } from "../../stores/mac.ts";

const algorithms = ["sha256", "sha512"] as const;

test("it is HMAC: for keys of up to a block and for bytes and text of any length it answers what OpenSSL's does", () => {
  const data = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string({ maxLength: 400, unit: "binary" }));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), data, fc.constantFrom(...algorithms), (key, text, algorithm) => {
      expect(hmac(key, text, algorithm).toString("hex")).toBe(createHmac(algorithm, key).update(text).digest("hex"));
    }),
    { numRuns: 2_000 },
  );
});

test("the second case of RFC 4231", () => {
  expect(hmac(Buffer.from("Jefe"), "what do ya want for nothing?").toString("hex")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("a key longer than a block is refused, since it would have to be hashed first", () => {
  expect(() => hmac(new Uint8Array(65), "")).toThrow("at most 64");
  expect(hmac(new Uint8Array(65), "", "sha512")).toHaveLength(64);
});
