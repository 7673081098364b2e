import { join } from "node:path";
import { parseArgs } from "node:util";
import { ContextError } from "../../protocol/errors.ts";

export const usage = `npm start -- [options]

Serves Strata on this machine without Dapr: the contract at http://127.0.0.1:3500, state in SQLite.

  --port N       where callers call. Default 3500, or STRATA_CALLERS_PORT; 0 takes a free one
  --data DIR     where files are kept. Default var/local, or STRATA_DATA_DIR
  --events on|off   whether contexts publish what they do. Default on
  --no-samples   does not import the sample trajectories into an empty store
  --json         one line {"url":…,"grant":…} on standard output when ready, and nothing else there
  --help         this text

Ctrl-C ends it: what it has acknowledged is kept. Keep a copy of DIR/root.key; without it nothing in DIR can be read.`;

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
  const [named, port] =
    values.port !== undefined
      ? (["--port", values.port] as const)
      : (["STRATA_CALLERS_PORT", environment.STRATA_CALLERS_PORT || "3500"] as const);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new ContextError("invalid", `${named}: saw "${port}"; a port is 0 to 65535, and 0 takes a free one`);
  const dataDir = values.data ?? (environment.STRATA_DATA_DIR || join("var", "local"));
  if (dataDir === "") throw new ContextError("invalid", "--data: saw nothing; name a folder");
  if (values.events !== "on" && values.events !== "off")
    throw new ContextError("invalid", `--events: saw "${values.events}"; it is on or off`);
  return {
    port: Number(port),
    dataDir,
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
    // Node's first line says what is wrong; the others explain how command lines work.
    const why = cause instanceof Error ? (cause.message.split("\n", 1)[0] ?? "") : "unknown option";
    throw new ContextError("invalid", `${why.replace(/\.$/, "")}; see npm start -- --help`, { cause });
  }
}
