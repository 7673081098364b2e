import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../../protocol/limits.ts";
import { KeyTree, type Node } from "../../stores/key-tree.ts";

const BITS = limits.content_bits;
const root = Buffer.alloc(32, 7);
const leafNumber = fc.integer({ min: 0, max: 2 ** BITS - 1 });
/** Near each other as often as far apart: neighbours share most of their path. */
const leafNumbers = fc
  .tuple(leafNumber, fc.array(fc.oneof(leafNumber, fc.integer({ min: 0, max: 9 })), { minLength: 1, maxLength: 12 }))
  .map(([first, rest]) => [first, ...rest.map((step) => (step < 10 ? Math.min(first + step, 2 ** BITS - 1) : step))]);

/** Written down from the rule, without any memory: child = HMAC-SHA256(parent, bit). */
function walk(key: Uint8Array, depth: number, n: number): Buffer {
  let node = Buffer.from(key);
  for (let bit = BITS - depth - 1; bit >= 0; bit--)
    node = createHmac("sha256", node)
      .update(Buffer.of((n >>> bit) & 1))
      .digest();
  return node;
}

/** The frontier of the tree without leaf `gone`: the siblings along its path. */
function without(gone: number): Node[] {
  let key: Buffer = Buffer.from(root);
  const frontier: Node[] = [];
  for (let depth = 0; depth < BITS; depth++) {
    const bit = (gone >>> (BITS - depth - 1)) & 1;
    const [child, sibling] = [bit, 1 - bit].map((b) => createHmac("sha256", key).update(Buffer.of(b)).digest());
    if (child === undefined || sibling === undefined) throw new Error("a node has two children");
    frontier.push({ depth: depth + 1, path: (gone >>> (BITS - depth - 1)) ^ 1, key: sibling });
    key = child;
  }
  return frontier;
}

test("a leaf is what the rule says, in whatever order leaves are asked for", () => {
  fc.assert(
    fc.property(leafNumbers, (numbers) => {
      const tree = KeyTree.root(root);
      for (const n of numbers) expect(Buffer.from(tree.leaf(n))).toEqual(walk(root, 0, n));
    }),
  );
});

test("E1: a frontier that lost a leaf cannot derive it, and can derive every other", () => {
  fc.assert(
    fc.property(leafNumbers, fc.nat(), (numbers, which) => {
      const gone = numbers[which % numbers.length] ?? 0;
      const tree = new KeyTree(without(gone));
      for (const n of [...numbers, gone ^ 1, gone, ...numbers]) {
        if (n === gone) expect(() => tree.leaf(n)).toThrow("[erased]");
        else expect(Buffer.from(tree.leaf(n))).toEqual(walk(root, 0, n));
      }
    }),
  );
});

test("nothing that a frontier without a leaf holds is on the way to that leaf", () => {
  const gone = 0b1011;
  const held = without(gone).map(({ key }) => Buffer.from(key).toString("hex"));
  for (let depth = 0; depth <= BITS; depth++) {
    let node: Buffer = Buffer.from(root);
    for (let bit = 0; bit < depth; bit++)
      node = createHmac("sha256", node)
        .update(Buffer.of((gone >>> (BITS - bit - 1)) & 1))
        .digest();
    expect(held).not.toContain(node.toString("hex"));
  }
});

test("without any node nothing can be derived", () => {
  expect(() => new KeyTree([]).leaf(0)).toThrow("[erased]");
});

test("no two leaves are the same", () => {
  const tree = KeyTree.root(root);
  const leaves = Array.from({ length: 1_000 }, (_, n) => Buffer.from(tree.leaf(n)).toString("hex"));
  expect(new Set(leaves).size).toBe(1_000);
});
