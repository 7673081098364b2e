// How a text rests before it is encrypted: a byte that says how, and its bytes.

import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { ContextError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";

/** Flushed: a DEFLATE stream that ends in a sync flush, without the last four bytes of that, which are always the same (RFC 7692). */
const [PLAIN, DEFLATED, FLUSHED] = [0, 1, 2] as const;
const FLUSH = Buffer.of(0, 0, 0xff, 0xff);
/** An empty last block: it ends a stream. */
const END = Buffer.of(1, 0, 0, 0xff, 0xff);
/** Below this many bytes compression does not pay for itself. */
const DEFLATE_FROM = 96;
/** Of recorded conversations it keeps within two hundredths of what zlib's default of 6 does, in two thirds to nine tenths of its time. */
const LEVEL = 3;
/** Texts longer than this gain nothing from being inflated in company. */
const SHORT = 16_384;

export function deflate(plain: Buffer): Buffer {
  const small = plain.length < DEFLATE_FROM ? plain : deflateRawSync(plain, deflateOptions(plain.length)).subarray(0, -FLUSH.length);
  const flushed = small.length < plain.length;
  const kept = flushed ? small : plain;
  const body = Buffer.allocUnsafe(1 + kept.length);
  body[0] = flushed ? FLUSHED : PLAIN;
  body.set(kept, 1);
  return body;
}

/** Throws ContextError "internal" where nothing of ours rests like this. */
export function inflate(body: Buffer): Buffer {
  const packed = body.subarray(1);
  switch (body[0]) {
    case PLAIN:
      return packed;
    case DEFLATED:
      return inflated(packed, limits.bytes_per_turn, chunkSize(4 * body.length));
    case FLUSHED:
      return inflated(Buffer.concat([packed, FLUSH, END]), limits.bytes_per_turn, chunkSize(4 * body.length));
    default:
      throw new ContextError(
        "internal",
        `a content rests as ${body[0] ?? "nothing"}; this version reads ${PLAIN}, ${DEFLATED} and ${FLUSHED}`,
      );
  }
}

/** A text as it rests, and how many bytes it had before. */
export type Resting = { readonly body: Buffer; readonly bytes: number };

/**
 * Inflates these texts. Short ones go through one stream, one behind the other: to make a stream takes Node as long as to inflate a kilobyte or two.
 * Throws ContextError "internal" where one is not what it says; which of them, is only to be seen from each alone.
 */
export function inflateAll(texts: readonly Resting[]): (text: Resting) => Buffer {
  const together = texts.filter(({ body, bytes }) => body[0] === FLUSHED && bytes <= SHORT);
  const places = new Map<Resting, Buffer>();
  if (together.length > 1) {
    const bytes = together.reduce((sum, text) => sum + text.bytes, 0);
    const stream = Buffer.concat([...together.flatMap(({ body }) => [body.subarray(1), FLUSH]), END]);
    const all = inflated(stream, bytes, bytes + 64);
    if (all.length !== bytes) throw new ContextError("internal", "contents are not as long as their skeletons say");
    let to = 0;
    for (const text of together) {
      to += text.bytes;
      places.set(text, all.subarray(to - text.bytes, to));
    }
  }
  return (text) => places.get(text) ?? inflate(text.body);
}

function inflated(stream: Buffer, atMost: number, chunk: number): Buffer {
  try {
    return inflateRawSync(stream, { maxOutputLength: Math.max(1, atMost), chunkSize: chunk });
  } catch (cause) {
    throw new ContextError("internal", "a content does not inflate", { cause });
  }
}

/** A window and tables no larger than the text: zlib spends more time on clearing its default ones than on compressing a kilobyte. */
function deflateOptions(bytes: number) {
  const windowBits = Math.min(15, Math.max(9, 33 - Math.clz32(bytes)));
  const memLevel = Math.min(9, Math.max(1, windowBits - 7));
  return { level: LEVEL, windowBits, memLevel, chunkSize: chunkSize(bytes), finishFlush: constants.Z_SYNC_FLUSH };
}

/** The first buffer that zlib fills, big enough to be the only one as a rule: 16 KiB for every kilobyte would be as much work for the collector. */
const chunkSize = (bytes: number): number => Math.min(16_384, Math.max(64, bytes + 64));
