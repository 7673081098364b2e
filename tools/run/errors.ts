/** Something that the operator can mend: a port that is taken, a binary that is missing. The message says what was seen and what to do. */
export class RunError extends Error {
  override readonly name = "RunError";
}

/** The text of whatever was thrown. */
export function textOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
