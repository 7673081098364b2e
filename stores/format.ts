// What of a context rests begins with a byte that says its format, and there is one way up: from each format to the next, one step after the other.

import { Packr } from "msgpackr";
import { ContextError } from "../protocol/errors.ts";
import type { Shape } from "./shapes.ts";

/** The one encoding of all that rests. */
export const packr = new Packr({ useRecords: false });

/** What rests in a format byte's company, in the words of an error. */
export type Framed = "the record" | "the page" | "the head" | "the key table" | "the tombstone";
/** What a value of one format is in the next. Bytes that a seal or a digest covers are carried as they are. */
export type Step = (what: Framed, value: unknown) => unknown;

/** The formats 1 to `current`, which is written; the step from format n stands at n - 1. */
export class Format {
  readonly current: number;
  readonly #steps: readonly Step[];

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
    this.current = steps.length + 1;
  }

  frame(value: unknown): Buffer {
    const packed = packr.pack(value);
    const bytes = Buffer.allocUnsafe(packed.length + 1);
    bytes[0] = this.current;
    packed.copy(bytes, 1);
    return bytes;
  }

  /** What stands behind the format byte, as it is now. A format that is newer than this code is refused, not guessed at. Throws ContextError "internal". */
  unframe<T>(what: Framed, bytes: Uint8Array, isShape: Shape<T>): T {
    const [format = 0] = bytes;
    if (format < 1 || format > this.current)
      throw new ContextError("internal", `${what} has format ${bytes[0] ?? "none"}; this version reads 1 to ${this.current}`);
    const value = this.#steps.slice(format - 1).reduce((old, step) => step(what, old), unpacked(what, bytes.subarray(1)));
    if (!isShape(value)) throw new ContextError("internal", `${what} is broken: it does not hold what belongs there`);
    return value;
  }
}

function unpacked(what: Framed, bytes: Uint8Array): unknown {
  try {
    // Of a Buffer it makes Buffers, of other arrays other arrays.
    return packr.unpack(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    throw new ContextError("internal", `${what} is broken: its bytes do not decode`, { cause });
  }
}
