// The installation that documents and examples are tried against: `npm start` of this tree, on a free port and in a folder of its own.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
const main = join(root, "services/start/main.ts");

const Ready = z.object({ url: z.string(), grant: z.string() });

/** Where callers call, a root grant of tenant main, and the file with the root key. */
export type Place = { readonly url: string; readonly grant: string; readonly keyFile: string };
export type Serving = Place & AsyncDisposable;

/** Throws when it ends before it is ready, with what it said. */
export async function serve(): Promise<Serving> {
  const dataDir = await mkdtemp(join(tmpdir(), "strata-docs-"));
  const child = spawn(process.execPath, [main, "--json", "--port", "0", "--data", dataDir, "--no-samples"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(dataDir, { recursive: true, force: true });
  };
  const first = await Promise.race([
    once(createInterface({ input: child.stdout }), "line").then(([line]) => String(line)),
    once(child, "exit").then(([code]) => new Error(`npm start ended with exit code ${code} before it was ready\n${said}`)),
  ]);
  if (first instanceof Error) {
    await stop();
    throw first;
  }
  return { ...Ready.parse(JSON.parse(first)), keyFile: join(dataDir, "root.key"), [Symbol.asyncDispose]: stop };
}

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a program to its end, with the Node that runs this first on PATH, as npm would. */
export async function run(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const env = { ...process.env, ...environment, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}` };
  try {
    const { stdout, stderr } = await promisify(execFile)(command, [...args], { cwd: root, env, timeout: 60_000 });
    return { code: 0, stdout, stderr };
  } catch (reason) {
    const failed = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() }).safeParse(reason);
    if (failed.success) return failed.data;
    throw reason;
  }
}
