// What the turns say: English-like text, so that it compresses as text does, the same in every run.
import { between, seeded } from "./statistics.ts";

const WORDS = 2_000;
const TEXTS = 256;
const onsets = ["b", "br", "c", "ch", "d", "f", "g", "gr", "h", "l", "m", "n", "p", "pl", "qu", "r", "s", "st", "t", "th", "tr", "v", "w"];
const vowels = ["a", "e", "i", "o", "u", "ai", "ea", "ou"];
const codas = ["", "", "d", "l", "m", "n", "nt", "r", "rs", "s", "st", "t"];

/** `TEXTS` texts of exactly `bytes` characters. */
export function makeTexts(bytes: number, seed = 1): readonly string[] {
  const random = seeded(seed);
  const pick = (from: readonly string[]): string => from[between(random, 0, from.length - 1)] ?? "";
  const words = Array.from({ length: WORDS }, () =>
    Array.from({ length: between(random, 1, 3) }, () => pick(onsets) + pick(vowels) + pick(codas)).join(""),
  );
  // Few words are used often and many rarely, as in a language.
  const word = (): string => words[Math.floor(WORDS * random() ** 3)] ?? "";
  return Array.from({ length: TEXTS }, () => {
    let text = "";
    while (text.length < bytes) text += `${word()}${random() < 0.1 ? "." : ""} `;
    return text.slice(0, bytes);
  });
}
