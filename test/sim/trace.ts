/** What happened, as a digest of every line, and the lines themselves where someone wants to read them. */
export class Trace {
  readonly lines: string[] = [];
  readonly #keep: boolean;
  /** Two sums of 32 bits (FNV-1a, and one with another prime): runs that differ in any line differ here. */
  #first = 0x811c9dc5;
  #second = 0x2c1b3c6d;

  constructor(keep: boolean) {
    this.#keep = keep;
  }

  add(line: string): void {
    let first = this.#first;
    let second = this.#second;
    for (let i = 0; i < line.length; i++) {
      const unit = line.charCodeAt(i);
      first = Math.imul(first ^ unit, 0x01000193);
      second = Math.imul(second ^ unit, 0x5bd1e995) + 0x9e3779b9;
    }
    this.#first = first;
    this.#second = second;
    if (this.#keep) this.lines.push(line);
  }

  get digest(): string {
    return `${(this.#first >>> 0).toString(16).padStart(8, "0")}${(this.#second >>> 0).toString(16).padStart(8, "0")}`;
  }
}
