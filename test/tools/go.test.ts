// tools/dapr/go.sh with a module proxy that hands out something else: nothing of it is unpacked, and what is there is left alone.

import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "./folders.ts";

const sources = fileURLToPath(new URL("../../tools/dapr", import.meta.url));
const version = /^go (\S+)$/m.exec(readFileSync(join(sources, "go.mod"), "utf8"))?.[1] ?? "";
const asked: string[] = [];
const proxy = createServer((request, response) => {
  asked.push(request.url ?? "");
  response.writeHead(request.url?.startsWith("/absent") ? 404 : 200).end("no toolchain");
});

beforeAll(() => new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve)));
afterAll(() => void proxy.close());

const at = (path: string, login = ""): string => `http://${login}127.0.0.1:${(proxy.address() as AddressInfo).port}${path}`;

function run(folder: string, GOPROXY = `direct,${at("")}|https://elsewhere`): Promise<{ code: unknown; stdout: string; stderr: string }> {
  for (const name of ["go.sh", "go.mod"]) copyFileSync(join(sources, name), join(folder, name));
  const env = { PATH: process.env.PATH, TMPDIR: folder, GOPROXY };
  return new Promise((resolve) => {
    execFile("bash", [join(folder, "go.sh")], { env }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
  });
}

test("go.sh: its sums are those of the version that go.mod names", () => {
  expect(readFileSync(join(sources, "go.sh"), "utf8")).toContain(`\nsums_of=${version}\n`);
});

// The sums are there for Linux alone.
const elsewhere = process.platform !== "linux";
if (elsewhere) console.log(`skipped: go.sh fetches no Go for ${process.platform}`);
const onLinux = test.skipIf(elsewhere);

onLinux("go.sh: what has another sum is refused, and nothing of it is kept", async () => {
  const folder = temporaryFolder();
  const { code, stdout, stderr } = await run(folder);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(`what came for Go ${version} is not what was expected`);
  expect(asked.at(-1)).toMatch(
    new RegExp(`^/golang\\.org/toolchain/@v/v0\\.0\\.1-go${version.replaceAll(".", "\\.")}\\.linux-(amd|arm)64\\.zip$`),
  );
  expect(readdirSync(folder).sort()).toEqual(["go.mod", "go.sh"]);
});

onLinux("go.sh: what cannot be fetched is said, with where to get it", async () => {
  const { code, stderr } = await run(temporaryFolder(), at("/absent", "user:sekret@"));
  expect(stderr).not.toContain("sekret");
  expect({ code, said: stderr.trimEnd().split("\n").at(-1) }).toEqual({
    code: 1,
    said: `go.sh: Go ${version} could not be fetched (curl's exit code 22); install it from https://go.dev/dl/`,
  });
});

onLinux("go.sh: nothing is fetched where GOPROXY says off, or what is not understood", async () => {
  const before = asked.length;
  for (const [GOPROXY, said] of [
    ["off", "GOPROXY says off"],
    ["file:///srv/modules", "is not understood here"],
  ] as const)
    expect(await run(temporaryFolder(), GOPROXY)).toMatchObject({ code: 1, stderr: expect.stringContaining(said) });
  expect(asked).toHaveLength(before);
});

onLinux("go.sh: a Go of this version that is there is not fetched again", async () => {
  const folder = temporaryFolder();
  const go = join(folder, ".go", "bin", "go");
  mkdirSync(join(folder, ".go", "bin"), { recursive: true });
  writeFileSync(go, `#!/bin/sh\necho go${version}\n`);
  chmodSync(go, 0o755);
  const before = asked.length;
  expect(await run(folder)).toEqual({ code: 0, stdout: `${join(folder, ".go", "bin")}\n`, stderr: "" });
  expect(asked).toHaveLength(before);
});
