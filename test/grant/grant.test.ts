// `npm run grant`, as an operator types it.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemClock } from "../../dapr/clock.ts";
import { limits } from "../../protocol/limits.ts";
import { readCommand } from "../../services/grant/config.ts";
import { claimsFrom, readToken } from "../../services/grant/grant.ts";

const program = fileURLToPath(new URL("../../services/grant/main.ts", import.meta.url));
const rootKey = Buffer.alloc(32, 7).toString("base64");

function grant(args: readonly string[], env: Readonly<Record<string, string>> = { STRATA_ROOT_KEY: rootKey }, input = "") {
  const surroundings = { encoding: "utf8", env: { ...process.env, ...env }, input } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], surroundings);
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

test("a grant that was minted says what it is for, and is genuine", () => {
  const token = grant(["mint", "--tenant", "acme", "--subject", "desk", "--contexts", "desk-*,faq", "--methods", "append,read"]).stdout;
  const shown = JSON.parse(grant(["show", token, "--json"]).stdout);
  expect(shown).toMatchObject({ tenant: "acme", subject: "desk", contexts: ["desk-*", "faq"], methods: ["append", "read"] });
  expect(grant(["verify", token])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^genuine, good until 20/), stderr: "" });
  expect(JSON.parse(grant(["verify", token, "--json"]).stdout)).toEqual({ genuine: true, good: true });
});

test("a token is read from standard input where - stands for it, and is on no command line", () => {
  const { stdout: token } = grant(["mint", "--subject", "desk"]);
  const said = (args: string[], input: string) => grant(args, { STRATA_ROOT_KEY: rootKey }, input);
  expect(JSON.parse(said(["show", "-", "--json"], `${token}\n`).stdout)).toMatchObject({ subject: "desk" });
  expect(said(["verify", "-"], token)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^genuine, /) });
  expect(said(["verify", "-"], token.slice(0, -2))).toMatchObject({ status: 1, stdout: expect.stringMatching(/is not a grant/) });
  for (const command of ["show", "verify"]) {
    expect(said([command, "-"], "")).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^\[invalid\] standard input: saw nothing; /),
    });
    const { status, stdout, stderr } = said([command, "-"], "x".repeat(1024 ** 2));
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: "",
      stderr: "[invalid] standard input: saw more than the 8192 characters that a grant can have",
    });
  }
});

test("of an input without an end no more is read than a token can be long", async () => {
  let read = 0;
  const endless = async function* () {
    for (;;) {
      read += 1_024;
      yield Buffer.alloc(1_024, "x");
    }
  };
  await expect(readToken("-", endless())).rejects.toThrow(/^\[invalid\] standard input: saw more than/);
  expect(read).toBe(limits.chars_per_token + 1_024);
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

test("what is no grant at all is told as not genuine", () => {
  const token = grant(["mint"]).stdout;
  for (const shown of ["abc", token.slice(0, 30), token.slice(0, token.lastIndexOf(".") - 1)]) {
    const { status, stdout, stderr } = grant(["verify", shown, "--json"]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ genuine: false, good: false, why: expect.stringMatching(/^this is no grant; one looks like/) });
  }
  expect(grant(["verify", "abc"])).toMatchObject({ status: 1, stdout: expect.stringMatching(/^this is no grant/), stderr: "" });
});

test.each([
  [["mint", "--tennant", "acme"], /Unknown option '--tennant'.*--help lists what is allowed$/],
  [["mint", "--ttl", "soon"], /--ttl: saw "soon"; write a number and s, m, h or d/],
  [["mint", "--methods", "reed"], /methods/],
  [["mint", "--methods", "read,tenant.register"], /--methods: saw "tenant.register"; hosts alone do that/],
  [["mint", "--key-file", "/nowhere/root.key"], /--key-file: \/nowhere\/root.key cannot be read \(ENOENT\)$/],
  [["configure", "acme"], /--ttl-ms: is missing; give the milliseconds, or --no-ttl/],
  [["configure", "acme", "--ttl-ms", "1h"], /--ttl-ms: saw "1h"/],
  [["create"], /create: saw no TENANT; write npm run grant -- create TENANT$/],
  [["show", "strata1.no.grant"], /this is no grant; one looks like strata1\./],
  [["forge"], /there is no command "forge"; key, mint, show, verify, create, configure, list are; see --help$/],
])("wrong options %j are answered in one line, with the exit code 2", (args, said) => {
  const { status, stdout, stderr } = grant(args);
  expect(stderr).toMatch(said);
  expect({ status, stdout, lines: stderr.split("\n").length }).toEqual({ status: 2, stdout: "", lines: 1 });
});

test.each<[string[], RegExp]>([
  [["configure", "acme", "--ttl-ms", "5"], /--ttl-ms: saw 5; .*1000$/],
  [["configure", "acme", "--ttl-ms", "5000", "--ttl-from", "never"], /--ttl-from: saw "never"; .*"creation"\|"lastAppend"$/],
  [["configure", "acme", "--no-ttl", "--ttl-ms", "5000"], /--no-ttl takes the time to live away; leave out --ttl-ms and --ttl-from$/],
  [["create", "acme", "beta"], /create: saw "beta", which is one argument too many/],
  [["create", "Acme"], /create: saw "Acme"; a tenant is 1 to 63 of the characters/],
  [["create", "acme", "--tenant", "beta"], /--tenant says nothing to create, which takes --url, --key-file/],
  [["mint", "acme"], /mint: saw "acme", which is one argument too many/],
  [["mint", "--contexts", " ,"], /--contexts: saw nothing; .* \* stands for all$/],
  [["list", "acme", "--state", "dead"], /--state: saw "dead"; .*"empty"\|"live"\|"expired"$/],
  [["list", "acme", "--prefix", "Desk"], /--prefix: saw "Desk"; a prefix has the characters of a context's name$/],
  [["list", "acme", "--url", "127.0.0.1:3500"], /--url 127\.0\.0\.1:3500: allowed is an http or https URL like http:/],
  [["show"], /show: saw no TOKEN/],
])("%j is refused before anything is asked", (args, said) => {
  expect(() => readCommand(args, {})).toThrow(said);
});

test.each([
  [{ tenant: "Acme" }, /--tenant: saw "Acme"; a tenant is/],
  [{ contexts: "a,B*" }, /--contexts: saw "B\*"; a context's name, a prefix that ends in \*, or \*$/],
  [{ methods: "append,reed" }, /--methods: saw "reed"; .*"append"\|"read"/],
  [{ subject: " x" }, /--subject: saw " x"; a subject is 1 to 128 of/],
  [{ ttl: "99999999d" }, /--ttl: saw "99999999d"; at most 3650d/],
])("a grant for %j is not minted", (wish, said) => {
  const usual = { tenant: "main", subject: "me", contexts: "*", methods: "*", ttl: "30d" };
  expect(claimsFrom(usual, systemClock.now())).toMatchObject({ tenant: "main" });
  expect(() => claimsFrom({ ...usual, ...wish }, systemClock.now())).toThrow(said);
});

test("where Strata answers comes from the flag, else from the environment, and its token from the environment alone", () => {
  const sidecarOf = (args: string[], env: Record<string, string>) => {
    const asked = readCommand(["list", "acme", ...args], env);
    return asked !== "help" && "sidecar" in asked.command ? asked.command.sidecar : undefined;
  };
  expect(sidecarOf([], {})).toEqual({ url: "http://127.0.0.1:3500", token: undefined });
  expect(sidecarOf([], { STRATA_URL: "http://strata:1/", DAPR_API_TOKEN: "t" })).toEqual({ url: "http://strata:1", token: "t" });
  expect(sidecarOf(["--url", "https://other/below"], { STRATA_URL: "http://strata:1" })).toMatchObject({ url: "https://other/below" });
  expect(() => sidecarOf([], { STRATA_URL: "strata" })).toThrow("STRATA_URL strata: allowed is an http or https URL");
  expect(() => sidecarOf([], { DAPR_API_TOKEN: "secret\n" })).toThrow(/^\[invalid\] DAPR_API_TOKEN: it holds (?!.*secret)/);
});

test("without a root key nothing is minted, and it says where one comes from", () => {
  const { status, stderr } = grant(["mint"], { STRATA_ROOT_KEY: "" });
  expect(status).toBe(2);
  expect(stderr).toMatch(/there is no root key: set STRATA_ROOT_KEY or name a file/);
});

test("a token that says a time which no calendar has is no grant, and no failure", () => {
  const claims = { v: 1, tenant: "acme", subject: "me", contexts: ["*"], methods: ["*"], expires: Number.MAX_SAFE_INTEGER };
  const token = `strata1.1.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2lnbmF0dXJl`;
  expect(grant(["show", token])).toMatchObject({ status: 2, stdout: "", stderr: expect.stringMatching(/this is no grant/) });
});

test("a sidecar that does not answer is told as one", () => {
  const { status, stderr } = grant(["list", "acme", "--url", "http://127.0.0.1:1"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^\[unreachable\] no answer from http:\/\/127.0.0.1:1 \(ECONNREFUSED\); is Strata running there\?$/);
});
