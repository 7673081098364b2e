// A file's lines as they arrive: plain, gzipped (.gz) or from standard input (-), one line in memory at a time.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { addAbortSignal, pipeline, type Readable } from "node:stream";
import { createGunzip, type Gunzip } from "node:zlib";
import { limits } from "../../protocol/limits.ts";

/** `bytes` with its newline. */
type Cut = { readonly number: number; readonly bytes: number } & ({ readonly text: string } | { readonly problem: string });

/** `share` is how many bytes of the file it is, fewer than it has where the file is compressed. */
export type Line = Cut & { readonly share: number };

/** How much of the files is recorded, in their bytes; `size` is unknown where one of them is a stream. */
export type Progress = { recorded: number; readonly size: number | undefined };

/** The size of all files together. What is wrong with one of them is said when it is read. */
export async function sizeOf(files: readonly string[]): Promise<number | undefined> {
  const sizes = await Promise.all(files.map(bytesIn));
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}

async function bytesIn(file: string): Promise<number | undefined> {
  if (file === "-") return undefined;
  try {
    const found = await stat(file);
    return found.isFile() ? found.size : undefined;
  } catch {
    return 0;
  }
}

export type Reading = {
  readonly stdin: Readable;
  /** Ends the reading, also of a stream on which nothing comes; its reason is then thrown. */
  readonly signal: AbortSignal | undefined;
  /** Hears of blank lines, which nobody else does. */
  blank(share: number): void;
};

/** The lines of one file. What is wrong with the file itself is the last line's problem. */
export async function* linesOf(file: string, { stdin, signal, blank }: Reading): AsyncGenerator<Line> {
  let number = 1;
  try {
    const source: Readable = file === "-" ? stdin : createReadStream(file);
    const unpacking = file.endsWith(".gz") ? createGunzip() : undefined;
    const measure = new Measure(unpacking);
    // An error of the source ends the stream that is read, and is heard there.
    const read = unpacking === undefined ? source : pipeline(source, unpacking, () => {});
    if (signal !== undefined) addAbortSignal(signal, read);
    for await (const line of split(measure.counted(read))) {
      number = line.number + 1;
      const share = measure.shareOf(line.bytes);
      if ("text" in line && line.text === "") blank(share);
      else yield { ...line, share };
    }
  } catch (error) {
    signal?.throwIfAborted();
    yield { number, bytes: 0, share: 0, problem: `the file cannot be read on: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** How much of the file each line takes. Of a compressed one it is known for what was unpacked so far, and shared out by length. */
class Measure {
  readonly #unpacking: Gunzip | undefined;
  #text = 0;
  #lines = 0;
  #shared = 0;

  constructor(unpacking: Gunzip | undefined) {
    this.#unpacking = unpacking;
  }

  async *counted(source: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      this.#text += chunk.length;
      yield chunk;
    }
  }

  shareOf(bytes: number): number {
    this.#lines += bytes;
    const end =
      this.#unpacking === undefined ? this.#lines : Math.floor((this.#unpacking.bytesWritten * this.#lines) / Math.max(1, this.#text));
    const share = Math.max(0, end - this.#shared);
    this.#shared += share;
    return share;
  }
}

const NEWLINE = 0x0a;

async function* split(source: AsyncIterable<Buffer>): AsyncGenerator<Cut> {
  const pending = new Pending();
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      pending.add(chunk.subarray(from, end));
      from = end + 1;
      yield pending.take("newline");
    }
    pending.add(chunk.subarray(from));
  }
  yield pending.take("end");
}

/** The line being gathered. Beyond the limit only its length is kept. */
class Pending {
  #number = 0;
  #bytes = 0;
  #chunks: Buffer[] = [];

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= limits.import_bytes_per_line) this.#chunks.push(chunk);
    else this.#chunks = [];
  }

  /** The text is empty where the line is blank. */
  take(ended: "newline" | "end"): Cut {
    const [length, chunks] = [this.#bytes, this.#chunks];
    const bytes = length + (ended === "newline" ? 1 : 0);
    this.#bytes = 0;
    this.#chunks = [];
    const number = ++this.#number;
    if (length > limits.import_bytes_per_line)
      return { number, bytes, problem: `the line has ${length} bytes; at most ${limits.import_bytes_per_line} are allowed` };
    try {
      return { number, bytes, text: new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks, length)).trim() };
    } catch {
      return { number, bytes, problem: "the line is not UTF-8; allowed is JSON in UTF-8" };
    }
  }
}
