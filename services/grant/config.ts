import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ContextError } from "../../protocol/errors.ts";

/** The root key, from a file where one is named, else from STRATA_ROOT_KEY. */
export function readRootKey(file: string | undefined): string {
  if (file !== undefined) return readKeyFile(file);
  const key = process.env.STRATA_ROOT_KEY;
  if (key !== undefined && key !== "") return key;
  throw new ContextError(
    "invalid",
    "there is no root key: set STRATA_ROOT_KEY or name a file with --key-file (npm start keeps one in var/local/root.key, npm run dapr in var/dapr/root.key)",
  );
}

function readKeyFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ContextError("invalid", `--key-file: ${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

const options = {
  tenant: { type: "string", default: "main" },
  subject: { type: "string", default: "operator" },
  contexts: { type: "string", default: "*" },
  methods: { type: "string", default: "*" },
  ttl: { type: "string", default: "30d" },
  "ttl-ms": { type: "string" },
  "ttl-from": { type: "string", default: "lastAppend" },
  "no-ttl": { type: "boolean", default: false },
  prefix: { type: "string" },
  state: { type: "string" },
  url: { type: "string", default: "http://127.0.0.1:3500" },
  "key-file": { type: "string" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

export type Values = ReturnType<typeof readOptions>["values"];

/** Throws ContextError "invalid". */
export function readOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split(". ", 1)[0] : "these options are not understood";
    throw new ContextError("invalid", `${why}; npm run grant -- --help lists what is allowed`, { cause });
  }
}

/** The default time to live that is asked for; null where it is taken away. */
export function ttlOf(values: Values) {
  if (values["no-ttl"]) return null;
  const ms = Number(values["ttl-ms"]);
  if (Number.isSafeInteger(ms) && ms > 0) return { ms, from: values["ttl-from"] };
  const saw = values["ttl-ms"] === undefined ? "is missing" : `saw "${values["ttl-ms"]}"`;
  throw new ContextError("invalid", `--ttl-ms: ${saw}; give the milliseconds, or --no-ttl to take the time to live away`);
}
