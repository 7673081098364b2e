import { execFile, spawn } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { daprVersions, fitOf } from "../../dapr/runtime.ts";
import { textOf } from "./errors.ts";
import { isProgram, pathFolders } from "./programs.ts";

const ANSWER_MS = 10_000;

export type Program = "daprd" | "placement" | "scheduler";

/** Where the programs of the Dapr runtime lie. */
export interface Binaries {
  readonly daprd: string;
  /** Undefined where none was found and none was asked for: one that runs already is used instead. */
  readonly placement?: string | undefined;
  readonly scheduler?: string | undefined;
  /** What daprd answers to --version. Dapr's own builds of the other two can't be asked. */
  readonly version: string;
}

export type Found = { readonly ok: true; readonly binaries: Binaries } | { readonly ok: false; readonly why: string };

export interface Finding {
  /** DAPR_BIN, PATH and HOME are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Without these it has not been found. Default: all three. `dapr init` leaves daprd alone on the disk, the others run in containers. */
  readonly needs?: readonly Program[];
  /** Build them when they are nowhere: some minutes, Go and the network. */
  readonly build?: boolean;
  /** Hears what the build says. */
  readonly report?: (line: string) => void;
}

const ours = fileURLToPath(new URL("../dapr", import.meta.url));
const everything: readonly Program[] = ["daprd", "placement", "scheduler"];

/** Looks in DAPR_BIN, and nowhere else where that is set; else in PATH, ~/.dapr/bin and tools/dapr/bin, in this order; and builds them if it may. */
export async function findBinaries({ env, needs = everything, build = false, report = () => {} }: Finding): Promise<Found> {
  const chosen = env.DAPR_BIN;
  if (chosen !== undefined) return inFolders([chosen], needs, `DAPR_BIN (${chosen})`);
  const folders = [...pathFolders(env), join(env.HOME ?? homedir(), ".dapr", "bin"), join(ours, "bin")];
  const found = await inFolders(folders, needs, "PATH, ~/.dapr/bin or tools/dapr/bin");
  if (found.ok) return found;
  const remedy = `build them with tools/dapr/build.sh, or install Dapr ${daprVersions.supported} and set DAPR_BIN to its folder`;
  if (!build) return { ok: false, why: `${found.why}; ${remedy}` };
  const failure = await runBuild(report);
  return failure === undefined ? inFolders([join(ours, "bin")], needs, "tools/dapr/bin") : { ok: false, why: `${found.why}; ${failure}` };
}

async function inFolders(folders: readonly string[], needs: readonly Program[], where: string): Promise<Found> {
  const refused: string[] = [];
  for (const folder of folders) {
    const daprd = programIn(folder, "daprd");
    if (daprd === undefined) continue;
    const version = await versionOf(daprd);
    if (!["tested", "supported"].includes(fitOf(version))) {
      refused.push(`${daprd} is ${version}, and Strata supports ${daprVersions.supported} (tested: ${daprVersions.tested})`);
      continue;
    }
    // Those beside this daprd are of its version; the next best are those of any other folder.
    const [placement, scheduler] = (["placement", "scheduler"] as const).map((name) => first([folder, ...folders], name));
    const binaries: Binaries = { daprd, placement, scheduler, version };
    const missing = needs.filter((name) => binaries[name] === undefined);
    if (missing.length === 0) return { ok: true, binaries };
    refused.push(`${daprd} was found, but no ${missing.join(" and no ")}`);
  }
  return { ok: false, why: refused.length > 0 ? refused.join("; ") : `there is no daprd in ${where}` };
}

const first = (folders: readonly string[], name: Program): string | undefined =>
  folders.map((folder) => programIn(folder, name)).find((path) => path !== undefined);

function programIn(folder: string, name: Program): string | undefined {
  const path = join(folder, name);
  return isProgram(path) ? path : undefined;
}

async function versionOf(daprd: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(daprd, ["--version"], { timeout: ANSWER_MS });
    return stdout.trim().slice(0, 40);
  } catch (reason) {
    return `of no known version (${textOf(reason)})`;
  }
}

/** The build's failure, or undefined. */
function runBuild(report: (line: string) => void): Promise<string | undefined> {
  const child = spawn(join(ours, "build.sh"), [], { stdio: ["ignore", "pipe", "pipe"] });
  let last = "";
  const hear = (line: string): void => {
    last = line;
    report(line);
  };
  createInterface({ input: child.stdout }).on("line", hear);
  createInterface({ input: child.stderr }).on("line", hear);
  return new Promise((resolve) => {
    child.once("error", (reason) => resolve(`tools/dapr/build.sh does not start: ${reason.message}`));
    child.once("close", (code) => resolve(code === 0 ? undefined : `tools/dapr/build.sh failed (exit code ${code}): ${last}`));
  });
}
