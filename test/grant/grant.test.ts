// `npm run grant`, as an operator types it.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const program = fileURLToPath(new URL("../../services/grant/main.ts", import.meta.url));
const rootKey = Buffer.alloc(32, 7).toString("base64");

function grant(args: readonly string[], env: Readonly<Record<string, string>> = { STRATA_ROOT_KEY: rootKey }) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env: { ...process.env, ...env } });
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

test("a grant that was minted says what it is for, and is genuine", () => {
  const token = grant(["mint", "--tenant", "acme", "--subject", "desk", "--contexts", "desk-*,faq", "--methods", "append,read"]).stdout;
  const shown = JSON.parse(grant(["show", token, "--json"]).stdout);
  expect(shown).toMatchObject({ tenant: "acme", subject: "desk", contexts: ["desk-*", "faq"], methods: ["append", "read"] });
  expect(grant(["verify", token])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^genuine, good until 20/), stderr: "" });
  expect(JSON.parse(grant(["verify", token, "--json"]).stdout)).toEqual({ genuine: true, good: true });
});

test("a grant that was altered, or signed with another key, is told as what it is, by the exit code too", () => {
  const token = grant(["mint"]).stdout;
  for (const [shown, key] of [
    [token.slice(0, -2), rootKey],
    [token, Buffer.alloc(32, 8).toString("base64")],
  ] as const) {
    const verified = grant(["verify", shown, "--json"], { STRATA_ROOT_KEY: key });
    expect(verified.status).toBe(1);
    expect(JSON.parse(verified.stdout)).toMatchObject({ genuine: false, good: false, why: expect.any(String) });
  }
});

test.each([
  [["mint", "--tennant", "acme"], /Unknown option '--tennant'.*--help lists what is allowed$/],
  [["mint", "--ttl", "soon"], /--ttl: saw "soon"; write a number and s, m, h or d/],
  [["mint", "--methods", "reed"], /methods/],
  [["mint", "--key-file", "/nowhere/root.key"], /--key-file: \/nowhere\/root.key cannot be read \(ENOENT\)$/],
  [["configure", "acme"], /--ttl-ms: is missing; give the milliseconds, or --no-ttl/],
  [["configure", "acme", "--ttl-ms", "1h"], /--ttl-ms: saw "1h"/],
  [["show", "strata1.no.grant"], /this is no grant; one looks like strata1\./],
  [["forge"], /there is no command "forge"; see --help$/],
])("wrong options %j are answered in one line, with the exit code 2", (args, said) => {
  const { status, stdout, stderr } = grant(args);
  expect(stderr).toMatch(said);
  expect({ status, stdout, lines: stderr.split("\n").length }).toEqual({ status: 2, stdout: "", lines: 1 });
});

test("without a root key nothing is minted, and it says where one comes from", () => {
  const { status, stderr } = grant(["mint"], { STRATA_ROOT_KEY: "" });
  expect(status).toBe(2);
  expect(stderr).toMatch(/there is no root key: set STRATA_ROOT_KEY or name a file/);
});

test("a sidecar that does not answer is told as one", () => {
  const { status, stderr } = grant(["list", "acme", "--url", "http://127.0.0.1:1"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^\[unavailable\] no sidecar answers at http:\/\/127.0.0.1:1; is Strata running/);
});
