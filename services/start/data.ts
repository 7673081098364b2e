// The folder of an installation on one machine: `root.key`, made at the first start, and what cannot be read without it.

import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Die } from "../../actors/ports.ts";
import { ContextError } from "../../protocol/errors.ts";
import { parseRootKeys } from "../../stores/keyring.ts";

const ROOT_BYTES = 32;

/** Where `npm start` keeps its state. */
export const stateFile = (dataDir: string): string => join(dataDir, "state.db");

export const rootKeyFile = (dataDir: string): string => join(dataDir, "root.key");

/**
 * The root key of this folder, which is made where nothing was `written` under one yet: a file that stands from the first start on. Throws ContextError
 * "invalid" that says what to do.
 */
export function rootKeyIn(dataDir: string, die: Die, written: string = stateFile(dataDir)): string {
  const file = rootKeyFile(dataDir);
  const key = readKey(dataDir, file, written, die);
  try {
    parseRootKeys(key);
  } catch (cause) {
    const why = cause instanceof ContextError ? cause.message.replace(/^\[\w+\] /, "") : "it cannot be read";
    throw new ContextError("invalid", `${file} holds no root key (${why}); ${remedy(dataDir, written)}`, { cause });
  }
  return key;
}

function readKey(dataDir: string, file: string, written: string, die: Die): string {
  try {
    makeFolder(resolve(dataDir));
    // Looked for before the key: another that starts at once makes the key first.
    const begun = existsSync(written);
    if (existsSync(file)) return readFileSync(file, "utf8").trim();
    if (begun) throw new ContextError("invalid", `${file} is gone; ${remedy(dataDir, written)}`);
    return makeFile(file, Buffer.from(die.bytes(ROOT_BYTES)).toString("base64"), die);
  } catch (cause) {
    if (cause instanceof ContextError) throw cause;
    const why = cause instanceof Error ? cause.message : "unknown";
    throw new ContextError("invalid", `${dataDir} cannot be used: ${why}; name a folder that can be written: --data DIR`, { cause });
  }
}

const remedy = (dataDir: string, written: string): string =>
  existsSync(written)
    ? `put the key back from a copy: without it nothing that was written since ${written} was made can be read. To begin anew, move ${dataDir} away`
    : "delete it, and another one is made";

/** One folder after another, since Node's own way never comes back from a place where no folder can be made, as under /proc. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (reason) {
    if (!(reason instanceof Error && "code" in reason && reason.code === "EEXIST")) throw reason;
  }
}

/** A text that only its owner can read: on disk before anything is built on it, whole or not at all, and the same for two that start at once. */
export function makeFile(file: string, text: string, die: Die): string {
  const draft = `${file}.${Buffer.from(die.bytes(8)).toString("hex")}`;
  const fd = openSync(draft, "wx", 0o600);
  try {
    writeSync(fd, `${text}\n`);
    fsyncSync(fd);
    linkSync(draft, file);
  } catch (reason) {
    if (!(reason instanceof Error && "code" in reason && reason.code === "EEXIST")) throw reason;
  } finally {
    closeSync(fd);
    rmSync(draft);
  }
  syncFolder(dirname(file));
  return readFileSync(file, "utf8").trim();
}

function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
