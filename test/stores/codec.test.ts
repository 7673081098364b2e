import fc from "fast-check";
import { Packr } from "msgpackr";
import { expect, test } from "vitest";
import type { ContextKeys } from "../../actors/ports.ts";
import { decide } from "../../core/context.ts";
import type { Draft, Entry } from "../../core/record.ts";
import { apply, emptyState, Keys, type State } from "../../core/state.ts";
import { ContextError } from "../../protocol/errors.ts";
import { ContextId } from "../../protocol/ids.ts";
import type { Item } from "../../protocol/item.ts";
import { RawJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { instant } from "../../protocol/units.ts";
import { RecordCodec } from "../../stores/codec.ts";
import { Keyring } from "../../stores/keyring.ts";
import { append, asking, configure, note, set } from "../core/chain.ts";
import { anyText } from "../protocol/values.ts";
import { seededDie } from "./die.ts";

const die = seededDie("codec");
const codec = new RecordCodec(new Keyring(new Map([[1, Buffer.alloc(32, 1)]]), die), die);
const packr = new Packr({ useRecords: false });
const id = ContextId.parse("main.desk-4");
const other = ContextId.parse("main.desk-5");

type Written = { readonly bytes: Uint8Array; readonly entry: Entry };

/** A context whose records are written by the codec, with keys for two subjects. */
class Book {
  readonly id: ContextId;
  readonly keys: ContextKeys;
  readonly written: Written[] = [];
  state: State;

  constructor(of: ContextId = id) {
    this.id = of;
    const minted = codec.mintKeys(of).keys;
    this.keys = codec.addRoots(
      of,
      minted,
      ["alice", "bob"].map((subject) => minted.pseudonym("subject", subject)),
    ).keys;
    this.state = emptyState(of, codec.genesis(of));
  }

  do(command: ReturnType<typeof append>): Written {
    const { draft, contents } = this.decide(command);
    return this.write(draft, contents);
  }

  decide(command: ReturnType<typeof append>) {
    const pseudonym = (subject: string): string => this.keys.pseudonym("subject", subject);
    const asked = asking(command, {
      pseudonym,
      key: this.keys.pseudonym("key", command.key),
      request: this.keys.pseudonym("request", "r"),
    });
    const decision = decide(this.state, asked, limits);
    if (decision.do !== "commit") throw new Error(`expected a commit, decided to ${decision.do}`);
    return decision;
  }

  write(draft: Draft, contents: readonly string[]): Written {
    const written = codec.encode(this.id, this.keys, draft, contents);
    this.state = apply(this.state, written.entry);
    this.written.push(written);
    return written;
  }
}

const long = "The quick brown fox jumps over the lazy dog. ".repeat(40);
const full = (): Book => {
  const book = new Book();
  book.do(
    append("a", [note("short"), { role: "user", content: long, labels: ["trusted"], subjects: ["alice", "bob"] }], {
      set: set({ goal: "g" }),
    }),
  );
  book.do(append("b", [note("two"), note("three")], { set: set({ goal: null, plan: [1, 2] }) }));
  book.do(configure("c", { ttl: { ms: 5_000, from: "creation" } }));
  return book;
};

const item: fc.Arbitrary<Item> = fc.record({
  role: fc.constantFrom("system", "user", "assistant", "tool", "note"),
  content: fc.oneof(anyText, fc.constant(long)),
  labels: fc.array(fc.constantFrom("trusted", "from:web"), { maxLength: 2 }),
  subjects: fc.uniqueArray(fc.constantFrom("alice", "bob"), { maxLength: 2 }),
});

test("a record comes back as it was written", () => {
  const book = new Book();
  fc.assert(
    fc.property(
      fc.array(item, { minLength: 1, maxLength: 4 }),
      fc.dictionary(fc.constantFrom("a", "b", "c"), fc.jsonValue()),
      (items, slots) => {
        const { bytes, entry } = book.do(append(`k${book.written.length}`, items, { set: set(slots) }));
        for (const thorough of [false, true]) expect(codec.decode(id, book.keys, bytes, thorough)).toEqual(entry);
      },
    ),
  );
});

test("records that are decoded together are what each is alone, and one that is broken says so when it is asked for", () => {
  const book = full();
  const [first, second, third] = book.written;
  if (first === undefined || second === undefined || third === undefined) throw new Error("nothing was written");
  const all = codec.decodeAll(id, book.keys, [first.bytes, second.bytes, third.bytes]);
  expect(all.map((entry) => entry())).toEqual([first.entry, second.entry, third.entry]);
  const [whole, broken, after] = codec.decodeAll(id, book.keys, [first.bytes, second.bytes.subarray(0, -1), third.bytes]);
  expect([whole?.(), after?.()]).toEqual([first.entry, third.entry]);
  expect(broken).toThrow("[internal]");
  expect(codec.decodeAll(id, book.keys, [])).toEqual([]);
});

test("the same turn encoded twice is two attempts", () => {
  const { keys, written: all } = full();
  const [written] = all;
  if (written === undefined) throw new Error("nothing was written");
  const again = codec.encode(id, keys, written.entry, ["1", "2", "3"]);
  expect(again.entry.attempt).not.toBe(written.entry.attempt);
  expect(again.entry.digest).not.toBe(written.entry.digest);
});

test("P5: nothing of a content, a subject, a key or a slot's value stands in the bytes", () => {
  const book = new Book();
  const { bytes } = book.do(
    append("KEY-MARK", [{ role: "user", content: "TEXT-MARK", subjects: ["alice"] }], { set: set({ goal: "SLOT-MARK" }) }),
  );
  const text = Buffer.from(bytes).toString("latin1");
  for (const mark of ["KEY-MARK", "TEXT-MARK", "SLOT-MARK", "alice"]) expect(text).not.toContain(mark);
});

for (const thorough of [false, true]) {
  test(`A2: a record that was altered in any bit is found, or is the same record (${thorough ? "verified" : "read"})`, () => {
    const book = full();
    for (const { bytes, entry } of book.written) {
      for (let at = 0; at < bytes.length; at++) {
        for (const bit of [0x01, 0x10, 0x80]) {
          const altered = Buffer.from(bytes);
          altered[at] = (altered[at] ?? 0) ^ bit;
          expectFoundOrSame(() => codec.decode(id, book.keys, altered, thorough), entry);
        }
      }
    }
  });
}

test("A2: a record that was cut anywhere, or made longer, is found", () => {
  const book = full();
  const [first] = book.written;
  if (first === undefined) throw new Error("nothing was written");
  for (let length = 0; length < first.bytes.length; length++)
    expect(() => codec.decode(id, book.keys, first.bytes.subarray(0, length)), String(length)).toThrow();
  expect(() => codec.decode(id, book.keys, Buffer.concat([first.bytes, Buffer.of(0xc0)]))).toThrow();
});

test("A2: a record of another context is found, though it lies under the right key", () => {
  const [mine, theirs] = [new Book(), new Book(other)];
  const { bytes } = theirs.do(append("a"));
  expect(() => codec.decode(id, mine.keys, bytes)).toThrow("seal");
});

test("A2: a record made without the context's secret is found, be its digest as right as it may", () => {
  const book = full();
  const forger = new Book();
  const { bytes } = forger.do(append("a"));
  expect(() => codec.decode(id, book.keys, bytes)).toThrow("seal");
});

/** The contents of a record replaced by what `change` makes of them; skeleton and seal stay. */
function withContents({ bytes }: Written, change: (contents: (Buffer | null)[]) => (Buffer | null)[]): Buffer {
  const [skeleton, seal, contents] = packr.unpack(Buffer.from(bytes).subarray(1)) as [Buffer, Buffer, (Buffer | null)[]];
  return Buffer.concat([Buffer.of(1), packr.pack([skeleton, seal, change(contents)])]);
}

test("A2: contents that were swapped, moved from another record, taken out or added are found", () => {
  const book = full();
  const [first, second] = book.written;
  if (first === undefined || second === undefined) throw new Error("nothing was written");
  const decode = (bytes: Buffer) => () => codec.decode(id, book.keys, bytes, true);
  expect(decode(withContents(second, (contents) => contents))()).toEqual(second.entry);
  expect(decode(withContents(second, ([a = null, b = null, ...rest]) => [b, a, ...rest]))).toThrow("cannot be opened");
  const [moved = null] = packr.unpack(Buffer.from(first.bytes).subarray(1))[2] as Buffer[];
  expect(decode(withContents(second, ([, ...rest]) => [moved, ...rest]))).toThrow("cannot be opened");
  expect(decode(withContents(second, (contents) => contents.slice(1)))).toThrow("holds 2 contents, not 3");
  expect(decode(withContents(second, (contents) => [...contents, moved]))).toThrow("holds 4 contents, not 3");
  for (const short of [0, 4, 8, 12, 16, 27])
    expect(decode(withContents(second, ([a = null, ...rest]) => [a?.subarray(0, short) ?? null, ...rest])), String(short)).toThrow(
      "cannot be opened",
    );
});

test("A2: a content that was written for the same place by another attempt is found by any read", () => {
  const book = full();
  const last = book.do(append("d", [note("what was decided")]));
  const { bytes } = codec.encode(id, book.keys, last.entry, ['{"content":"what was never decided"}']);
  const [never = null] = packr.unpack(Buffer.from(bytes).subarray(1))[2] as Buffer[];
  expect(() =>
    codec.decode(
      id,
      book.keys,
      withContents(last, () => [never]),
    ),
  ).toThrow("a content cannot be opened");
});

test("A2: a content that is missing though its key is there was not erased, and is found", () => {
  const book = full();
  const [first] = book.written;
  if (first === undefined) throw new Error("nothing was written");
  for (const thorough of [false, true])
    expect(() =>
      codec.decode(
        id,
        book.keys,
        withContents(first, ([, ...rest]) => [null, ...rest]),
        thorough,
      ),
    ).toThrow("content 0 is missing");
});

test("E1: a content that was taken out after its key was destroyed reads as erased, and the rest of the record as before", () => {
  const book = full();
  const [first] = book.written;
  if (first === undefined) throw new Error("nothing was written");
  // Keys of the same secret without the subject's root: bob was forgotten.
  const { keys: forgotten } = tableWithout(book, "bob");
  const expected = { ...first.entry, contents: first.entry.contents.map((text, i) => (i === 1 ? null : text)) };
  // One that is still there may be under a key that another activation has added since, so it is no erased one until it is looked at again.
  expect(() => codec.decode(id, forgotten, first.bytes, true)).toThrow("[erased]");
  expect(
    codec.decode(
      id,
      forgotten,
      withContents(first, ([a = null, , c = null]) => [a, null, c]),
      true,
    ),
  ).toEqual(expected);
});

function tableWithout(book: Book, subject: string): { keys: ContextKeys } {
  const gone = book.keys.pseudonym("subject", subject);
  const keyring = new Keyring(new Map([[1, Buffer.alloc(32, 1)]]), die);
  const { table } = codec.addRoots(id, book.keys, []);
  const [epoch, sealed] = packr.unpack(Buffer.from(table).subarray(1)) as [number, Buffer];
  const packed = packr.unpack(keyring.unwrap(id, "the key table", epoch, sealed)) as { secret: Buffer; roots: [Buffer, unknown][] };
  const roots = packed.roots.filter(([name]) => name.toString("latin1") !== gone);
  const wrapped = keyring.wrap(id, "the key table", Buffer.from(packr.pack({ ...packed, roots })));
  return { keys: codec.openKeys(id, Buffer.concat([Buffer.of(1), packr.pack([wrapped.epoch, wrapped.sealed])])) };
}

test("a key table opens to the same keys, for its own context only", () => {
  const { table, keys } = codec.mintKeys(id);
  const opened = codec.openKeys(id, table);
  expect(opened.pseudonym("key", "k")).toBe(keys.pseudonym("key", "k"));
  expect(() => codec.openKeys(other, table)).toThrow("cannot be opened");
  const { table: more } = codec.addRoots(id, keys, ["s".repeat(16)]);
  expect(codec.openKeys(id, more).hasRoots(["s".repeat(16)])).toBe(true);
  expect(opened.hasRoots(["s".repeat(16)])).toBe(false);
});

test("a head comes back as it was written, with the keys that are remembered", () => {
  const book = full();
  const sealed = { page: 3, to: 2 };
  const head = codec.encodeHead(id, book.keys, book.state, sealed);
  expect(codec.decodeHead(id, book.keys, head)).toEqual({ state: book.state, sealed });
});

test("B1: the largest head, of all keys and slots that a context may have, is a body that the sidecar takes", () => {
  const book = full();
  const keys = new Keys();
  const name = (i: number): string => String(i).padStart(64, "n");
  const pseudonym = (v: number): string => String(v).padStart(16, "k");
  for (let v = 1; v <= limits.keys_per_context; v++) keys.add(pseudonym(v), limits.versions_per_context + v, instant(v));
  const value = RawJson.trusted(JSON.stringify("x".repeat(limits.bytes_of_slots / limits.slots_per_context - 2)));
  const slots = new Map(Array.from({ length: limits.slots_per_context }, (_, content) => [name(content), { value, content }]));
  const head = codec.encodeHead(id, book.keys, { ...book.state, keys, slots }, { page: 0, to: 0 });
  expect(head.toString("base64").length).toBeLessThan(limits.sidecar_bytes_per_body);
  expect(codec.decodeHead(id, book.keys, head)?.state.keys.versionOf(pseudonym(1))).toBe(limits.versions_per_context + 1);
});

test("V7: a head that was altered in any byte is no head, and a record is none either", () => {
  const book = full();
  const head = codec.encodeHead(id, book.keys, book.state, { page: 0, to: 0 });
  for (let at = 0; at < head.length; at++) {
    const altered = Buffer.from(head);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expectFoundOrSame(() => codec.decodeHead(id, book.keys, altered) ?? raise(), { state: book.state, sealed: { page: 0, to: 0 } });
  }
  expect(() => codec.decodeHead(id, book.keys, book.written[0]?.bytes ?? head) ?? raise()).toThrow();
  expect(() => codec.decode(id, book.keys, head)).toThrow();
});

test("what has another format is refused, not guessed at", () => {
  const book = full();
  const bytes = Buffer.from(book.written[0]?.bytes ?? []);
  bytes[0] = 2;
  expect(() => codec.decode(id, book.keys, bytes)).toThrow(/\[internal\] the record has format 2; this version reads 1 to 1/);
  expect(() => codec.decodeTombstone(Buffer.alloc(0))).toThrow("format none");
  expect(codec.decodeTombstone(codec.encodeTombstone(17))).toEqual({ version: 17 });
});

test("a record of a kind or role that this version does not know is refused, not guessed at: it may be the end of the name", () => {
  const book = full();
  const { draft, contents } = book.decide(append("d", [note("four")]));
  const strange = (change: object): Buffer => codec.encode(id, book.keys, { ...draft, ...change } as Draft, contents).bytes;
  expect(codec.decode(id, book.keys, strange({})).version).toBe(4);
  expect(() => codec.decode(id, book.keys, strange({ kind: "fork" }))).toThrow(
    "[internal] the record is of a kind that this version does not know",
  );
  const items = draft.items.map((item) => ({ ...item, role: "judge" }));
  expect(() => codec.decode(id, book.keys, strange({ items }))).toThrow("of a role that this version does not know");
});

function expectFoundOrSame(decode: () => unknown, same: unknown): void {
  let found: unknown;
  try {
    found = decode();
  } catch (reason) {
    // Anything but a full stack or heap is an answer; the caller makes "broken" of it.
    if (reason instanceof RangeError && /call stack/.test(reason.message)) throw reason;
    return;
  }
  expect(found).toEqual(same);
}

function raise(): never {
  throw new ContextError("internal", "no head");
}
