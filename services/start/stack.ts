// Strata in one process: the host, and the embedded sidecar that stands where daprd and its components would.

import type { Die } from "../../actors/ports.ts";
import { type LocalSidecar, startLocalSidecar } from "../../dapr/local.ts";
import { ContextError } from "../../protocol/errors.ts";
import type { HostConfig } from "../host/config.ts";
import { type Around, openHost } from "../host/host.ts";
import { stateFile } from "./data.ts";

const READY_MS = 30_000;
/** As in components/shared/resiliency.yaml. */
const DELIVERY = { retries: 3, timeoutMs: 10_000 };

export type StackOptions = {
  /** Of the callers; 0 takes a free one. */
  readonly port: number;
  /** Where `state.db` is kept. */
  readonly dataDir: string;
  /** What a host reads from its environment; its port, tokens and sidecar are this stack's own. */
  readonly config: HostConfig;
  /** Hears of what goes wrong in the sidecar and no caller hears of. */
  readonly onProblem: (what: string, cause?: unknown) => void;
};
export type Stack = { readonly url: string; close(): Promise<void> };

/** Throws ContextError "invalid" where the port is taken, and says what to do. */
export async function startStack(options: StackOptions, around: Around): Promise<Stack> {
  const tokens = { host: token(around.die), app: token(around.die) };
  const host = await openHost({ ...options.config, host: "127.0.0.1", port: 0, appToken: tokens.app }, around);
  let sidecar: LocalSidecar | undefined;
  const close = async (): Promise<void> => {
    try {
      await host.close();
    } finally {
      await sidecar?.close();
    }
  };
  try {
    sidecar = await startSidecar(options, host.port, tokens, around);
    await host.serve({ url: sidecar.host.url, token: tokens.host });
    await sidecar.ready(READY_MS);
    return { url: sidecar.url, close };
  } catch (reason) {
    await close();
    throw reason;
  }
}

async function startSidecar(
  options: StackOptions,
  appPort: number,
  tokens: { host: string; app: string },
  around: Around,
): Promise<LocalSidecar> {
  const { config, port } = options;
  try {
    return await startLocalSidecar({
      appId: "strata-host",
      callersId: "strata-callers",
      appPort,
      port,
      dataFile: stateFile(options.dataDir),
      hostToken: tokens.host,
      appToken: tokens.app,
      // Callers publish what is not trusted; what contexts tell is the host's alone to say.
      components: { stateStores: [config.stateStore], pubsubs: [{ name: config.pubsub, callerTopics: ["untrusted"], ...DELIVERY }] },
      clock: around.clock,
      die: around.die,
      onProblem: options.onProblem,
    });
  } catch (reason) {
    throw understood(reason, options) ?? reason;
  }
}

/** What can be wrong with a port or a folder, as someone who just wants it to run needs to hear it. */
function understood(reason: unknown, { port, dataDir }: StackOptions): ContextError | undefined {
  for (let cause = reason; cause instanceof Error; cause = cause.cause) {
    if ("errcode" in cause) return wrongFile(Number(cause.errcode), cause, dataDir);
    if (!("code" in cause)) continue;
    const elsewhere = "or choose another: npm start -- --port N (0 takes a free one)";
    if (cause.code === "EADDRINUSE")
      return new ContextError("invalid", `port ${port} is taken; stop what uses it, ${elsewhere}`, { cause });
    return new ContextError("invalid", `could not listen on port ${port}: ${String(cause.code)}; ${elsewhere}`, { cause });
  }
  return undefined;
}

/** SQLite's primary result codes. */
const BUSY = 5;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

function wrongFile(errcode: number, cause: Error, dataDir: string): ContextError {
  const file = stateFile(dataDir);
  const code = errcode & 0xff;
  const says =
    code === BUSY
      ? `another process serves from ${dataDir} already; stop it, or choose another folder: npm start -- --data DIR`
      : code === CORRUPT || code === NOT_A_DATABASE
        ? `${file} is damaged, or no SQLite file (${cause.message}); put it back from a copy, or move ${dataDir} away to begin anew`
        : `${file} cannot be opened (${cause.message}); name a folder that can be written: npm start -- --data DIR`;
  return new ContextError("invalid", says, { cause });
}

const token = (die: Die): string => Buffer.from(die.bytes(32)).toString("base64url");
