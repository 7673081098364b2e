import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** One figure. `ratio` is value / floor; both are null where the floor has no such thing. */
export const Row = z.strictObject({
  measure: z.string(),
  store: z.string(),
  /** Callers at once. */
  c: z.int(),
  value: z.number(),
  unit: z.string(),
  floor: z.number().nullable(),
  ratio: z.number().nullable(),
});
export type Row = z.infer<typeof Row>;

/** No row where there is no value. */
export function rowOf(
  at: { readonly measure: string; readonly store: string; readonly c: number; readonly unit: string },
  value: number | undefined,
  floor?: number | undefined,
): Row[] {
  if (value === undefined) return [];
  const { measure, store, c, unit } = at;
  const ratio = floor === undefined ? null : rounded(value / floor);
  return [{ measure, store, c, value: rounded(value), unit, floor: floor === undefined ? null : rounded(floor), ratio }];
}

/** Three digits, or all of a larger number: more would claim what was not measured. */
const rounded = (value: number): number => (Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3)));

export const readRows = (file: string): Row[] => z.array(Row).parse(JSON.parse(readFileSync(file, "utf8")));

/** Writes `rows`; what the file holds of other measures, stores and numbers of callers stays. */
export function mergeRows(file: string, rows: readonly Row[], held: readonly Row[]): Row[] {
  const key = ({ measure, store, c }: Row): string => JSON.stringify([measure, store, c]);
  const merged = [...new Map([...held, ...rows].map((row) => [key(row), row])).values()];
  writeFileSync(file, `[\n${merged.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`);
  return merged;
}
