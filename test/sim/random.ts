// The one source of chance in a simulation: the same seed draws the same numbers, on every machine (sfc32, by Chris Doty-Humphrey).

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `stream` gives one seed several sequences that know nothing of each other. */
  constructor(seed: number, stream: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = stream | 0;
    for (let i = 0; i < 15; i++) this.bits();
  }

  /** 32 bits, as a signed integer. */
  bits(): number {
    const drawn = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + drawn) | 0;
    return drawn;
  }

  /** From 0 to less than 1. */
  fraction(): number {
    return (this.bits() >>> 0) / 2 ** 32;
  }

  /** From 0 to less than `end`. */
  below(end: number): number {
    return Math.floor(this.fraction() * end);
  }

  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** One of several, each as likely. There must be one. */
  one<T>(of: readonly T[]): T {
    const drawn = of[this.below(of.length)];
    if (drawn === undefined) throw new Error("nothing to draw from");
    return drawn;
  }

  /** One of several, as likely as its weight. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const all = Object.entries(weights) as [T, number][];
    let left = this.fraction() * all.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of all) {
      left -= weight;
      if (left < 0) return name;
    }
    const [last] = all.at(-1) ?? [];
    if (last === undefined) throw new Error("nothing to draw from");
    return last;
  }

  bytes(count: number): Uint8Array {
    const drawn = new Uint8Array(count);
    for (let i = 0; i < count; i += 4) {
      const bits = this.bits();
      for (let j = i; j < count && j < i + 4; j++) drawn[j] = (bits >>> ((j - i) * 8)) & 0xff;
    }
    return drawn;
  }
}
