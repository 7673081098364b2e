// What comes out of a store that somebody else can write to.

import { randomFillSync } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { Draft } from "../../../core/record.ts";
import { apply, emptyState } from "../../../core/state.ts";
import { ContextError } from "../../../protocol/errors.ts";
import type { ContextId } from "../../../protocol/ids.ts";
import { limits } from "../../../protocol/limits.ts";
import { instant } from "../../../protocol/units.ts";
import { RecordCodec } from "../../../stores/codec.ts";
import { makeMemoryWorld } from "../../support/memory-ports.ts";
import { CONTEXT } from "../calls.ts";
import { entry, must } from "../entry.ts";
import { type Cut, cut, cuts } from "../mutations.ts";
import { bytesAsBase64, MARK } from "../texts.ts";

const die = { bytes: (count: number) => randomFillSync(new Uint8Array(count)) };
const { keyring } = makeMemoryWorld();
const codec = new RecordCodec(keyring, die);
const id = CONTEXT as ContextId;
const { keys: bare } = codec.mintKeys(id);
const subject = bare.pseudonym("subject", "Ada");
const { table, keys } = codec.addRoots(id, bare, [subject]);

const draft: Draft = {
  version: 1,
  previous: codec.genesis(id),
  at: instant(1_000),
  kind: "append",
  author: "fuzz",
  key: keys.pseudonym("key", "k"),
  request: keys.pseudonym("request", "r"),
  firstItem: 0,
  firstContent: 0,
  published: 0,
  items: [
    { role: "user", labels: ["a"], subjects: [], bytes: 20 },
    { role: "tool", labels: [], subjects: [subject], bytes: 400 },
  ],
  slots: [
    { name: "goal", bytes: 10 },
    { name: "gone", bytes: null },
  ],
  policy: { ttl: null },
};
const contents = [`{"content":"${MARK}"}`, `{"content":"${MARK.repeat(50)}"}`, `"${MARK}"`];
const { bytes: record, entry: written } = codec.encode(id, keys, draft, contents);
const state = apply(emptyState(id, codec.genesis(id)), written);
const head = codec.encodeHead(id, keys, state, { page: 0, to: 0 });
const tombstone = codec.encodeTombstone(7);
/** A page of one record, as a page is packed: an array of three behind the format byte. */
const page = Buffer.concat([Buffer.of(1, 0x93, 1, 1, 0x91, 0xc5, record.length >> 8, record.length & 0xff), record]);

type Row = "record" | "head" | "page" | "keys" | "tombstone";
const rows: Readonly<Record<Row, Uint8Array>> = { record, head, page, keys: table, tombstone };

/** Heads of MessagePack values that promise more than there is, or something that no row of ours has. */
const bombs = [
  "dd ffffffff",
  "df ffffffff",
  "c6 ffffffff",
  "db ffffffff",
  "c9 7fffffff 01",
  "93 c0 c0 c0",
  "93 c4 00 c4 00 90",
  "c7 0c ff",
  "d4 72 40",
  "d5 65 0000",
  "d6 78 92a1",
  "d4 00 00",
  "91 cb 7ff0000000000000",
  "91 cf ffffffffffffffff",
  "91 d3 8000000000000000",
  "81 a9 5f5f70726f746f5f5f 81 a1 78 01",
  "c0",
  "01",
  "90",
  "91 ff",
].map((hex) => Buffer.from(`01${hex.replaceAll(" ", "")}`, "hex").toString("base64"));

type Damage = { readonly row: Row; readonly as: Row; readonly bytes: string | null; readonly cuts: Cut[] };
const rowName = fc.constantFrom<Row>("record", "record", "record", "head", "page", "keys", "tombstone");

export const decoding = entry<Damage>({
  name: "decoding",
  what: "rows with changed, missing, invented or exchanged bytes: what was written, or an error that says what is broken",
  cases: 14_000,
  arbitrary: fc
    .record({
      row: rowName,
      other: rowName,
      exchanged: fc.boolean(),
      bytes: fc.option(fc.oneof(bytesAsBase64(300), fc.constantFrom(...bombs)), { nil: null, freq: 3 }),
      cuts,
    })
    .map(({ row, other, exchanged, bytes, cuts }) => ({ row, as: exchanged ? other : row, bytes, cuts })),
  check: ({ row, as, bytes, cuts }) => {
    const stored = bytes === null ? cut(rows[as], cuts) : Buffer.from(bytes, "base64");
    try {
      decode(row, stored, stored.equals(rows[row]));
    } catch (reason) {
      if (!(reason instanceof ContextError)) throw reason;
      must(reason.code === "internal" || reason.code === "erased", `${row}: [${reason.code}]`);
      must(!reason.message.includes(MARK), `${row}: it shows what is inside: ${reason.message}`);
    }
  },
});

function decode(row: Row, stored: Uint8Array, same: boolean): void {
  if (row === "record") {
    const entry = codec.decode(id, keys, stored, true);
    must(isDeepStrictEqual(entry, written), "another record than was written");
  } else if (row === "head") {
    const hint = codec.decodeHead(id, keys, stored);
    must(hint === undefined || hint.state.digest === state.digest, "another head than was written");
    must(hint !== undefined || !same, "the head that was written is of no use");
  } else if (row === "page") {
    const { from, to, records } = codec.decodePage(stored);
    must(
      Number.isInteger(from) && from >= 1 && to - from + 1 === records.length,
      `a page from ${from} to ${to} of ${records.length} records`,
    );
    must(
      records.every((one) => one instanceof Uint8Array),
      "a page with a record that is none",
    );
  } else if (row === "keys") {
    codec.openKeys(id, stored);
  } else {
    const { version } = codec.decodeTombstone(stored);
    must(Number.isInteger(version) && version >= 0 && version <= limits.versions_per_context, `a tombstone of version ${version}`);
  }
}
