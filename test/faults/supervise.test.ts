import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { Process } from "../../tools/run/processes.ts";
import { temporaryFolder } from "../tools/folders.ts";
import { supervise } from "./supervise.ts";

test("a process that ends by itself is started again, and said so with its panic; one that is stopped is left alone", async () => {
  const folder = temporaryFolder();
  const logFile = join(folder, "sidecar.log");
  const says = 'console.log("panic: all is lost"); setInterval(() => {}, 1_000)';
  await using sidecar = new Process({
    name: "sidecar",
    command: [process.execPath, "-e", says],
    env: {},
    cwd: folder,
    logFile,
    ready: async () => (sidecar.pid === 0 || !sidecar.running ? undefined : true),
  });
  const said: string[] = [];
  await using _ = supervise(
    () => [sidecar],
    (line) => said.push(line),
  );
  await sidecar.start();
  const first = sidecar.pid;
  await vi.waitFor(() => expect(readFileSync(logFile, "utf8")).toContain("panic"));
  process.kill(first, "SIGSEGV");
  await vi.waitFor(() => expect(sidecar.running && sidecar.pid !== first).toBe(true), 10_000);
  expect(said).toEqual(["sidecar ended by itself and is started again; its log says: panic: all is lost"]);
  await sidecar.kill();
  await sidecar.start();
  await sidecar.kill();
  expect([sidecar.running, said.length]).toEqual([false, 1]);
});
