import { z } from "zod";
import { fields } from "./fields.ts";
import { RawJson } from "./json.ts";
import { limits } from "./limits.ts";

/** Any JSON value, kept as the source text it came in. */
export const Raw = z
  .custom<RawJson>((value) => value instanceof RawJson, "must be a JSON value")
  .meta({ description: "any JSON value; its source text is kept" });

const RawObject = z
  .custom<RawJson>((value) => value instanceof RawJson && value.text.startsWith("{"), "must be a JSON object")
  .meta({ type: "object", description: "any JSON object; its source text is kept" });

/** Of one byte string there is one text, so that what is equal is equal at rest and in a diff too. */
const NOT_BASE64 = "must be base64 with padding, and no bits beyond the last byte (RFC 4648, sections 3.5 and 4)";
export const Base64 = z.base64({ error: NOT_BASE64, abort: true }).refine(isCanonical, NOT_BASE64);

export const TextPart = fields({ type: z.literal("text"), text: z.string() });
export const JsonPart = fields({ type: z.literal("json"), value: Raw });
export const BlobPart = fields({
  type: z.literal("blob"),
  mediaType: z.string().min(1).max(limits.chars_per_media_type),
  base64: Base64,
});
export const ToolCallPart = fields({
  type: z.literal("tool_call"),
  id: z.string().max(limits.chars_per_call_id),
  name: z.string().max(limits.chars_per_tool_name),
  arguments: Raw,
});
export const ToolResultPart = fields({
  type: z.literal("tool_result"),
  /** The id of the tool_call that it answers. */
  id: z.string().max(limits.chars_per_call_id),
  content: z.union([z.string(), z.array(z.discriminatedUnion("type", [TextPart, JsonPart, BlobPart])).max(limits.parts_per_item)]),
  isError: z.boolean().optional(),
});
export const Part = z.discriminatedUnion("type", [TextPart, JsonPart, ToolCallPart, ToolResultPart, BlobPart]);
export type Part = z.infer<typeof Part>;

export const Role = z.enum(["system", "user", "assistant", "tool", "note"]);
export type Role = z.infer<typeof Role>;

const Label = z
  .string()
  .regex(
    new RegExp(`^[a-z][a-z0-9_.:/@-]{0,${limits.chars_per_label - 1}}$`),
    `a label begins with a-z and has up to ${limits.chars_per_label} of a-z 0-9 _ . : / @ -`,
  );

/** One thing in the log: message, tool call, tool result or note. */
export const Item = fields({
  role: Role,
  content: z.union([z.string(), z.array(Part).max(limits.parts_per_item)]),
  labels: z.array(Label).max(limits.labels_per_item).optional(),
  /** Whom the content is about. At rest they appear as keyed pseudonyms only. */
  subjects: z.array(z.string().min(1).max(limits.chars_per_subject)).max(limits.subjects_per_item).optional(),
  meta: RawObject.optional(),
});
export type Item = z.infer<typeof Item>;

/** Named working state; the last value counts. */
export const SlotName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, "a slot's name is 1 to 64 of A-Z a-z 0-9 _ . - and begins with a letter, a digit or _");

/** Whether base64 that is well-formed ends with the zero bits that padding leaves. */
function isCanonical(base64: string): boolean {
  return !base64.endsWith("=") || /[AQgw]==$|[AEIMQUYcgkosw048]=$/.test(base64.slice(-4));
}
