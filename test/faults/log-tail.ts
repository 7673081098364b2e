// What a process has logged since some moment.

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const EVERY_MS = 10;

export class LogTail implements Disposable {
  readonly #file: number;
  #at: number;
  #text = "";

  /** From the end of the log on. */
  constructor(path: string) {
    this.#file = openSync(path, "r");
    this.#at = statSync(path).size;
  }

  /** Whether such a line comes within `ms`, or has come. */
  async finds(wanted: (line: string) => boolean, ms: number): Promise<boolean> {
    const until = performance.now() + ms;
    for (;;) {
      this.#read();
      if (this.#text.split("\n").some(wanted)) return true;
      if (performance.now() >= until) return false;
      await pause(EVERY_MS);
    }
  }

  #read(): void {
    const chunk = Buffer.alloc(65_536);
    for (let bytes = readSync(this.#file, chunk, 0, chunk.length, this.#at); bytes > 0; ) {
      this.#at += bytes;
      this.#text += chunk.toString("utf8", 0, bytes);
      bytes = readSync(this.#file, chunk, 0, chunk.length, this.#at);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
