/** Why a call was refused or failed. Closed: no one adds a code in passing. The comment says what the caller can do. */
export const codes = [
  "invalid", // The message did not match its schema; sending it again cannot help.
  "denied", // The grant does not allow it; ask for one that does.
  "conflict", // The named head is old, or the key was used with other content; read, then decide again.
  "not_found", // There is no such context, version or time.
  "expired", // The context's name has ended, or the version was folded away; it will not come back.
  "erased", // The content was erased.
  "held", // A legal hold forbids it.
  "too_large", // Split it.
  "over_budget", // The tenant's budget is used up.
  "overloaded", // Come back after `retryAfterMs`.
  "unavailable", // The store could not be asked; `details.outcome` says whether the turn may have happened.
  "internal", // Our fault.
] as const;
export type Code = (typeof codes)[number];

export type Details = Readonly<Record<string, string | number | boolean | readonly (string | number)[]>>;

/** A refusal is a value, not an exception: it is one of the answers that a caller gets. */
export type Refusal = {
  readonly ok: false;
  readonly code: Code;
  readonly message: string;
  /** ms */
  readonly retryAfterMs?: number;
  readonly details?: Details;
};

export function refuse(code: Code, message: string, more: { retryAfterMs?: number; details?: Details } = {}): Refusal {
  return { ok: false, code, message, ...more };
}

/** An operating error. The code stands in front of the message because a log line often shows nothing else. */
export class ContextError extends Error {
  override readonly name = "ContextError";
  readonly code: Code;
  readonly details: Details | undefined;

  constructor(code: Code, message: string, options: { cause?: unknown; details?: Details } = {}) {
    super(`[${code}] ${message}`, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }

  /** The answer a caller hears. What was thrown is unknown, what leaves the process is not: the cause stays behind, for the log. */
  static refusal(reason: unknown): Refusal {
    if (!(reason instanceof ContextError))
      return refuse("internal", "the call failed inside Strata; what it asked for may not have happened");
    return refuse(
      reason.code,
      reason.message.slice(reason.code.length + 3),
      reason.details === undefined ? {} : { details: reason.details },
    );
  }
}

/** Whether it was thrown because somebody did not answer, in time or at all. */
export const isUnavailable = (reason: unknown): reason is ContextError => reason instanceof ContextError && reason.code === "unavailable";
