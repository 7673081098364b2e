import type { ContextKeys, Die } from "../actors/ports.ts";
import { KeyTree, type Node } from "./key-tree.ts";
import { hmac } from "./mac.ts";

const KEY = 32;
const SEAL = 16;
/** The root of contents without a subject; pseudonyms have 16 characters. */
const NOBODY = "";
/** The tree of a subject that was forgotten: none of its leaves can be reached. */
const GONE = new KeyTree([]);

type PackedKeys = {
  readonly secret: Uint8Array;
  readonly roots: readonly (readonly [Uint8Array, readonly (readonly [number, number, Uint8Array])[]])[];
};

export type ContentKeys = { readonly key: Uint8Array; readonly digest: (plain: Uint8Array) => Buffer };

/** The key table of one context, opened: a secret for pseudonyms and seals, and a key tree for each subject and one for contents without. */
export class OpenKeys implements ContextKeys {
  readonly #secret: Uint8Array;
  readonly #sealKey: Buffer;
  readonly #trees: ReadonlyMap<string, KeyTree>;

  private constructor(secret: Uint8Array, trees: ReadonlyMap<string, KeyTree>) {
    this.#secret = secret;
    this.#sealKey = hmac(secret, "strata/seal/1");
    this.#trees = trees;
  }

  static mint(die: Die): OpenKeys {
    return new OpenKeys(die.bytes(KEY), new Map([[NOBODY, KeyTree.root(die.bytes(KEY))]]));
  }

  withRoots(subjects: readonly string[], die: Die): OpenKeys {
    const trees = new Map(this.#trees);
    for (const subject of subjects) if (!trees.has(subject)) trees.set(subject, KeyTree.root(die.bytes(KEY)));
    return new OpenKeys(this.#secret, trees);
  }

  pack(): PackedKeys {
    const roots = [...this.#trees].map(
      ([subject, tree]) =>
        [Buffer.from(subject, "latin1"), tree.frontier.map(({ depth, path, key }) => [depth, path, key] as const)] as const,
    );
    return { secret: this.#secret, roots };
  }

  static unpack(packed: PackedKeys): OpenKeys {
    const trees = packed.roots.map(([subject, nodes]) => {
      const frontier = nodes.map(([depth, path, key]): Node => ({ depth, path, key: Buffer.from(key) }));
      return [Buffer.from(subject).toString("latin1"), new KeyTree(frontier)] as const;
    });
    return new OpenKeys(Buffer.from(packed.secret), new Map(trees));
  }

  pseudonym(of: "key" | "request" | "subject", text: string): string {
    return hmac(this.#secret, `strata/${of}/1/${text}`).toString("latin1", 0, 16);
  }

  hasRoots(subjects: readonly string[]): boolean {
    return subjects.every((subject) => this.#trees.has(subject));
  }

  countWith(subjects: readonly string[]): number {
    const more = new Set(subjects.filter((subject) => !this.#trees.has(subject))).size;
    return this.#trees.size - (this.#trees.has(NOBODY) ? 1 : 0) + more;
  }

  readonly seal = (digest: Uint8Array): Buffer => hmac(this.#sealKey, digest).subarray(0, SEAL);

  /** The keys of content `n`. One with several subjects needs the leaves of all, so that forgetting any of them forgets it. */
  readonly leaf = (n: number, subjects: readonly string[]): ContentKeys => {
    let leaf = this.#tree(subjects[0] ?? NOBODY).leaf(n);
    for (const subject of subjects.slice(1)) leaf = hmac(leaf, this.#tree(subject).leaf(n));
    const pair = hmac(leaf, "strata/content/1", "sha512");
    return { key: pair.subarray(0, KEY), digest: (plain) => hmac(pair.subarray(KEY), plain) };
  };

  #tree(subject: string): KeyTree {
    return this.#trees.get(subject) ?? GONE;
  }
}
