// More at once than there is room for: who is refused hears when to come back, and what was taken is not lost.

import { expect, test } from "vitest";
import { Pool } from "undici";
import { z } from "zod";
import { Refused, replies } from "../../../protocol/contract.ts";
import { pathOf, type Setting, text } from "../caller.ts";
import type { Door } from "../installation.ts";

export const CALLS = 10_000;
/** Connections at once to the host: more than a context's queue has room for. */
const AT_HOST = 400;
const Answered = z.union([replies.append, Refused]);

/** Sends them all at once, over as many connections; every one must be answered. `heard` is called for each answer. */
export async function flood(
  door: Door,
  path: string,
  bodies: readonly string[],
  connections: number,
  heard: () => void = () => {},
): Promise<z.infer<typeof Answered>[]> {
  const { origin, pathname } = new URL(door.url);
  const pool = new Pool(origin, { connections, headersTimeout: 240_000, bodyTimeout: 240_000 });
  try {
    return await Promise.all(
      bodies.map(async (body) => {
        const { statusCode, body: answer } = await pool.request({ method: "PUT", path: pathname + path, body, headers: door.headers });
        const said = await answer.text();
        heard();
        if (statusCode !== 200) throw new Error(`answered ${statusCode}: ${said.slice(0, 300)}`);
        return Answered.parse(JSON.parse(said));
      }),
    );
  } finally {
    await pool.close();
  }
}

const key = (n: number): string => `flood-${n}`;
/** Those that were acknowledged are the context's versions, and no others are. */
export async function expectExactly({ caller }: Setting, id: string, acknowledged: readonly number[]): Promise<void> {
  const found: unknown[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page: { items: { content: unknown }[]; next?: number | undefined } = await caller.call(id, "read", { from });
    found.push(...page.items.map(({ content }) => content));
    from = page.next;
  }
  expect(found.toSorted()).toEqual(acknowledged.map(key).toSorted());
  expect(await caller.call(id, "verify")).toMatchObject({ version: acknowledged.length });
}

export const appends = (grant: string, count = CALLS): string[] =>
  Array.from({ length: count }, (_, n) => JSON.stringify({ grant, key: key(n), items: [text(key(n))] }));

export function floods(the: () => Setting): void {
  test(`${CALLS} calls of one context, at the host: it takes what it has room for, tells the others when to come back, and loses none`, async () => {
    const setting = the();
    const { caller, installation, name } = setting;
    const id = name("flood");
    const answers = await flood(installation.host, pathOf(id, "append"), appends(caller.grant), AT_HOST);
    const refused = answers.flatMap((answer, n) => (answer.ok ? [] : [{ n, ...answer }]));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.filter(({ code, retryAfterMs = 0 }) => code !== "overloaded" || retryAfterMs <= 0)).toEqual([]);
    await expectExactly(setting, id, answers.flatMap((answer, n) => (answer.ok ? [n] : [])));
  });

  test(`${CALLS} calls of one context, queued in the sidecar: every one is answered, and what was acknowledged is there once`, async () => {
    const setting = the();
    const { caller, installation, name } = setting;
    const id = name("queue");
    const answers = await flood(installation.door, pathOf(id, "append"), appends(caller.grant), CALLS);
    expect(answers.filter((answer) => !answer.ok && answer.code !== "overloaded")).toEqual([]);
    await expectExactly(setting, id, answers.flatMap((answer, n) => (answer.ok ? [n] : [])));
  });
}
