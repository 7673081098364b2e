// A context back as the line it was imported from, page by page at one version.

import { CallError, type Client } from "../../dapr/client.ts";
import { limits } from "../../protocol/limits.ts";
import { messageOf } from "./message.ts";
import { envelopeOf, TrajectoryError } from "./trajectory.ts";

/**
 * Writes the line, without the newline. Throws TrajectoryError when the context was not made by an import or has fewer messages than its
 * line had, CallError when it cannot be read.
 */
export async function exportContext(context: string, client: Client, write: (text: string) => Promise<void>): Promise<void> {
  const limit = limits.import_items_per_page;
  let page = await client.call(context, "read", { from: 0, limit, fresh: true });
  const { version, slots } = page;
  const { before, after, length } = envelopeOf(slots);
  let items = 0;
  await write(before);
  for (;;) {
    for (const item of page.items) await write(`${items++ === 0 ? "" : ","}${messageOf(item).text}`);
    if (page.next === undefined) break;
    if (page.next !== items)
      throw new CallError("runtime", `a page of ${context} ends at item ${items} and the next begins at ${page.next}`);
    page = await client.call(context, "read", { at: version, from: page.next, limit });
  }
  await write(after);
  if (items < length)
    throw new TrajectoryError(`${context} holds ${items} of ${length} messages: its import was interrupted; run it again to go on`);
}
