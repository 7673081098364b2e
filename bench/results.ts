export interface Row {
  readonly measure: string;
  readonly store: string;
  /** Callers at once. */
  readonly c: number;
  readonly value: number;
  readonly unit: string;
  /** The same of the floor, in the same run; null where there is no such thing. */
  readonly floor: number | null;
  /** value / floor. */
  readonly ratio: number | null;
}
