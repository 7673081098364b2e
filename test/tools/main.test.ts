import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const main = fileURLToPath(new URL("../../tools/run/main.ts", import.meta.url));
const run = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: "utf8", env: { PATH: "/usr/bin:/bin", DAPR_BIN: "/nowhere" } });

test("--help says what there is, on stdout", () => {
  const { status, stdout, stderr } = run("--help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  for (const option of ["--store", "--data", "--port", "--json", "--free-ports", "DAPR_BIN", "1.18.2"]) expect(stdout).toContain(option);
});

test.each([
  [["--stores", "redis"], /--stores/],
  [["--store", "etcd"], /--store etcd: expected sqlite, redis or postgres/],
  [["--port", "0"], /--port 0: expected a number from 1 to 65535/],
  [["--port", "3500x"], /--port 3500x/],
  [["--port", "3500", "--free-ports"], /expected one of them/],
  [["surplus"], /surplus/],
])("%j is refused with exit code 2, and stdout stays empty", (args, why) => {
  const { status, stdout, stderr } = run(...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(why);
  expect(stderr).toContain("see --help");
});

test("without a Dapr runtime it says where it looked, and fails with exit code 1", () => {
  const { status, stdout, stderr } = run("--json", "--no-build", "--free-ports");
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toBe("no Dapr runtime: there is no daprd in DAPR_BIN (/nowhere)\n");
});
