import { expect, test } from "vitest";
import { type Setting, text, texts } from "../caller.ts";
import type { PublishedEvent } from "../installation.ts";

export async function eventsOf({ installation }: Setting, ids: readonly string[]): Promise<PublishedEvent[]> {
  return (await installation.events()).filter(({ subject }) => ids.includes(subject));
}

/** Waits until there is an event of each of these; `<context>/<version>` is their id. */
export async function told(setting: Setting, ids: readonly string[], expected: readonly string[]): Promise<PublishedEvent[]> {
  return setting.installation.until(`${expected.length} versions are told`, async () => {
    const events = await eventsOf(setting, ids);
    const seen = new Set(events.map(({ id }) => id));
    return expected.every((id) => seen.has(id)) ? events : undefined;
  });
}

export function telling(the: () => Setting): void {
  test("events: each version is told on topic `events`, with ids and numbers and nothing of the content", async () => {
    const { caller, name, tenant } = the();
    const id = name("told");
    const first = await caller.call(id, "append", {
      key: "secret-key",
      items: [{ ...text("secret-content"), subjects: ["secret-subject"], labels: ["secret-label"] }],
      set: { secret: '"secret-value"' },
    });
    const second = await caller.call(id, "configure", { key: "p", policy: { ttl: null } });
    const events = await told(the(), [id], [`${id}/1`, `${id}/2`]);
    const expected = [
      { type: "strata.context.appended", reply: first },
      { type: "strata.context.configured", reply: second },
    ].map(({ type, reply: { version, digest, at } }) => ({
      id: `${id}/${version}`,
      type,
      source: `/strata/${tenant}`,
      subject: id,
      time: at,
      data: { context: id, version, digest, at, author: "suite" },
    }));
    // A bus may bring them in any order; which version an event is of, its id says.
    const unique = [...new Map(events.map((event) => [event.id, event])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(unique).toMatchObject(expected);
    expect(JSON.stringify(events)).not.toContain("secret");
  });

  test("events: the end of a name is told", async () => {
    const { caller, name } = the();
    const id = name("end-told");
    await caller.call(id, "append", { key: "k", items: texts(1) });
    await caller.call(id, "configure", { key: "p", policy: { ttl: { ms: 1_000, from: "creation" } } });
    const events = await told(the(), [id], [`${id}/1`, `${id}/2`, `${id}/3`]);
    expect(events.find((event) => event.id === `${id}/3`)).toMatchObject({ type: "strata.context.expired", subject: id });
  });
}
