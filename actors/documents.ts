// A tenant's documents: JSON, so that an operator can read them. Their `f` is the format, as the first byte is of what a context leaves.

import { z } from "zod";
import { FORMAT } from "../core/directory.ts";
import { ContextError } from "../protocol/errors.ts";

const Formatted = z.object({ f: z.int() });

export const encodeDocument = (document: z.infer<typeof Formatted>): Uint8Array => new TextEncoder().encode(JSON.stringify(document));

/** Throws ContextError "internal" that says whether `what` is damaged or of a format that is newer than this code. */
export function decodeDocument<T>(what: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  const json = parsed(bytes);
  const format = Formatted.safeParse(json).data?.f ?? FORMAT;
  if (format !== FORMAT)
    throw new ContextError("internal", `${what} has format ${format}; this version reads ${FORMAT}. Use the version that wrote it`);
  const { data } = schema.safeParse(json);
  if (data === undefined) throw damaged(what);
  return data;
}

export const damaged = (what: string): ContextError => new ContextError("internal", `${what} is damaged; restore its store from a backup`);

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
