// `npm start` as someone meets it who has just installed Strata: what it says where something is wrong, and that it begins, ends and begins again.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { systemDie } from "../../dapr/clock.ts";
import { readStartConfig, usage } from "../../services/start/config.ts";
import { rootKeyIn } from "../../services/start/data.ts";

const FULL = "/dev/full";
if (!existsSync(FULL)) console.log(`full disks: skipped, there is no ${FULL} here`);
const folder = mkdtempSync(join(tmpdir(), "strata-start-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** For tests that start several processes one after another, on a machine that has other things to do. */
vi.setConfig({ testTimeout: 180_000 });
const program = fileURLToPath(new URL("../../services/start/main.ts", import.meta.url));

type Ended = { readonly code: number | null; readonly out: string; readonly err: string };
type Run = { readonly child: ChildProcessWithoutNullStreams; readonly line: Promise<string>; readonly ended: Promise<Ended> };

function start(...args: readonly string[]): Run {
  // What a host of a deployment listens on says nothing to this one.
  const child = spawn(process.execPath, [program, ...args], { stdio: "pipe", env: { ...process.env, STRATA_HOST: "0.0.0.0" } });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  const line = new Promise<string>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (out.includes("\n")) resolve(out);
    });
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, out, err }));
  return { child, line, ended };
}

const list = async (url: string, grant: string) =>
  (await fetch(`${url}/v1.0/actors/Tenant/main/method/list`, { method: "POST", body: JSON.stringify({ grant }) })).json() as Promise<{
    ok: boolean;
    contexts: { name: string; state: string; version: number }[];
  }>;

test("with --json it prints one line when it serves, ends at ctrl-C without a word, and a restart has the data and honours the grant", async () => {
  const data = join(folder, "twice");
  const first = start("--json", "--port", "0", "--data", data);
  const { url, grant } = JSON.parse(await first.line) as { url: string; grant: string };
  const before = await list(url, grant);
  expect(before.contexts.length).toBeGreaterThan(3);

  const second = await start("--port", "0", "--data", data).ended;
  expect(second).toMatchObject({ code: 1, out: "" });
  expect(second.err).toBe(
    `[invalid] another process serves from ${data} already; stop it, or choose another folder: npm start -- --data DIR\n`,
  );

  first.child.kill("SIGINT");
  expect(await first.ended).toEqual({ code: 0, out: `${JSON.stringify({ url, grant })}\n`, err: "" });

  const again = start("--json", "--port", "0", "--data", data);
  const told = JSON.parse(await again.line) as { url: string; grant: string };
  // Names and states are true at once; versions may trail in the directory while a host serves, and stand when it has ended.
  const after = await list(told.url, grant);
  expect(after.contexts.map(({ name, state }) => ({ name, state }))).toEqual(before.contexts.map(({ name, state }) => ({ name, state })));
  for (const [i, { version }] of after.contexts.entries()) expect(version).toBeGreaterThanOrEqual(before.contexts[i]?.version ?? 1);
  again.child.kill("SIGTERM");
  expect(await again.ended).toMatchObject({ code: 0, err: "" });

  // The same store under another key.
  cpSync(data, join(folder, "foreign"), { recursive: true });
  writeFileSync(join(folder, "foreign", "root.key"), Buffer.from(systemDie.bytes(32)).toString("base64"));
  const foreign = await start("--port", "0", "--data", join(folder, "foreign")).ended;
  expect(foreign).toMatchObject({ code: 1, out: "" });
  expect(foreign.err).toMatch(/^\[invalid\] this is not the root key that the store was written under: .*\n$/);
});

test("for people it shows what it imported, how to try it, and how to end it", async () => {
  const run = start("--port", "0", "--data", join(folder, "people"));
  run.child.stdout.on("data", (text: string) => {
    if (text.includes("STRATA_GRANT")) run.child.kill("SIGINT");
  });
  const { code, out } = await run.ended;
  expect(code).toBe(0);
  expect(out).toMatch(
    /^\d+ contexts, \d+ versions\n.* at version \d+: \d+ items\n.* at \d{4}-.*Z: version \d+, \d+ items\n.*chain of \d+ versions verified/,
  );
  expect(out).toMatch(/Strata serves http:\/\/127\.0\.0\.1:\d+ from .*people; Ctrl-C ends it[\s\S]*\nexport STRATA_GRANT=strata1\.\S+\n/);
});

test("whoever reads what it tells beside that may go, and it serves on", async () => {
  const run = start("--port", "0", "--data", join(folder, "unread"));
  run.child.stderr.destroy();
  run.child.stdout.on("data", (text: string) => {
    if (text.includes("STRATA_GRANT")) run.child.kill("SIGINT");
  });
  const { code, out } = await run.ended;
  expect(code).toBe(0);
  expect(out).toContain("export STRATA_GRANT=");
});

test.skipIf(!existsSync(FULL))("where standard output has no room it says so, and serves on", async () => {
  const full = openSync(FULL, "w");
  const child = spawn(process.execPath, [program, "--json", "--no-samples", "--port", "0", "--data", join(folder, "full")], {
    stdio: ["ignore", full, "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  closeSync(full);
  if (child.stderr === null) throw new Error("its standard error is a pipe");
  const [said] = (await once(child.stderr, "data")) as [Buffer];
  expect(String(said)).toMatch(/^standard output cannot be written: ENOSPC[^\n]*\n$/);
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("ctrl-C while it starts or imports ends it as quietly", async () => {
  const data = join(folder, "hasty");
  const run = start("--port", "0", "--data", data);
  while (!(readdirSafe(data).includes("state.db-wal") && statSync(join(data, "state.db-wal")).size > 0))
    await new Promise((resolve) => setImmediate(resolve));
  run.child.kill("SIGINT");
  const { code, err } = await run.ended;
  expect({ code, err: err.replaceAll(/^main\.[^\n]*\n/gm, "") }).toEqual({ code: 0, err: "" });
});

const readdirSafe = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

test("a port that something else has is said before anything is served", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = String(typeof address === "object" ? address?.port : "");
  const { code, out, err } = await start("--json", "--port", port, "--data", join(folder, "taken")).ended;
  server.close();
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain(`port ${port} is taken`);
});

test("a file that is no database is said to be none", async () => {
  const data = join(folder, "garbage");
  rootKeyIn(data, systemDie);
  writeFileSync(join(data, "state.db"), systemDie.bytes(8_192));
  const { code, err } = await start("--data", data, "--port", "0").ended;
  expect(code).toBe(1);
  expect(err).toMatch(/^\[invalid\] .*state\.db is damaged, or no SQLite file .*\n$/);
});

test("help names every option, and a wrong one says what is allowed and where to read on", async () => {
  expect(await start("--help").ended).toEqual({ code: 0, out: `${usage}\n`, err: "" });
  const { code, out, err } = await start("--prot", "1").ended;
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toBe("[invalid] Unknown option '--prot'; see npm start -- --help\n");
});

test.each([
  [["--port", "x"], {}, /--port: saw "x"; a port is 0 to 65535/],
  [["--port", ""], {}, /--port: saw ""/],
  [["--port", "65536"], {}, /--port: saw "65536"/],
  [[], { STRATA_CALLERS_PORT: "http" }, /STRATA_CALLERS_PORT: saw "http"/],
  [["--events", "yes"], {}, /--events: saw "yes"; it is on or off/],
  [["--data", ""], {}, /--data: saw nothing/],
  [["extra"], {}, /Unexpected argument 'extra'[^\n]*see npm start -- --help$/],
  [["--port", "-1"], {}, /'--port' argument is ambiguous; see/],
])("%j %j is refused", (args, environment, message) => {
  expect(() => readStartConfig(args, environment)).toThrow(message);
});

test("a flag counts more than the environment, and the environment more than what is usual", () => {
  expect(readStartConfig([], {})).toEqual({ port: 3500, dataDir: join("var", "local"), samples: true, events: true, json: false });
  const environment = { STRATA_CALLERS_PORT: "4000", STRATA_DATA_DIR: "/d" };
  expect(readStartConfig([], environment)).toMatchObject({ port: 4000, dataDir: "/d" });
  expect(readStartConfig(["--port", "0", "--data", "e"], environment)).toMatchObject({ port: 0, dataDir: "e" });
});

test("the root key is made once, for its owner alone", () => {
  const data = join(folder, "a", "b");
  const key = rootKeyIn(data, systemDie);
  expect(Buffer.from(key, "base64").length).toBe(32);
  expect(rootKeyIn(data, systemDie)).toBe(key);
  expect(readdirSync(data)).toEqual(["root.key"]);
  expect(statSync(join(data, "root.key")).mode & 0o777).toBe(0o600);
  expect(statSync(data).mode & 0o777).toBe(0o700);
});

test("a key that is gone or spoilt is missed before anything is written under another", () => {
  const data = join(folder, "lost");
  rootKeyIn(data, systemDie);
  writeFileSync(join(data, "root.key"), "c2hvcnQ=\n");
  expect(() => rootKeyIn(data, systemDie)).toThrow(/holds no root key .*44 characters\), saw 8 characters\); delete it/);
  writeFileSync(join(data, "state.db"), "");
  expect(() => rootKeyIn(data, systemDie)).toThrow(
    /put the key back from a copy: without it nothing that was written since .*state\.db was made can be read/,
  );
  rmSync(join(data, "root.key"));
  expect(() => rootKeyIn(data, systemDie)).toThrow(/root\.key is gone; put the key back from a copy/);
  expect(readdirSync(data)).toEqual(["state.db"]);
});

test("a folder that cannot be one is named", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const data of [file, join(file, "below"), ...(process.platform === "linux" ? ["/proc/strata/data"] : [])])
    expect(() => rootKeyIn(data, systemDie)).toThrow(`${data} cannot be used: `);
  mkdirSync(join(folder, "odd", "root.key"), { recursive: true });
  expect(() => rootKeyIn(join(folder, "odd"), systemDie)).toThrow(/cannot be used: EISDIR/);
  expect(readFileSync(file, "utf8")).toBe("");
});
