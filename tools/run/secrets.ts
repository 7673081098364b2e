import { generateKeySync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { systemDie } from "../../dapr/clock.ts";
import { ContextError } from "../../protocol/errors.ts";
import { makeFile, makeFolder, rootKeyFile, rootKeyIn } from "../../services/start/data.ts";
import { RunError, textOf } from "./errors.ts";

const Kept = z.strictObject({
  daprApiToken: z.string().min(16),
  appApiToken: z.string().min(16),
  redisPassword: z.string().min(16),
  postgresPassword: z.string().min(16),
});

/** What the processes of one installation know of each other. */
export interface Secrets {
  /** Asked for by the host's sidecar (header `dapr-api-token`). */
  readonly daprApiToken: string;
  /** Sent by the host's sidecar to the host with every call. */
  readonly appApiToken: string;
  /** STRATA_ROOT_KEY: what keys and grants are derived from. */
  readonly rootKey: string;
  /** Of the Redis and the PostgreSQL that the runner starts itself. */
  readonly redisPassword: string;
  readonly postgresPassword: string;
}

/**
 * DAPR_API_TOKEN, APP_API_TOKEN and STRATA_ROOT_KEY from the environment; what is not there, from `secrets.json` and `root.key` in the data folder,
 * which are made the first time and which only their owner can read. Throws RunError when a file is damaged: to go on with a new root key would
 * make everything unreadable.
 */
export function loadSecrets(
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
  report: (line: string) => void = () => {},
): Secrets {
  const file = join(dataDir, "secrets.json");
  // The key first: where the other file stands, one that is not there is lost.
  const rootKey = keyFor(dataDir, file, env.STRATA_ROOT_KEY || undefined, report);
  const kept = keptIn(file);
  return { ...kept, rootKey, daprApiToken: env.DAPR_API_TOKEN || kept.daprApiToken, appApiToken: env.APP_API_TOKEN || kept.appApiToken };
}

function keptIn(path: string): z.infer<typeof Kept> {
  if (!existsSync(path)) {
    const made = {
      daprApiToken: key("base64url"),
      appApiToken: key("base64url"),
      redisPassword: key("hex"),
      postgresPassword: key("hex"),
    };
    return keep(path, JSON.stringify(made, null, 2));
  }
  return parse(path, readFileSync(path, "utf8"));
}

function parse(path: string, content: string): z.infer<typeof Kept> {
  try {
    return Kept.parse(JSON.parse(content));
  } catch (reason) {
    // A parser's message quotes what it read, so it stays here.
    const what = reason instanceof z.ZodError ? z.prettifyError(reason) : "it is not JSON";
    throw new RunError(`${path} is damaged (${what}); restore it, or begin with another data folder`);
  }
}

function keyFor(dataDir: string, written: string, given: string | undefined, report: (line: string) => void): string {
  const path = rootKeyFile(dataDir);
  // One that is given is kept elsewhere, and stays there.
  if (given !== undefined && !existsSync(path)) return given;
  try {
    const kept = rootKeyIn(dataDir, systemDie, written);
    if (given !== undefined && given !== kept)
      report(`STRATA_ROOT_KEY is used, not ${path}, which is another: what is written under one can't be read under the other`);
    return given ?? kept;
  } catch (reason) {
    if (!(reason instanceof ContextError)) throw reason;
    throw new RunError(`${ContextError.refusal(reason).message}. If it was given as STRATA_ROOT_KEY, give it again`);
  }
}

/** What stands then: somebody else's, where two start at once. */
function keep(path: string, content: string): z.infer<typeof Kept> {
  try {
    makeFolder(resolve(dirname(path)));
    return parse(path, makeFile(path, content, systemDie));
  } catch (reason) {
    if (reason instanceof RunError) throw reason;
    throw new RunError(`${path} can't be written: ${textOf(reason)}`);
  }
}

/** 32 bytes from the system's generator. */
function key(encoding: "base64url" | "hex"): string {
  return generateKeySync("hmac", { length: 256 }).export().toString(encoding);
}
