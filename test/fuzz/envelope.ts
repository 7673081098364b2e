// What every answer must be, whatever was asked.

import { Refused, replies } from "../../protocol/contract.ts";
import type { Code } from "../../protocol/errors.ts";
import { JsonError, type RawAt, readJson } from "../../protocol/json.ts";
import { must } from "./entry.ts";
import { MARK } from "./texts.ts";

const LONGEST_MESSAGE = 2_000;
const inner = /\.ts:\d+|node:|\bat \w+ \(/;

export function mustBeRefusal(refusal: unknown, among?: readonly Code[]): void {
  const parsed = Refused.safeParse(refusal);
  must(parsed.success, `not a refusal: ${JSON.stringify(refusal).slice(0, 300)}`);
  const { code, message, retryAfterMs = 0, details } = parsed.data;
  must(among === undefined || among.includes(code), `[${code}] ${message}: only ${among?.join()} may be answered here`);
  must(!JSON.stringify(refusal).includes(MARK), `it shows what it refuses: ${message}`);
  must(!inner.test(message), `it shows what is inside: ${message}`);
  must(message.length > 0 && message.length <= LONGEST_MESSAGE, `a message of ${message.length} characters`);
  must(message.isWellFormed(), "a message with a lone surrogate");
  must(retryAfterMs > (code === "overloaded" ? 0 : -1), `[${code}] ${message}: retryAfterMs is ${retryAfterMs}`);
  must(
    code !== "unavailable" || typeof details?.outcome === "string",
    `[${code}] ${message}: it does not say whether it may have happened`,
  );
}

const inReply: RawAt = { keys: new Set(["value", "arguments", "meta"]), under: new Set(["slots"]) };
const inDiff: RawAt = { keys: new Set(["value", "arguments", "meta", "before", "after"]), under: new Set() };

/** Whether it is the reply that the contract names for the method (true) or a refusal (false). Throws where it is neither. */
export function mustBeEnvelope(method: string, text: string, among?: readonly Code[]): boolean {
  const json = parse(text, method === "diff" ? inDiff : inReply);
  const ok = typeof json === "object" && json !== null && "ok" in json && json.ok === true;
  if (!ok) {
    mustBeRefusal(json, among);
    return false;
  }
  const reply = Object.hasOwn(replies, method) ? replies[method as keyof typeof replies].safeParse(json) : undefined;
  must(
    reply?.success === true,
    `not the answer of ${method}: ${reply?.error?.message ?? "there is no such method"}: ${text.slice(0, 300)}`,
  );
  return true;
}

function parse(text: string, rawAt: RawAt): unknown {
  try {
    return readJson(text, rawAt);
  } catch (reason) {
    throw new Error(`not JSON: ${reason instanceof JsonError ? reason.message : "?"}: ${text.slice(0, 300)}`);
  }
}
