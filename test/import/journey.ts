// The whole journey of real trajectories: recorded turn by turn with a kill -9 in the middle, recorded again for nothing, and read back in every way.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect } from "vitest";
import { Client } from "../../dapr/client.ts";
import { TenantId } from "../../protocol/ids.ts";
import { RawJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { exportContext } from "../../services/import/export.ts";
import { restore } from "../../services/import/frame.ts";
import { importFiles, type Summary } from "../../services/import/import.ts";
import { type Trajectory, trajectoryOf } from "../../services/import/trajectory.ts";
import { equal, treeOf } from "../../services/import/tree.ts";

const folder = `${process.env.STRATA_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url))}/context`;
export const present = existsSync(folder);
if (!present) console.log(`journeys: skipped, there is no folder ${folder}; set STRATA_DATA to the folder that holds context/`);

export const files = ["tau_airline", "swe_agent", "openhands_events"].map((name) => `${folder}/${name}.jsonl`);
const tenant = TenantId.parse("main");
/** How many versions are read at random of each context, and how many times. */
const READS = 3;

export type Place = { readonly url: string; readonly grant: string };
type Source = { readonly context: string; readonly line: string; readonly trajectory: Trajectory };

export function sources(): Source[] {
  const lines = files.flatMap((file) => readFileSync(file, "utf8").split("\n")).filter((line) => line !== "");
  return lines.map((line) => {
    const trajectory = trajectoryOf(line);
    return { context: `${tenant}.${trajectory.name}`, line, trajectory };
  });
}

export const openTenant = (place: Place): Promise<unknown> => new Client(place).callTenant(tenant, "create", {});

export type Run = Summary & { readonly problems: readonly string[] };

/** One import of all files. `wrote` hears how many versions this run has written so far. */
export async function runImport({ url, grant }: Place, wrote: (versions: number) => void = () => {}, signal?: AbortSignal): Promise<Run> {
  const problems: string[] = [];
  let written = 0;
  const report = {
    reading: () => {},
    recorded: () => {},
    wrote: () => wrote(++written),
    failed: (where: string, problem: string) => void problems.push(`${where}: ${problem}`),
  };
  const client = new Client({ url, grant, ...(signal === undefined ? {} : { signal }) });
  const concurrency = limits.import_contexts_at_once;
  return { ...(await importFiles(files, { client, tenant, concurrency, stdin: process.stdin, report })), problems };
}

/** Each context against the line it was made of: whole, at versions and times, by its history and by its chain. */
export async function compareAll(place: Place, all: readonly Source[], seed: number): Promise<void> {
  const client = new Client(place);
  const waiting = [...all.entries()];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await compareOne(client, next[1], seed + next[0]);
    }),
  );
}

async function compareOne(client: Client, { context, line, trajectory }: Source, seed: number): Promise<void> {
  let exported = "";
  await exportContext(context, client, async (text) => {
    exported += text;
  });
  expect(equal(treeOf(RawJson.of(exported)), treeOf(RawJson.of(line))), `${context}: what was exported is what was imported`).toBe(true);

  const times = await timesOf(client, context);
  const head = times.length;
  // Where the other fields of a line were too long to stand beside its first message, they have a version of their own.
  const before = head - trajectory.messages.length;
  expect([0, 1], `${context}: a version for each message`).toContain(before);
  const { version, digest } = await client.call(context, "verify", {});
  expect(version).toBe(head);
  expect((await client.call(context, "read", { limit: 1, fresh: true })).digest, `${context}: the digest that was proven`).toBe(digest);

  const isPrefix = async (at: number | string, expected: number) => {
    const reply = await client.call(context, "read", { at });
    expect(reply.version, `${context} at ${at}`).toBe(expected);
    const items = [...reply.items];
    for (let next = reply.next; next !== undefined; ) {
      const page = await client.call(context, "read", { at: expected, from: next });
      items.push(...page.items);
      next = page.next;
    }
    expect(items.length, `${context} at ${at}`).toBe(Math.max(0, expected - before));
    for (const [i, item] of items.entries())
      if (!equal(restore(item), treeOf(trajectory.messages[i] ?? RawJson.of("null"))))
        throw new Error(`${context} at ${at}: item ${i} is another`);
  };
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  for (const at of fc.sample(fc.integer({ min: 1, max: head }), { seed, numRuns: READS })) await isPrefix(at, at);
  for (const time of fc.sample(fc.integer({ min: first, max: last }), { seed, numRuns: READS }))
    await isPrefix(new Date(time).toISOString(), times.filter((at) => at <= time).length);
}

/** When each version was written, ms since the epoch, oldest first. */
async function timesOf(client: Client, context: string): Promise<number[]> {
  const times: number[] = [];
  let before: number | undefined;
  do {
    const page = await client.call(context, "history", { limit: 1_000, ...(before === undefined ? {} : { before }) });
    times.unshift(...page.versions.map(({ at }) => Date.parse(at)).reverse());
    expect(page.versions.map(({ number }) => number)).toEqual(
      page.versions.map((_, i) => (before ?? (page.versions[0]?.number ?? 0) + 1) - 1 - i),
    );
    before = page.next;
  } while (before !== undefined);
  return times;
}
