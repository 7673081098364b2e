// Bytes at rest.
//
// A record is a skeleton, a seal and contents. The chain's digest is over the skeleton, which holds a keyed digest of every content, so that
// contents can be sealed into pages or erased while the chain goes on verifying. The seal is a MAC of the digest: whoever can write to the store
// but has no key cannot make a record that we would take, not even the last one, which no later record vouches for.

import { createCipheriv, createDecipheriv, createSecretKey, hash, timingSafeEqual } from "node:crypto";
import type { Codec, ContextKeys, Die, Sealed } from "../actors/ports.ts";
import type { Draft, Entry } from "../core/record.ts";
import type { State } from "../core/state.ts";
import { Keys } from "../core/state.ts";
import { ContextError } from "../protocol/errors.ts";
import type { ContextId } from "../protocol/ids.ts";
import { RawJson } from "../protocol/json.ts";
import { Policy } from "../protocol/policy.ts";
import { instant } from "../protocol/units.ts";
import { type ContentKeys, OpenKeys } from "./context-keys.ts";
import { deflate, inflate, inflateAll, type Resting } from "./deflate.ts";
import { Format, packr } from "./format.ts";
import type { Keyring } from "./keyring.ts";
import { isHead, isPage, isRecord, isTable, isTombstone } from "./shapes.ts";
import { packSkeleton, unpackSkeleton } from "./skeleton.ts";

/** There is one format yet, so no step. */
const format = new Format([]);
const NONCE = 12;
const TAG = 16;
const RECORD_DOMAIN = Buffer.from("strata/record/1\0");
const HEAD_DOMAIN = Buffer.from("strata/head/1\0");
const GENESIS_DOMAIN = "strata/genesis/1\0";

/** msgpackr's buffers share a slab, so what is kept is copied out. */
const pack = (value: unknown): Buffer => Buffer.from(packr.pack(value));

export class RecordCodec implements Codec {
  readonly #keyring: Keyring;
  readonly #die: Die;

  constructor(keyring: Keyring, die: Die) {
    this.#keyring = keyring;
    this.#die = die;
  }

  genesis(id: ContextId): string {
    return hash("sha256", GENESIS_DOMAIN + id);
  }

  mintKeys(id: ContextId) {
    const keys = OpenKeys.mint(this.#die);
    return { table: this.#wrapKeys(id, keys), keys };
  }

  addRoots(id: ContextId, keys: ContextKeys, subjects: readonly string[]) {
    const more = own(keys).withRoots(subjects, this.#die);
    return { table: this.#wrapKeys(id, more), keys: more };
  }

  openKeys(id: ContextId, table: Uint8Array): ContextKeys {
    const [epoch, sealed] = format.unframe("the key table", table, isTable);
    return OpenKeys.unpack(packr.unpack(this.#keyring.unwrap(id, "the key table", epoch, sealed)));
  }

  #wrapKeys(id: ContextId, keys: OpenKeys): Buffer {
    const { epoch, sealed } = this.#keyring.wrap(id, "the key table", pack(keys.pack()));
    return format.frame([epoch, sealed]);
  }

  encode(id: ContextId, keys: ContextKeys, draft: Draft, contents: readonly string[]) {
    const { seal, leaf } = own(keys);
    const attempt = Buffer.from(this.#die.bytes(16));
    const place = `${id}/${draft.version}/${attempt.toString("hex")}`;
    const digests: Buffer[] = [];
    const sealed = contents.map((text, i) => {
      const content = leaf(draft.firstContent + i, draft.items[i]?.subjects ?? []);
      const plain = Buffer.from(text);
      digests.push(content.digest(plain));
      return this.#encrypt(content.key, additional(place, i), plain);
    });
    const skeleton = pack(packSkeleton(draft, attempt, digests));
    const digest = digestOf(skeleton);
    const bytes = format.frame([skeleton, seal(digest), sealed]);
    return { bytes, entry: { ...draft, attempt: attempt.toString("latin1"), digest: digest.toString("hex"), contents } };
  }

  decode(id: ContextId, keys: ContextKeys, bytes: Uint8Array, thorough = false): Entry {
    const [entry] = this.#decodeTogether(id, keys, [bytes], thorough);
    if (entry === undefined) throw new Error("a record was decoded to nothing");
    return entry;
  }

  decodeAll(id: ContextId, keys: ContextKeys, records: readonly Uint8Array[]): (() => Entry)[] {
    try {
      return this.#decodeTogether(id, keys, records, false).map((entry) => () => entry);
    } catch {
      return records.map((bytes) => () => this.decode(id, keys, bytes)); // Which of them is it?
    }
  }

  #decodeTogether(id: ContextId, keys: ContextKeys, records: readonly Uint8Array[], thorough: boolean): Entry[] {
    const opened = records.map((bytes) => this.#openContents(id, keys, bytes));
    const plain = inflateAll(opened.flatMap(({ contents }) => contents.filter((content) => content !== null)));
    return opened.map(({ entry, contents }) => ({ ...entry, contents: contents.map((content, i) => textOf(content, i)) }));

    function textOf(content: Content | null, position: number): string | null {
      if (content === null) return null;
      const text = plain(content);
      if (thorough && !equal(content.digestOf(text), content.digest))
        throw new ContextError("internal", `content ${position} is not the one that its skeleton names`);
      return text.toString();
    }
  }

  /** A record with its contents decrypted, and null in place of those that were erased. */
  #openContents(id: ContextId, keys: ContextKeys, bytes: Uint8Array) {
    const { leaf } = own(keys);
    const { skeleton, digest, sealed } = this.#open(keys, bytes);
    const { draft, attempt, digests } = unpackSkeleton(skeleton);
    if (sealed.length !== digests.length) throw new ContextError("internal", `it holds ${sealed.length} contents, not ${digests.length}`);
    const place = `${id}/${draft.version}/${Buffer.from(attempt, "latin1").toString("hex")}`;
    const sizes = sizesOf(draft);
    const contents = sealed.map((content, i): Content | null => {
      const open = (): ContentKeys => leaf(draft.firstContent + i, draft.items[i]?.subjects ?? []);
      // Whose key is there was not erased: somebody took it out.
      if (content === null && !isErased(open)) throw new ContextError("internal", `content ${i} is missing, and it was not erased`);
      if (content === null) return null;
      const { key, digest } = open();
      return { body: decrypt(key, additional(place, i), content), bytes: sizes[i] ?? 0, digestOf: digest, digest: digests[i] };
    });
    return { entry: { ...draft, attempt, digest: digest.toString("hex") }, contents };
  }

  attemptOf(keys: ContextKeys, bytes: Uint8Array): string {
    return unpackSkeleton(this.#open(keys, bytes).skeleton).attempt;
  }

  /** What a record holds, once its seal was checked. */
  #open(keys: ContextKeys, bytes: Uint8Array) {
    const [packed, mark, sealed] = format.unframe("the record", bytes, isRecord);
    const digest = digestOf(packed);
    if (!equal(own(keys).seal(digest), mark)) throw new ContextError("internal", "its skeleton was altered: the seal does not match");
    return { skeleton: packr.unpack(packed) as Parameters<typeof unpackSkeleton>[0], digest, sealed };
  }

  /** Records that follow each other, from version `from` on, as their bytes stand. */
  encodePage(from: number, records: readonly Uint8Array[]): Buffer {
    return format.frame([from, from + records.length - 1, records.map((bytes) => Buffer.from(bytes))]);
  }

  decodePage(bytes: Uint8Array) {
    const [from, to, records] = format.unframe("the page", bytes, isPage);
    return { from, to, records };
  }

  encodeHead(id: ContextId, keys: ContextKeys, state: State, { page, to }: Sealed): Buffer {
    const slots = [...state.slots].map(([name, slot]) => {
      const { key } = own(keys).leaf(slot.content, []);
      return [name, slot.content, this.#encrypt(key, Buffer.from(`${id}/head/${slot.content}`), Buffer.from(slot.value.text))];
    });
    const { keys: used, marks } = state.keys.entries();
    const body = pack([
      [
        state.version,
        Buffer.from(state.digest, "hex"),
        state.created,
        state.at,
        state.appended,
        state.items,
        state.contents,
        state.largest,
      ],
      [state.policy, state.published, state.ended, page, to, state.reminded],
      slots,
      [Buffer.from(used.map(([key]) => key).join(""), "latin1"), used.map(([, version]) => version), marks],
    ]);
    return format.frame([body, own(keys).seal(digestOf(body, HEAD_DOMAIN))]);
  }

  decodeHead(id: ContextId, keys: ContextKeys, bytes: Uint8Array) {
    const { seal, leaf } = own(keys);
    const [body, mark] = format.unframe("the head", bytes, isHead);
    if (!equal(seal(digestOf(body, HEAD_DOMAIN)), mark)) return undefined;
    const [
      [version, digest, created, at, appended, items, contents, largest],
      [policy, published, ended, page, to, reminded = 0],
      slots,
      [used, versions, marks],
    ] = packr.unpack(body) as StoredHead;
    const names = Buffer.from(used).toString("latin1");
    const state: State = {
      id,
      version,
      digest: Buffer.from(digest).toString("hex"),
      created: instant(created),
      at: instant(at),
      appended: instant(appended),
      items,
      contents,
      largest,
      policy: Policy.parse(policy),
      published,
      ended,
      reminded: instant(reminded),
      slots: new Map(
        slots.map(([name, content, sealed]) => {
          const plain = inflate(decrypt(leaf(content, []).key, Buffer.from(`${id}/head/${content}`), sealed));
          return [name, { content, value: RawJson.trusted(plain.toString()) }];
        }),
      ),
      keys: Keys.from({ keys: versions.map((v, i) => [names.slice(i * 16, i * 16 + 16), v] as const), marks }),
    };
    return { state, sealed: { page, to } };
  }

  encodeTombstone(version: number): Buffer {
    return format.frame([version]);
  }

  decodeTombstone(bytes: Uint8Array) {
    const [version] = format.unframe("the tombstone", bytes, isTombstone);
    return { version };
  }

  #encrypt(key: Uint8Array, aad: Buffer, plain: Buffer): Buffer {
    const body = deflate(plain);
    const nonce = this.#die.bytes(NONCE);
    const cipher = createCipheriv("aes-256-gcm", createSecretKey(key), nonce).setAAD(aad);
    const secret = cipher.update(body);
    cipher.final(); // Of a counter mode there is nothing left; it makes the tag.
    const sealed = Buffer.allocUnsafe(NONCE + secret.length + TAG);
    sealed.set(nonce);
    sealed.set(secret, NONCE);
    sealed.set(cipher.getAuthTag(), NONCE + secret.length);
    return sealed;
  }
}

/** A content that was decrypted, and what its skeleton says of it. */
type Content = Resting & { readonly digestOf: ContentKeys["digest"]; readonly digest: Buffer | undefined };

type StoredHead = [
  [number, Uint8Array, number, number, number, number, number, number],
  [unknown, number, boolean, number, number, number?],
  [string, number, Buffer][],
  [Uint8Array, number[], [number, number][]],
];

/** UTF-8 bytes of each content, as the skeleton says. */
const sizesOf = ({ items, slots }: Draft): number[] => [...items, ...slots].flatMap(({ bytes }) => (bytes === null ? [] : [bytes]));

const own = (keys: ContextKeys): OpenKeys => {
  if (keys instanceof OpenKeys) return keys;
  throw new Error("these keys were not made by this codec");
};

function isErased(open: () => ContentKeys): boolean {
  try {
    open();
    return false;
  } catch (reason) {
    if (reason instanceof ContextError && reason.code === "erased") return true;
    throw reason;
  }
}

const digestOf = (bytes: Uint8Array, domain = RECORD_DOMAIN): Buffer =>
  Buffer.from(hash("sha256", Buffer.concat([domain, bytes]), "binary"), "binary");
/** Binds a content to its context, version, attempt and position: none can stand in for another. */
const additional = (place: string, position: number): Buffer => Buffer.from(`${place}/${position}`);
const equal = (a: Buffer, b: Buffer | undefined): boolean => b !== undefined && a.length === b.length && timingSafeEqual(a, b);

function decrypt(key: Uint8Array, aad: Buffer, sealed: Buffer): Buffer {
  try {
    const cipher = createDecipheriv("aes-256-gcm", createSecretKey(key), sealed.subarray(0, NONCE), { authTagLength: TAG }).setAAD(aad);
    cipher.setAuthTag(sealed.subarray(sealed.length - TAG));
    const body = cipher.update(sealed.subarray(NONCE, sealed.length - TAG));
    cipher.final(); // Adds nothing; throws where the tag does not match.
    return body;
  } catch (cause) {
    throw new ContextError("internal", "a content cannot be opened: it was altered, moved, or encrypted under another key", { cause });
  }
}
