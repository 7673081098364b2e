import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { CallError, Client } from "../../dapr/client.ts";
import { refuse } from "../../protocol/errors.ts";
import { TenantId } from "../../protocol/ids.ts";
import { RawJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { exportContext } from "../../services/import/export.ts";
import { importFiles, type Report, type Summary } from "../../services/import/import.ts";
import type { Progress } from "../../services/import/lines.ts";
import type { Recorded } from "../../services/import/record.ts";
import { equal, treeOf } from "../../services/import/tree.ts";
import { Fake, GRANT } from "./fake.ts";

const folder = mkdtempSync(join(tmpdir(), "strata-import-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const patience = { caller_attempts: 4, caller_attempts_at_first: 2, caller_pause_ms: 1, caller_pause_max_ms: 2 };
const clientOf = (fake: Fake, options: { grant?: string; signal?: AbortSignal } = {}) =>
  new Client({ url: fake.url, grant: GRANT, patience, ...options });

function fileOf(lines: readonly string[], name = "t.jsonl"): string {
  const path = join(mkdtempSync(join(folder, "f-")), name);
  const text = `${lines.join("\n")}\n`;
  writeFileSync(path, name.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}

type Ran = Summary & { readonly recorded: Recorded[]; readonly problems: string[] };

async function run(
  fake: Fake,
  files: readonly string[],
  options: { concurrency?: number; client?: Client; stdin?: Readable; wrote?: () => void; reading?: Report["reading"] } = {},
): Promise<Ran> {
  const recorded: Recorded[] = [];
  const problems: string[] = [];
  const summary = await importFiles(files, {
    client: options.client ?? clientOf(fake),
    tenant: TenantId.parse("main"),
    concurrency: options.concurrency ?? 4,
    stdin: options.stdin ?? Readable.from([]),
    report: {
      reading: options.reading ?? (() => {}),
      wrote: options.wrote ?? (() => {}),
      recorded: (context) => recorded.push(context),
      failed: (where, problem) => problems.push(`${where.slice(where.lastIndexOf("/") + 1)}: ${problem}`),
    },
  });
  return { ...summary, recorded, problems };
}

async function exported(fake: Fake, context: string): Promise<string> {
  let text = "";
  await exportContext(context, clientOf(fake), async (piece) => {
    text += piece;
  });
  return text;
}

const chat = (id: string, turns: number) =>
  JSON.stringify({
    id,
    source: "test",
    reward: 0.5,
    messages: Array.from({ length: turns }, (_, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content: `turn ${i} of ${id}` })),
  });
const appends = (fake: Fake) => fake.calls.filter(({ method }) => method === "append");

test("each line becomes a context, each message a version, and each line comes back", async () => {
  await using fake = await Fake.start();
  const lines = Array.from({ length: 20 }, (_, i) => chat(`case ${i}`, i + 1));
  const { contexts, versions, written, failed, recorded } = await run(fake, [fileOf(lines)]);
  expect({ contexts, versions, written, failed }).toEqual({ contexts: 20, versions: 210, written: 210, failed: 0 });
  expect(fake.versions).toBe(210);
  for (const [i, { context }] of recorded.sort((a, b) => a.versions - b.versions).entries())
    expect(await exported(fake, context)).toBe(lines[i]);
});

/** What share of the files counted as recorded when Strata was called, call by call, and at the end. */
async function sharesOf(fake: Fake, files: readonly string[], fault: Fake["fault"] = () => undefined): Promise<number[]> {
  const shares: number[] = [];
  let progress: Progress = { recorded: 0, size: undefined };
  const see = () => shares.push(progress.recorded / (progress.size ?? Number.NaN));
  fake.fault = (call, index) => {
    see();
    return fault(call, index);
  };
  const reading = (_: string, of: Progress) => {
    progress = of;
  };
  await run(fake, files, { reading, concurrency: 1 });
  see();
  return shares;
}

test("progress is what is recorded, message by message over all files; what was only read does not count", async () => {
  await using fake = await Fake.start();
  const files = [fileOf([chat("a", 4), "", chat("b", 4)]), fileOf([chat("c", 4), "  "])];
  const shares = await sharesOf(fake, files);
  // Of each of three lines a read and four appends, and the end.
  const recorded = [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12];
  expect(shares.map((share) => Math.round(share * 12))).toEqual(recorded);
  expect(shares.at(-1)).toBe(1);
  // What the contexts hold already is recorded too.
  expect((await sharesOf(fake, files)).map((share) => Math.round(share * 12))).toEqual([0, 4, 8, 12]);
});

test("progress through a compressed file is in bytes of that file", async () => {
  await using fake = await Fake.start();
  const noise = (seed: number) => Array.from({ length: 4_000 }, (_, i) => createHash("sha256").update(`${seed} ${i}`).digest("hex"));
  const lines = Array.from({ length: 8 }, (_, i) => JSON.stringify({ id: `z${i}`, messages: [noise(i).join("")] }));
  const shares = await sharesOf(fake, [fileOf(lines, "t.jsonl.gz")]);
  for (const [call, share] of shares.entries()) expect(Math.abs(share - Math.floor(call / 2) / 8), `call ${call}`).toBeLessThan(0.05);
  expect(shares.at(-1)).toBe(1);
});

test("progress does not count what was refused, and is not known where the end is not", async () => {
  await using fake = await Fake.start();
  const lines = [chat("a", 4), "nonsense"];
  const refused = await sharesOf(fake, [fileOf(lines)], ({ method }) => (method === "append" ? refuse("invalid", "no") : undefined));
  expect(refused.every((share) => share === 0)).toBe(true);
  expect((await sharesOf(fake, ["-", fileOf(lines)])).every(Number.isNaN)).toBe(true);
});

test("run twice, it writes nothing twice and reads each context once", async () => {
  await using fake = await Fake.start();
  const file = fileOf([chat("a", 12), chat("b", 3)]);
  await run(fake, [file]);
  const before = fake.calls.length;
  expect(await run(fake, [file])).toMatchObject({ contexts: 2, versions: 15, written: 0, failed: 0 });
  expect(fake.calls.slice(before).map(({ method }) => method)).toEqual(["read", "read"]);
  expect(fake.versions).toBe(15);
});

test("interrupted at any turn, it goes on where it stopped", async () => {
  const file = fileOf([chat("a", 6)]);
  for (let stop = 1; stop <= 6; stop++) {
    await using fake = await Fake.start();
    const interrupt = new AbortController();
    let wrote = 0;
    const interrupted = run(fake, [file], {
      client: clientOf(fake, { signal: interrupt.signal }),
      wrote: () => {
        if (++wrote === stop) interrupt.abort();
      },
    });
    if (stop < 6) await expect(interrupted).rejects.toThrow(/abort/);
    else await interrupted;
    expect(fake.versions).toBe(stop);
    expect(await run(fake, [file])).toMatchObject({ written: 6 - stop, versions: 6, failed: 0 });
    expect(await exported(fake, [...fake.contexts.keys()][0] ?? "")).toBe(chat("a", 6));
  }
});

test("an append that was done but whose answer was lost is not doubled", async () => {
  await using fake = await Fake.start();
  fake.fault = ({ method }, index) => (method === "append" && index % 2 === 1 ? "lost" : undefined);
  expect(await run(fake, [fileOf([chat("a", 9)])])).toMatchObject({ versions: 9, failed: 0 });
  expect(fake.versions).toBe(9);
  expect(await exported(fake, [...fake.contexts.keys()][0] ?? "")).toBe(chat("a", 9));
});

test("a busy or failing Strata is asked again, as often as patience allows", async () => {
  await using fake = await Fake.start();
  const answers = [
    refuse("overloaded", "later", { retryAfterMs: 3 }),
    refuse("unavailable", "unknown", { details: { outcome: "unknown" } }),
    "cut",
    undefined,
  ] as const;
  fake.fault = (_, index) => answers[index % answers.length];
  expect(await run(fake, [fileOf([chat("a", 5)])], { concurrency: 1 })).toMatchObject({ versions: 5, failed: 0 });
  fake.fault = (_, index) => (index % 2 === 0 ? "gone" : undefined);
  expect(await run(fake, [fileOf([chat("c", 5)])], { concurrency: 1 })).toMatchObject({ versions: 5, failed: 0 });
  fake.fault = () => refuse("overloaded", "always", { retryAfterMs: 1 });
  const before = fake.calls.length;
  const { failed, problems } = await run(fake, [fileOf([chat("b", 5)])]);
  expect(failed).toBe(1);
  expect(problems).toEqual(["t.jsonl:1: [overloaded] always"]);
  expect(fake.calls.length - before).toBe(patience.caller_attempts);
});

test("where nothing answers, it gives up at once and says where it looked", async () => {
  const fake = await Fake.start();
  const client = clientOf(fake);
  await fake[Symbol.asyncDispose]();
  const error = await run(fake, [fileOf([chat("a", 2), chat("b", 2)])], { client }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CallError);
  expect(String(error)).toMatch(/\[unreachable\] no answer from http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\); is Strata running there\?/);
});

test("a context that holds something else is found before anything is written", async () => {
  await using fake = await Fake.start();
  await run(fake, [fileOf([chat("a", 4)])]);
  const other = JSON.parse(chat("a", 5)) as { reward: number; messages: { content: string }[] };
  const changed = { ...other, messages: other.messages.map((message, i) => (i === 2 ? { ...message, content: "altered" } : message)) };
  const [context] = [...fake.contexts.keys()];
  const { problems } = await run(fake, [fileOf([JSON.stringify(changed), JSON.stringify({ ...other, reward: 1 }), chat("a", 3)])]);
  expect(problems).toEqual([
    `t.jsonl:1: ${context} holds something else at item 2; import into another tenant, or give the line another id`,
    `t.jsonl:2: ${context} holds something else: its slot source.fields is another; import into another tenant, or give the line another id`,
    `t.jsonl:3: ${context} holds more items than the line's 3 messages; a line may grow, not shrink`,
  ]);
  expect(fake.versions).toBe(4);
});

test("a context that someone else filled is left alone", async () => {
  await using fake = await Fake.start();
  await run(fake, [fileOf([chat("a", 1)])]);
  const [context] = [...fake.contexts.values()];
  context?.slots.clear();
  context?.items.splice(0, 1, { role: "user", content: "mine", meta: RawJson.of('{"$form":{"content":"$9"}}') });
  const { problems } = await run(fake, [fileOf([chat("a", 1)])]);
  expect(problems).toEqual([expect.stringMatching(/its slot source\.id is not there/)]);
  expect(fake.versions).toBe(1);
});

test("a line that has grown since goes on in its context", async () => {
  await using fake = await Fake.start();
  await run(fake, [fileOf([chat("a", 3)])]);
  expect(await run(fake, [fileOf([chat("a", 7)])])).toMatchObject({ versions: 7, written: 4, failed: 0 });
  expect(await exported(fake, [...fake.contexts.keys()][0] ?? "")).toBe(chat("a", 7));
  expect(await run(fake, [fileOf([chat("a", 7)])])).toMatchObject({ versions: 7, written: 0 });
});

test("two importers of one file at once record each message once", async () => {
  await using fake = await Fake.start();
  const file = fileOf([chat("a", 30)]);
  const both = await Promise.all([run(fake, [file]), run(fake, [file])]);
  expect(both.map(({ failed, versions }) => ({ failed, versions }))).toEqual([
    { failed: 0, versions: 30 },
    { failed: 0, versions: 30 },
  ]);
  expect(both.reduce((sum, { written }) => sum + written, 0)).toBe(30);
  expect(fake.versions).toBe(30);
});

test("another writer's turns are found and said, and written over by nobody", async () => {
  await using fake = await Fake.start();
  let foreign = 0;
  fake.fault = ({ method, context, expect: head }) => {
    const there = fake.contexts.get(context);
    if (method === "append" && head === 2 && foreign++ === 0 && there !== undefined) {
      there.version++;
      there.items.push({ role: "user", content: "someone else" });
    }
    return undefined;
  };
  const { problems } = await run(fake, [fileOf([chat("a", 4)])]);
  expect(problems).toEqual([expect.stringMatching(/^t\.jsonl:1: main\.\S+ holds something else at item 2;/)]);
  expect(fake.versions).toBe(3);
});

test("a version without items, made meanwhile by its operator, is not in the way", async () => {
  await using fake = await Fake.start();
  fake.fault = ({ method, context, expect: head }) => {
    const there = fake.contexts.get(context);
    if (method === "append" && head === 2 && there !== undefined) there.version = Math.max(there.version, 3);
    return undefined;
  };
  expect(await run(fake, [fileOf([chat("a", 4)])])).toMatchObject({ versions: 5, written: 4, failed: 0 });
  expect(await exported(fake, [...fake.contexts.keys()][0] ?? "")).toBe(chat("a", 4));
});

test("the same line twice in a file is one context", async () => {
  await using fake = await Fake.start();
  expect(await run(fake, [fileOf([chat("a", 5), chat("a", 5)])], { concurrency: 8 })).toMatchObject({ contexts: 2, written: 5, failed: 0 });
  expect(fake.contexts.size).toBe(1);
});

test("a trajectory without messages is a context with its slots", async () => {
  await using fake = await Fake.start();
  expect(await run(fake, [fileOf(['{"id":"none","messages":[],"x":1}'])])).toMatchObject({ versions: 1, written: 1 });
  expect(await run(fake, [fileOf(['{"id":"none","messages":[],"x":1}'])])).toMatchObject({ versions: 1, written: 0 });
  expect(await exported(fake, [...fake.contexts.keys()][0] ?? "")).toBe('{"id":"none","messages":[],"x":1}');
});

test("long fields get a record of their own, and come back", async () => {
  await using fake = await Fake.start();
  const line = JSON.stringify({
    id: "a",
    notes: "n".repeat(limits.import_chars_of_fields_beside_item + 1),
    messages: [{ role: "user", content: "hi" }],
  });
  expect(await run(fake, [fileOf([line])])).toMatchObject({ versions: 2, written: 2 });
  expect(appends(fake).map(({ items }) => items)).toEqual([0, 1]);
  expect(await exported(fake, [...fake.contexts.keys()][0] ?? "")).toBe(line);
});

test("a context of many pages is compared and exported page by page", async () => {
  await using fake = await Fake.start();
  await run(fake, [fileOf([chat("a", 10)])]);
  fake.page = 3;
  expect(await run(fake, [fileOf([chat("a", 11)])])).toMatchObject({ versions: 11, written: 1, failed: 0 });
  expect(await exported(fake, [...fake.contexts.keys()][0] ?? "")).toBe(chat("a", 11));
});

test("the turns of one context are appended in order, one call at a time", async () => {
  await using fake = await Fake.start();
  await run(fake, [fileOf(Array.from({ length: 10 }, (_, i) => chat(`c${i}`, 8)))], { concurrency: 8 });
  for (const context of fake.contexts.keys())
    expect(
      appends(fake)
        .filter((call) => call.context === context)
        .map(({ expect: head }) => head),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("a bad line is named and passed over", async () => {
  await using fake = await Fake.start();
  const file = fileOf([chat("a", 2), "{nonsense", "", '{"id":"b"}', "   ", chat("c", 2)]);
  const { contexts, failed, problems } = await run(fake, [file, join(folder, "absent.jsonl")]);
  expect({ contexts, failed }).toEqual({ contexts: 2, failed: 3 });
  expect(problems).toEqual([
    expect.stringMatching(/^t\.jsonl:2: not JSON that can be taken: .*; allowed is one JSON object a line/),
    expect.stringMatching(/^t\.jsonl:4: neither "messages" nor "events" is an array; the line has the fields "id"/),
    expect.stringMatching(/^absent\.jsonl:1: the file cannot be read on: ENOENT/),
  ]);
});

test("a message that the contract refuses is named by its place", async () => {
  await using fake = await Fake.start();
  fake.fault = ({ method, expect: head }) => (method === "append" && head === 1 ? refuse("too_large", "5 MiB; at most 4 MiB") : undefined);
  const { problems } = await run(fake, [fileOf([chat("a", 3)])]);
  expect(problems).toEqual(["t.jsonl:1: messages[1] was refused: [too_large] 5 MiB; at most 4 MiB"]);
});

test("a grant that is not valid is said for each line, and nothing else is tried", async () => {
  await using fake = await Fake.start();
  const { problems } = await run(fake, [fileOf([chat("a", 3)])], { client: clientOf(fake, { grant: "other" }) });
  expect(problems).toEqual([expect.stringMatching(/^t\.jsonl:1: \[denied\] .* \(an import needs a grant that allows append and read/)]);
  expect(fake.calls.length).toBe(1);
});

test("gzipped files and standard input are read as they stream", async () => {
  await using fake = await Fake.start();
  const file = fileOf([chat("a", 2), chat("b", 2)], "t.jsonl.gz");
  // Cut within a character and without a newline at the end.
  const bytes = Buffer.from(`${chat("é", 2)}\n${chat("z", 1)}`);
  const stdin = Readable.from([bytes.subarray(0, 8), bytes.subarray(8, 9), bytes.subarray(9)]);
  expect(await run(fake, [file, "-"], { stdin })).toMatchObject({ contexts: 4, versions: 7, failed: 0 });
});

test("a file that is no gzip, and bytes that are no UTF-8, are named", async () => {
  await using fake = await Fake.start();
  const cut = join(folder, "cut.jsonl.gz");
  writeFileSync(cut, gzipSync(`${chat("a", 2)}\n${chat("b", 2)}\n`).subarray(0, -12));
  const stdin = Readable.from([Buffer.from([0x7b, 0xff, 0x7d, 0x0a]), Buffer.from(chat("c", 1))]);
  const { problems, contexts } = await run(fake, [cut, "-"], { stdin });
  expect(problems.some((problem) => /^cut\.jsonl\.gz:\d: the file cannot be read on: unexpected end of file/.test(problem))).toBe(true);
  expect(problems).toContain("-:1: the line is not UTF-8; allowed is JSON in UTF-8");
  expect(contexts).toBeGreaterThanOrEqual(1);
});

test("a line beyond the limit is named with its length and passed over", async () => {
  await using fake = await Fake.start();
  const piece = Buffer.alloc(1024 * 1024, "x");
  const pieces = limits.import_bytes_per_line / piece.length + 1;
  function* big(): Generator<Buffer> {
    for (let i = 0; i < pieces; i++) yield piece;
    yield Buffer.from(`\n${chat("a", 1)}\n`);
  }
  const { problems, contexts } = await run(fake, ["-"], { stdin: Readable.from(big()) });
  expect(problems).toEqual([`-:1: the line has ${pieces * piece.length} bytes; at most ${limits.import_bytes_per_line} are allowed`]);
  expect(contexts).toBe(1);
});

test("an export of an interrupted import says what is missing", async () => {
  await using fake = await Fake.start();
  fake.fault = ({ method, expect: head }) => (method === "append" && head === 2 ? refuse("invalid", "no") : undefined);
  await run(fake, [fileOf([chat("a", 4)])]);
  const [context = ""] = [...fake.contexts.keys()];
  await expect(exported(fake, context)).rejects.toThrow(
    `${context} holds 2 of 4 messages: its import was interrupted; run it again to go on`,
  );
});

test("odd ids and values survive the whole way", async () => {
  await using fake = await Fake.start();
  const line =
    '{"id":"../..%2F#?|\\u0000","big":12345678901234567890,"messages":[{"role":"user","content":"a\\u0000b","n":1e999,"__proto__":{"x":-0}},[1.0],"$0"]}';
  await run(fake, [fileOf([line])]);
  const [context = ""] = [...fake.contexts.keys()];
  expect(equal(treeOf(RawJson.of(await exported(fake, context))), treeOf(RawJson.of(line)))).toBe(true);
});
