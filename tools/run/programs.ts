import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** True when there is a file that this process may execute. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The folders of PATH, in their order. */
export function pathFolders(env: Readonly<Record<string, string | undefined>>): string[] {
  return (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
}

/** Where PATH has it. */
export function findProgram(name: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  return pathFolders(env)
    .map((folder) => join(folder, name))
    .find(isProgram);
}
