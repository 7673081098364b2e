// What stands in the store, decoded; and if it cannot be, which record of which context that is.

import type { Entry } from "../core/record.ts";
import { ContextError } from "../protocol/errors.ts";
import type { Activation } from "./activation.ts";
import type { Codec, ContextKeys } from "./ports.ts";

/** What was found under a record's key. */
export type Row = readonly [version: number, bytes: Uint8Array | undefined];
export type Standing = readonly [version: number, bytes: Uint8Array];

export const stands = (row: Row): row is Standing => row[1] !== undefined;

export const broken = (version: number, why: string, cause?: unknown): ContextError =>
  new ContextError("internal", `record ${version} is broken: ${why}`, { details: { broken: version }, cause });

export const decodeRecord = (codec: Codec, a: Activation, keys: ContextKeys, version: number, bytes: Uint8Array, thorough = false): Entry =>
  orBroken(version, () => codec.decode(a.id, keys, bytes, thorough));

/** In less time than one by one. Throws where it comes to one that is broken. */
export function* decodeRecords(codec: Codec, a: Activation, keys: ContextKeys, records: readonly Standing[]): Generator<Entry, void> {
  const decoded = codec.decodeAll(
    a.id,
    keys,
    records.map(([, bytes]) => bytes),
  );
  for (const [i, decode] of decoded.entries()) yield orBroken(records[i]?.[0] ?? 0, decode);
}

function orBroken(version: number, decode: () => Entry): Entry {
  let entry: Entry;
  try {
    entry = decode();
  } catch (cause) {
    throw broken(version, cause instanceof ContextError ? cause.message.replace(/^\[\w+\] /, "") : "it does not decode", cause);
  }
  if (entry.version !== version) throw broken(version, `it says version ${entry.version} where ${version} belongs`);
  return entry;
}

/** Undefined where the head is of no use. */
export function decodeHead(codec: Codec, a: Activation, keys: ContextKeys, bytes: Uint8Array): ReturnType<Codec["decodeHead"]> {
  try {
    return codec.decodeHead(a.id, keys, bytes);
  } catch {
    return undefined; // Whatever is wrong with a hint, the records say what is right.
  }
}
