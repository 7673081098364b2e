// What each kind of row must look like before anything is done with it. Seals and tags say whether it is ours; until they have, it may be anything
// that somebody with access to the store has put there.

import { limits } from "../protocol/limits.ts";

export type Shape<T> = (value: unknown) => value is T;

const isBytes = (value: unknown): value is Buffer => Buffer.isBuffer(value);
const isCount = (value: unknown, from: number): value is number =>
  Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= limits.versions_per_context;
const isList = (value: unknown, length: number): value is unknown[] => Array.isArray(value) && value.length === length;

/** Epoch of the tenant's key, and what is wrapped under it. */
export const isTable = (value: unknown): value is [epoch: number, sealed: Buffer] =>
  isList(value, 2) && Number.isSafeInteger(value[0]) && isBytes(value[1]);

/** Contents are null where they were erased. */
export const isRecord = (value: unknown): value is [skeleton: Buffer, seal: Buffer, contents: (Buffer | null)[]] =>
  isList(value, 3) &&
  isBytes(value[0]) &&
  isBytes(value[1]) &&
  Array.isArray(value[2]) &&
  value[2].every((content: unknown) => content === null || isBytes(content));

/** Records `from` to `to`, all of them. */
export const isPage = (value: unknown): value is [from: number, to: number, records: Buffer[]] =>
  isList(value, 3) &&
  isCount(value[0], 1) &&
  isCount(value[1], value[0]) &&
  isList(value[2], value[1] - value[0] + 1) &&
  value[2].every(isBytes);

export const isHead = (value: unknown): value is [body: Buffer, seal: Buffer] => isList(value, 2) && isBytes(value[0]) && isBytes(value[1]);

export const isTombstone = (value: unknown): value is [version: number] => isList(value, 1) && isCount(value[0], 0);
