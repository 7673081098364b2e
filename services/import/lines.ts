// A file's lines as they arrive: plain, gzipped (.gz) or from standard input (-), one line in memory at a time.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { limits } from "../../protocol/limits.ts";

export type Line =
  | { readonly number: number; readonly bytes: number; readonly text: string }
  | { readonly number: number; readonly bytes: number; readonly problem: string };

/** How far reading has come, in bytes of the file; `size` is unknown for standard input. */
export type Progress = { read: number; readonly size: number | undefined };

/** The lines of one file, blank ones left out. What is wrong with the file itself is the last line's problem. */
export async function* linesOf(file: string, stdin: Readable, seen: (progress: Progress) => void): AsyncGenerator<Line> {
  let number = 1;
  try {
    const progress: Progress = { read: 0, size: file === "-" ? undefined : (await stat(file)).size };
    seen(progress);
    const chunks = counted(file === "-" ? stdin : createReadStream(file), progress);
    for await (const line of split(file.endsWith(".gz") ? gunzip(chunks) : chunks)) {
      number = line.number + 1;
      yield line;
    }
  } catch (error) {
    yield { number, bytes: 0, problem: `the file cannot be read on: ${error instanceof Error ? error.message : String(error)}` };
  }
}

async function* counted(source: Readable, progress: Progress): AsyncGenerator<Buffer> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    progress.read += chunk.length;
    yield chunk;
  }
}

/** An error of the source ends the stream that is read, and is heard there. */
const gunzip = (source: AsyncIterable<Buffer>): AsyncIterable<Buffer> => pipeline(source, createGunzip(), () => {});

const NEWLINE = 0x0a;

async function* split(source: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const pending = new Pending();
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      pending.add(chunk.subarray(from, end));
      from = end + 1;
      const line = pending.take();
      if (line !== undefined) yield line;
    }
    pending.add(chunk.subarray(from));
  }
  const last = pending.take();
  if (last !== undefined) yield last;
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

  /** Undefined for a blank line. */
  take(): Line | undefined {
    const [bytes, chunks] = [this.#bytes, this.#chunks];
    this.#bytes = 0;
    this.#chunks = [];
    const number = ++this.#number;
    if (bytes > limits.import_bytes_per_line)
      return { number, bytes, problem: `the line has ${bytes} bytes; at most ${limits.import_bytes_per_line} are allowed` };
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks, bytes)).trim();
      return text === "" ? undefined : { number, bytes, text };
    } catch {
      return { number, bytes, problem: "the line is not UTF-8; allowed is JSON in UTF-8" };
    }
  }
}
