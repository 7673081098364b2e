// More at once than there is room for: who is refused hears when to come back, and what was taken is not lost.

import { Pool } from "undici";
import { expect, test } from "vitest";
import { z } from "zod";
import { codes } from "../../../protocol/errors.ts";
import { pathOf, type Reply, type Setting, text } from "../caller.ts";
import type { Door } from "../installation.ts";

export const CALLS = 10_000;
/** Connections at once to the host: more than a context's queue has room for. */
const AT_HOST = 400;

type Call = { readonly path: string; readonly body: string };
const Answered = z.looseObject({
  ok: z.boolean(),
  code: z.enum(codes).optional(),
  retryAfterMs: z.number().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** Sends them all at once, over as many connections; every one must be answered. `heard` is called for each answer. */
export async function flood(door: Door, calls: readonly Call[], connections: number, heard: () => void = () => {}) {
  const { origin, pathname } = new URL(door.url);
  const pool = new Pool(origin, { connections, headersTimeout: 240_000, bodyTimeout: 240_000 });
  try {
    return await Promise.all(
      calls.map(async ({ path, body }) => {
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

const keyOf = (n: number): string => `flood-${n}`;

export const appends = (id: string, grant: string, count = CALLS): Call[] =>
  Array.from({ length: count }, (_, n) => ({
    path: pathOf(id, "append"),
    body: JSON.stringify({ grant, key: keyOf(n), items: [text(keyOf(n))] }),
  }));

type Answer = z.infer<typeof Answered>;

/** Who was acknowledged is there, once; who was refused is not, unless the answer said that it is not known. */
export async function expectExactly({ caller }: Setting, id: string, answers: readonly Answer[]): Promise<void> {
  const found: unknown[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page: Reply<"read"> = await caller.call(id, "read", { from });
    found.push(...page.items.map(({ content }) => content));
    from = page.next;
  }
  const there = new Set(found);
  expect(there.size).toBe(found.length);
  const lost = answers.flatMap(({ ok }, n) => (ok && !there.has(keyOf(n)) ? [n] : []));
  const uncalled = answers.flatMap(({ ok, details }, n) => (!ok && details?.outcome !== "unknown" && there.has(keyOf(n)) ? [n] : []));
  expect({ lost, uncalled }).toEqual({ lost: [], uncalled: [] });
  expect(await caller.call(id, "verify")).toMatchObject({ version: found.length });
}

export function floods(the: () => Setting): void {
  test(`${CALLS} calls of one context, at the host: it takes what it has room for, tells the others when to come back, and loses none`, async () => {
    const setting = the();
    const { caller, installation, name } = setting;
    const id = name("flood");
    const answers = await flood(installation.host, appends(id, caller.grant), AT_HOST);
    const overloaded = answers.filter(({ code }) => code === "overloaded");
    expect(overloaded.length).toBeGreaterThan(0);
    expect(overloaded.filter(({ retryAfterMs = 0 }) => retryAfterMs <= 0)).toEqual([]);
    // On a machine that is slow enough some wait for longer than a turn may take, and hear what is known of it.
    const others = answers.filter(({ ok, code }) => !ok && code !== "overloaded");
    expect(others.filter(({ code, details }) => code !== "unavailable" || details?.outcome === undefined)).toEqual([]);
    await expectExactly(setting, id, answers);
  });
}

/** `queued`: how many calls are queued in the sidecar. */
export function queues(the: () => Setting, queued: number): void {
  test(`${queued} calls of one context, queued in the sidecar: every one is answered, and what was acknowledged is there once`, async () => {
    const setting = the();
    const { caller, installation, name } = setting;
    const id = name("queue");
    await caller.call(id, "append", { key: "first", items: [], set: { a: 1 } });
    // Nine readers for each writer: they wait one behind the other, and a read is soon done.
    const read = { path: pathOf(id, "read"), body: JSON.stringify({ grant: caller.grant, limit: 1 }) };
    const calls = appends(id, caller.grant, queued).map((append, n) => (n % 10 === 0 ? append : read));
    const answers = await flood(installation.door, calls, queued);
    expect(answers.filter(({ ok, code }) => !ok && code !== "overloaded")).toEqual([]);
    const acknowledged = answers.flatMap(({ ok }, n) => (ok && n % 10 === 0 ? [n] : []));
    const { items } = await caller.call(id, "read", { limit: 10_000 });
    expect(items.map(({ content }) => content).toSorted()).toEqual(acknowledged.map(keyOf).toSorted());
    expect(await caller.call(id, "verify")).toMatchObject({ version: 1 + acknowledged.length });
  });
}
