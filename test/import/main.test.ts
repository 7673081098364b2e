import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { RawJson } from "../../protocol/json.ts";
import { readConfig, UsageError, usage } from "../../services/import/config.ts";
import { bar, Display } from "../../services/import/progress.ts";
import { equal, treeOf } from "../../services/import/tree.ts";
import { Fake, GRANT } from "./fake.ts";

const folder = mkdtempSync(join(tmpdir(), "strata-import-main-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = fileURLToPath(new URL("../../services/import/main.ts", import.meta.url));
const examples = fileURLToPath(new URL("../../examples/trajectories", import.meta.url));
const shipped = ["coding-session", "day-trip", "night-shift", "support-refunds"].map((name) => `${examples}/${name}.jsonl`);

function start(args: readonly string[], grant: string | undefined = GRANT, out: "pipe" | number = "pipe"): ChildProcess {
  const { STRATA_GRANT: _, ...env } = process.env;
  const stdio = ["pipe", out, "pipe"] as const;
  return spawn(process.execPath, [program, ...args], {
    stdio: [...stdio],
    env: grant === undefined ? env : { ...env, STRATA_GRANT: grant },
  });
}

async function finish(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let [out, err] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

const run = (args: readonly string[], grant?: string) => finish(start(args, grant));

test("the shipped samples are recorded, one line of JSON each, and a second run finds them there", async () => {
  await using fake = await Fake.start();
  const first = await run([...shipped, "--url", fake.url, "--json"]);
  expect(first).toMatchObject({ code: 0 });
  const contexts = first.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { context: string; versions: number });
  expect(contexts.length).toBe(5);
  expect(contexts.reduce((sum, { versions }) => sum + versions, 0)).toBe(fake.versions);
  for (const { context, versions } of contexts) expect(fake.contexts.get(context)?.version).toBe(versions);
  const second = await run([...shipped, "--url", fake.url]);
  expect(second).toMatchObject({ code: 0, out: "5 contexts, 64 versions (0 versions written now)\n" });
  expect(
    second.err
      .trim()
      .split("\n")
      .every((line) => /^main\.[a-z0-9-]+: \d+ versions, all there already$/.test(line)),
  ).toBe(true);
});

test("--export prints the line that a context was made of", async () => {
  await using fake = await Fake.start();
  const { out } = await run([...shipped, "--url", fake.url, "--json", "--quiet"]);
  const lines = shipped.flatMap((file) => readFileSync(file, "utf8").trim().split("\n")).map((line) => treeOf(RawJson.of(line)));
  for (const line of out.trim().split("\n")) {
    const { context } = JSON.parse(line) as { context: string };
    const exported = await run(["--export", context.replace("main.", ""), "--url", fake.url]);
    expect(exported.code).toBe(0);
    expect(lines.some((original) => equal(original, treeOf(RawJson.of(exported.out))))).toBe(true);
  }
});

test("a bad line is named on standard error, the others are recorded, and the exit code is 1", async () => {
  await using fake = await Fake.start();
  const file = join(folder, "bad.jsonl");
  writeFileSync(file, '{"id":"a","messages":[{"role":"user","content":"hi"}]}\nnonsense\n{"id":"b","messages":["hi"]}\n');
  const { code, out, err } = await run([file, "--url", fake.url, "--quiet"]);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(new RegExp(`^${file}:2: not JSON that can be taken: .*; allowed is one JSON object a line, .*\n$`));
  expect(fake.contexts.size).toBe(2);
});

test("interrupted by ctrl-C it says how to go on, and does when run again", async () => {
  await using fake = await Fake.start();
  const file = join(folder, "long.jsonl");
  writeFileSync(
    file,
    `${JSON.stringify({ id: "long", messages: Array.from({ length: 400 }, (_, i) => ({ role: "user", content: `turn ${i}` })) })}\n`,
  );
  const child = start([file, "--url", fake.url]);
  fake.fault = (_, index) => {
    if (index === 5) child.kill("SIGINT");
    return undefined;
  };
  expect(await finish(child)).toMatchObject({ code: 130, err: "interrupted; run the same command again to go on\n" });
  const before = fake.versions;
  expect(before).toBeLessThan(400);
  expect((await run([file, "--url", fake.url])).out).toBe(`1 context, 400 versions (${400 - before} versions written now)\n`);
}, 120_000);

test("where nothing answers, one line says so and names no grant", async () => {
  const fake = await Fake.start();
  const { url } = fake;
  await fake[Symbol.asyncDispose]();
  const { code, out, err } = await run([...shipped, "--url", url, "--grant", "secret-token"]);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toBe(`[unreachable] no answer from ${url} (ECONNREFUSED); is Strata running there?\n`);
});

test("a reader that has seen enough of an export is no failure", async () => {
  await using fake = await Fake.start();
  const file = join(folder, "wide.jsonl");
  writeFileSync(file, `${JSON.stringify({ id: "wide", messages: Array.from({ length: 400 }, () => "x".repeat(4_000)) })}\n`);
  const { out } = await run([file, "--url", fake.url, "--json", "--quiet"]);
  const child = start(["--export", (JSON.parse(out) as { context: string }).context, "--url", fake.url]);
  child.stdout?.once("data", () => child.stdout?.destroy());
  const [code] = (await once(child, "exit")) as [number | null];
  expect(code).toBe(0);
});

test("whoever reads the problems may go, and the lines are recorded", async () => {
  await using fake = await Fake.start();
  const file = join(folder, "unread.jsonl");
  writeFileSync(file, Array.from({ length: 20 }, (_, i) => `nonsense\n{"id":${i},"messages":["hi"]}\n`).join(""));
  const child = start([file, "--url", fake.url]);
  child.stderr?.destroy();
  const { code, out } = await finish(child);
  expect({ code, out }).toEqual({ code: 1, out: "20 contexts, 20 versions (20 versions written now), 20 lines not recorded\n" });
  expect(fake.contexts.size).toBe(20);
});

const FULL = "/dev/full";
if (!existsSync(FULL)) console.log(`full disks: skipped, there is no ${FULL} here`);

test.skipIf(!existsSync(FULL))("what standard output has no room for is said in one line, and is a failure", async () => {
  await using fake = await Fake.start();
  const onFull = async (args: readonly string[]) => {
    const full = openSync(FULL, "w");
    const child = start([...args, "--url", fake.url], GRANT, full);
    closeSync(full);
    return finish(child);
  };
  const problem = { code: 1, err: expect.stringMatching(/^standard output cannot be written: ENOSPC[^\n]*\n$/) };
  expect(await onFull([...shipped, "--json", "--quiet"])).toMatchObject(problem);
  expect(fake.contexts.size).toBe(5);
  expect(await onFull(["--export", [...fake.contexts.keys()][0] ?? ""])).toMatchObject(problem);
  expect(await onFull(["--help"])).toMatchObject(problem);
});

test("ctrl-C ends an import that waits for standard input, whatever was recorded of it", async () => {
  await using fake = await Fake.start();
  const idle = start(["-", "--url", fake.url]);
  const waiting = finish(idle);
  idle.stdin?.write('nonsense\n{"id":"a","messages":["hi"]}\n');
  // Its last word before there is nothing to do but to wait.
  idle.stderr?.on("data", (text: string) => {
    if (text.includes("1 written")) idle.kill("SIGINT");
  });
  const { code, out, err } = await waiting;
  expect({ code, out }).toEqual({ code: 130, out: "" });
  expect(err).toMatch(/\ninterrupted; run the same command again to go on\n$/);
}, 30_000);

test("the help names every option, and a wrong command says what is allowed", async () => {
  expect(await run(["--help"])).toEqual({ code: 0, out: usage, err: "" });
  expect(usage).toMatch(/ 4 MiB[\s\S]* 200000 values/);
  const { code, out, err } = await run(["x.jsonl", "--colour"]);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toMatch(/--colour[\s\S]*--help lists what is allowed/);
});

test.each([
  [[], /no file named/],
  [["a", "--concurrency", "0"], /--concurrency 0: allowed is a whole number from 1 to 256/],
  [["a", "--concurrency", "many"], /--concurrency many/],
  [["a", "--url", "ftp://x"], /--url ftp:\/\/x: allowed is an http or https URL/],
  [["a", "--tenant", "Main"], /--tenant Main: a tenant is 1 to 63/],
  [["-", "-"], /can be read once/],
  [["a", "--export", "b"], /takes no files/],
  [["--export", "no/name"], /--export no\/name: a context's id is/],
])("%j is refused before anything is asked", (args, message) => {
  expect(() => readConfig(args, { STRATA_GRANT: "g" })).toThrow(message);
  expect(() => readConfig(args, { STRATA_GRANT: "g" })).toThrow(UsageError);
});

test("the grant comes from the flag, else from the environment, and must come from one", () => {
  expect(readConfig(["a", "--grant", "flag"], { STRATA_GRANT: "env" })).toMatchObject({
    grant: "flag",
    url: "http://127.0.0.1:3500",
    tenant: "main",
    concurrency: 32,
  });
  expect(readConfig(["a"], { STRATA_GRANT: "env" })).toMatchObject({ grant: "env" });
  expect(() => readConfig(["a"], {})).toThrow(/no grant; give --grant TOKEN or set STRATA_GRANT/);
});

test("the bar shows how much of the files is recorded", () => {
  expect(bar({ recorded: 50, size: 200 }, 1, 2_318, "tau.jsonl")).toBe(
    "[######..................]  25%  1 context  2,318 versions written  tau.jsonl",
  );
  expect(bar({ recorded: 50, size: undefined }, 2, 1, "-")).toBe("2 contexts  1 version written  standard input");
  expect(bar({ recorded: 0, size: 0 }, 0, 0, "empty")).toMatch(/^\[#{24}\] 100%/);
});

test("on a terminal problems and contexts do not mix with the bar, and the last thing drawn is nothing", () => {
  let text = "";
  const write = (more: string) => {
    text += more;
  };
  const display = new Display({ isTTY: true, columns: 40, write }, { quiet: false, recorded: () => write("{context}\n") });
  display.reading("f", { recorded: 1, size: 2 });
  display.recorded({ context: "main.a", versions: 1, written: 1 });
  display.failed("f:2", "bad");
  display.end();
  expect(text).toBe("\r\x1b[K{context}\n\r\x1b[Kf:2: bad\n\r\x1b[K");
});

test("problems without end are counted, not shown without end", () => {
  const screen = {
    isTTY: false,
    columns: 80,
    lines: 0,
    last: "",
    write: (text: string) => {
      screen.lines++;
      screen.last = text;
    },
  };
  const display = new Display(screen, { quiet: true, recorded: () => {} });
  for (let i = 0; i < 1_000; i++) display.failed(`f:${i}`, "bad");
  display.end();
  display.end();
  expect(screen.lines).toBe(102);
  expect(screen.last).toBe("1,000 problems in all\n");
});

test("problems that were all shown are not counted again", () => {
  const said: string[] = [];
  const display = new Display({ isTTY: false, columns: 80, write: (text) => said.push(text) }, { quiet: false, recorded: () => {} });
  for (let i = 0; i < 100; i++) display.failed(`f:${i}`, "bad");
  display.end();
  expect(said.length).toBe(100);
});
