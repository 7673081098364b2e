import { readFileSync } from "node:fs";
import { ContextError } from "../../protocol/errors.ts";

/** The root key, from a file where one is named, else from STRATA_ROOT_KEY. */
export function readRootKey(file: string | undefined): string {
  if (file !== undefined) return readFileSync(file, "utf8");
  const key = process.env.STRATA_ROOT_KEY;
  if (key !== undefined && key !== "") return key;
  throw new ContextError(
    "invalid",
    "there is no root key: set STRATA_ROOT_KEY or name a file with --key-file (npm start keeps one in var/local/root.key, npm run dapr in var/dapr/root.key)",
  );
}
