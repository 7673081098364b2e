// What an import is told: by its flags, and the grant by the environment too, since a command line is seen by everyone on the machine.

import { parseArgs } from "node:util";
import { ContextId, TenantId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { type CallersSidecar, DEFAULT_URL, readCallersSidecar } from "../caller/config.ts";

export const usage = `Records agent trajectories as contexts, turn by turn, and gives them back.

  npm run import -- FILE… [options]         JSON Lines of {"id", "messages": […]} or {"id", "events": […]};
                                            .jsonl, .jsonl.gz, or - for standard input
  npm run import -- --export CONTEXT        prints the line that CONTEXT was made of

  --url URL          where Strata answers           (the environment's STRATA_URL, else ${DEFAULT_URL})
  --grant TOKEN      allows append and read         (the environment's STRATA_GRANT; npm start prints one)
  --tenant TENANT    whose contexts they become     (main)
  --concurrency N    contexts recorded at once      (${limits.import_contexts_at_once}; at most ${limits.import_contexts_at_once_max})
  --json             one line {"context":…,"versions":…} for each context, on standard output
  --quiet            problems only
  --help             this text

Where the sidecar there asks for a dapr-api-token, it is taken from the environment's DAPR_API_TOKEN.
What a message becomes has at most ${limits.bytes_per_turn / 1024 / 1024} MiB.
A message has at most ${limits.json_values_per_body} values, those inside of others and in a call's arguments with them; so has all that a
line has beside its messages.
Running it again, after an interruption or for no reason, writes nothing twice.
Exit code: 0 all recorded, 1 something was not (its file:line is on standard error), 2 the command was not understood, 130 interrupted.
`;

export class UsageError extends Error {
  override readonly name = "UsageError";
}

export type Config = CallersSidecar & {
  readonly grant: string;
  readonly tenant: TenantId;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly concurrency: number;
  readonly files: readonly string[];
  /** A context to print, instead of files to record. */
  readonly context: ContextId | undefined;
};

/** "help" when that is what was asked for. Throws UsageError. */
export function readConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>> = process.env): Config | "help" {
  const { values, positionals: files } = parse(args);
  if (values.help) return "help";
  const tenant = TenantId.safeParse(values.tenant);
  if (!tenant.success) throw new UsageError(`--tenant ${values.tenant}: ${tenant.error.issues[0]?.message ?? "not allowed"}`);
  const context = values.export === undefined ? undefined : contextOf(values.export, tenant.data);
  if (context === undefined && files.length === 0) throw new UsageError("no file named; give at least one, or - for standard input");
  if (context !== undefined && files.length > 0) throw new UsageError("--export prints a context and takes no files");
  if (files.filter((file) => file === "-").length > 1) throw new UsageError("standard input (-) can be read once");
  const grant = values.grant ?? env.STRATA_GRANT ?? "";
  if (grant === "") throw new UsageError("no grant; give --grant TOKEN or set STRATA_GRANT (npm start prints one)");
  const concurrency = Number(values.concurrency);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > limits.import_contexts_at_once_max)
    throw new UsageError(`--concurrency ${values.concurrency}: allowed is a whole number from 1 to ${limits.import_contexts_at_once_max}`);
  const sidecar = readCallersSidecar(values.url, env);
  if ("problem" in sidecar) throw new UsageError(sidecar.problem);
  return { ...sidecar, grant, tenant: tenant.data, json: values.json, quiet: values.quiet, concurrency, files, context };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: "string" },
        grant: { type: "string" },
        tenant: { type: "string", default: "main" },
        concurrency: { type: "string", default: String(limits.import_contexts_at_once) },
        json: { type: "boolean", default: false },
        quiet: { type: "boolean", default: false },
        export: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function contextOf(text: string, tenant: TenantId): ContextId {
  const context = ContextId.safeParse(text.includes(".") ? text : `${tenant}.${text}`);
  if (context.success) return context.data;
  throw new UsageError(`--export ${text}: ${context.error.issues[0]?.message ?? "not allowed"}`);
}
