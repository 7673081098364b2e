import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Die } from "../../actors/ports.ts";
import { ContextError } from "../../protocol/errors.ts";

export const usage = `npm start -- [options]

Serves Strata on this machine without Dapr: the contract at http://127.0.0.1:3500, state in SQLite.

  --port N       where callers call. Default 3500, or STRATA_CALLERS_PORT; 0 takes a free one
  --data DIR     where files are kept. Default var/local, or STRATA_DATA_DIR
  --events on|off   whether contexts publish what they do. Default on
  --no-samples   does not import the sample trajectories into an empty store
  --json         one line {"url":…,"grant":…} on standard output when ready, and nothing else there
  --help`;

export type StartConfig = {
  readonly port: number;
  readonly dataDir: string;
  readonly samples: boolean;
  readonly events: boolean;
  readonly json: boolean;
};

/** Undefined where help is asked for. Throws ContextError "invalid". */
export function readStartConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): StartConfig | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const port = Number(values.port ?? environment["STRATA_CALLERS_PORT"] ?? 3500);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new ContextError("invalid", `--port: saw "${values.port}"; a port is 0 to 65535`);
  if (values.events !== "on" && values.events !== "off")
    throw new ContextError("invalid", `--events: saw "${values.events}"; it is on or off`);
  return {
    port,
    dataDir: values.data ?? environment["STRATA_DATA_DIR"] ?? join("var", "local"),
    samples: !values["no-samples"],
    events: values.events === "on",
    json: values.json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        data: { type: "string" },
        events: { type: "string", default: "on" },
        "no-samples": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (cause) {
    throw new ContextError("invalid", `${cause instanceof Error ? cause.message : "unknown option"}; see --help`, { cause });
  }
}

/** The root key of this data folder, made at its first start. Who loses it loses what was written under it. */
export function rootKeyIn(dataDir: string, die: Die): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, "root.key");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const key = Buffer.from(die.bytes(32)).toString("base64");
  writeFileSync(file, `${key}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  return key;
}
