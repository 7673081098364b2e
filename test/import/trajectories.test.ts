// Real trajectories through `npm start`, which is killed with kill -9 in the middle, and its importer with it.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { limits } from "../../protocol/limits.ts";
import { compareAll, type Place, present, runImport, sources } from "./journey.ts";

const program = fileURLToPath(new URL("../../services/start/main.ts", import.meta.url));
const SEED = 20_260_131;
const LONG_MS = 480_000;

async function start(dataDir: string): Promise<Place & { readonly child: ChildProcess }> {
  const child = spawn(process.execPath, [program, "--json", "--no-samples", "--port", "0", "--data", dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await new Promise<string[]>((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", (text: string) => resolve([text]));
    child.once("exit", (code) => reject(new Error(`it ended with ${code} before it served`)));
  });
  const { url, grant } = JSON.parse(line ?? "") as Place;
  return { url, grant, child };
}

// Skipped where there is no development data; journey.ts prints that.
test.skipIf(!present)(
  "npm start: an import that dies with its host goes on where it stopped, a second one writes nothing, and every context is its line",
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "strata-journey-"));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const all = sources();
    const messages = all.reduce((sum, { trajectory }) => sum + trajectory.messages.length, 0);

    const first = await start(dataDir);
    const died = new AbortController();
    let acknowledged = 0;
    const cut = runImport(
      first,
      (written) => {
        acknowledged = written;
        if (written !== Math.floor(messages / 3)) return;
        first.child.kill("SIGKILL");
        died.abort();
      },
      died.signal,
    );
    await expect(cut).rejects.toThrow();
    expect(acknowledged).toBeGreaterThan(0);

    const second = await start(dataDir);
    const resumed = await runImport(second);
    expect(resumed).toMatchObject({ contexts: all.length, failed: 0, problems: [] });
    expect(resumed.versions).toBeGreaterThanOrEqual(messages);
    // What was acknowledged is there; what was on its way may be.
    expect(resumed.written).toBeLessThanOrEqual(resumed.versions - acknowledged);
    expect(resumed.written).toBeGreaterThanOrEqual(resumed.versions - acknowledged - limits.import_contexts_at_once);
    expect(await runImport(second)).toEqual({ ...resumed, written: 0 });
    await compareAll(second, all, SEED);
  },
  LONG_MS,
);
