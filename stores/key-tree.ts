// A key tree: child = HMAC-SHA256(parent, bit), one leaf for each content.
//
// Who holds a node can derive all below it and nothing else, so forgetting one leaf means replacing its ancestors by the siblings along its
// path: the frontier. Contents are mostly written and read in order, so the last path is kept and a next leaf costs two HMACs on average.

import { ContextError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { hmac } from "./mac.ts";

const BITS = limits.content_bits;
const KEY = 32;
const ZERO = Buffer.from([0]);
const ONE = Buffer.from([1]);

/** A node that is held: the `depth` first bits of the leaves under it are `path`. */
export type Node = { readonly depth: number; readonly path: number; readonly key: Uint8Array };

export class KeyTree {
  readonly frontier: readonly Node[];
  /** The nodes from depth 0 to BITS above `#leaf`; those above `#from` are not held. */
  readonly #nodes = new Uint8Array((BITS + 1) * KEY);
  #leaf = -1;
  #from = 0;

  constructor(frontier: readonly Node[]) {
    this.frontier = frontier;
  }

  static root(key: Uint8Array): KeyTree {
    return new KeyTree([{ depth: 0, path: 0, key }]);
  }

  /** The key of leaf `n`. Throws ContextError "erased" where no node above it is held. */
  leaf(n: number): Uint8Array {
    let depth = this.#shared(n);
    if (depth < 0) {
      const node = this.frontier.find((held) => n >>> (BITS - held.depth) === held.path);
      if (node === undefined) throw new ContextError("erased", "the content was erased");
      this.#nodes.set(node.key, node.depth * KEY);
      depth = this.#from = node.depth;
    }
    for (; depth < BITS; depth++) {
      const bit = (n >>> (BITS - depth - 1)) & 1;
      const child = hmac(this.#nodes.subarray(depth * KEY, (depth + 1) * KEY), bit === 1 ? ONE : ZERO);
      this.#nodes.set(child, (depth + 1) * KEY);
    }
    this.#leaf = n;
    return this.#nodes.subarray(BITS * KEY, (BITS + 1) * KEY);
  }

  /** The depth down to which the kept path leads to `n` as well, or -1. */
  #shared(n: number): number {
    if (this.#leaf < 0) return -1;
    const differ = this.#leaf ^ n;
    const depth = differ === 0 ? BITS : BITS - (32 - Math.clz32(differ));
    return depth >= this.#from ? depth : -1;
  }
}
