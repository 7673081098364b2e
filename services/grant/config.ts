// What `npm run grant` is told: by its arguments, and secrets by the environment, a file or standard input, since a command line is seen by everyone on
// the machine.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { z } from "zod";
import { tenantMethods } from "../../protocol/contract.ts";
import { ContextError } from "../../protocol/errors.ts";
import { explain } from "../../protocol/explain.ts";
import { TenantId } from "../../protocol/ids.ts";
import { Policy } from "../../protocol/policy.ts";
import { type CallersSidecar, DEFAULT_URL, readCallersSidecar } from "../caller/config.ts";
import type { Wish } from "./grant.ts";

export const usage = `npm run grant -- COMMAND [options]

For operators: everything but "key" and "show" needs the root key, from STRATA_ROOT_KEY or --key-file.

  key                      a new root key, to be kept where only hosts read it
  mint                     a grant
    --tenant T             default main
    --subject S            who holds it: the author of what is written under it. Default operator
    --contexts A,B*,*      names or prefixes. Default *
    --methods a,b,*        append, read, history, diff, configure, verify, tenant.create, … Default *
    --ttl DURATION         90s, 15m, 12h, 30d. Default 30d
  show TOKEN               what a grant says, genuine or not
  verify TOKEN             whether it is genuine and still good; exit code 1 where it is not
                           where TOKEN is -, it is read from standard input: a command line is seen
                           by everyone on the machine

These call Strata, by the callers' sidecar at --url:

  create TENANT            creates a tenant; one that is there stays as it is
  configure TENANT         the default time to live of its new contexts
    --ttl-ms N             in milliseconds
    --ttl-from F           creation or lastAppend. Default lastAppend
    --no-ttl               takes it away
  list TENANT              its contexts
    --prefix P             those whose names begin so
    --state S              empty, live or expired

  --url URL                default STRATA_URL, else ${DEFAULT_URL}; where the sidecar there asks for a
                           dapr-api-token, DAPR_API_TOKEN
  --key-file FILE          reads the root key from a file
  --json                   one line of JSON on stdout; of a list, one for each context
  --help

Exit code: 0 done, 1 refused or not reached, 2 the command was not understood. What was wrong is one line on standard error.`;

type Calling = { readonly tenant: TenantId; readonly sidecar: CallersSidecar };
type List = z.infer<(typeof tenantMethods)["list"]>;

/** One thing that an operator asks for. */
export type Command =
  | { readonly kind: "key" }
  | { readonly kind: "mint"; readonly wish: Wish }
  | { readonly kind: "show" | "verify"; readonly token: string }
  | ({ readonly kind: "create" } & Calling)
  | ({ readonly kind: "configure"; readonly policy: Policy } & Calling)
  | ({ readonly kind: "list"; readonly filter: Pick<List, "prefix" | "state"> } & Calling);

export type Asked = { readonly command: Command; readonly json: boolean; readonly keyFile: string | undefined };

const text = { type: "string" } as const;
const options = {
  tenant: text,
  subject: text,
  contexts: text,
  methods: text,
  ttl: text,
  "ttl-ms": text,
  "ttl-from": text,
  "no-ttl": { type: "boolean" },
  prefix: text,
  state: text,
  url: text,
  "key-file": text,
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

type Values = ReturnType<typeof parse>["values"];
type Option = keyof typeof options;

/** What stands behind each command: its one argument, and the options that mean something to it. */
const commands: Readonly<Record<Command["kind"], { readonly argument?: "TOKEN" | "TENANT"; readonly takes: readonly Option[] }>> = {
  key: { takes: [] },
  mint: { takes: ["tenant", "subject", "contexts", "methods", "ttl", "key-file"] },
  show: { argument: "TOKEN", takes: [] },
  verify: { argument: "TOKEN", takes: ["key-file"] },
  create: { argument: "TENANT", takes: ["url", "key-file"] },
  configure: { argument: "TENANT", takes: ["ttl-ms", "ttl-from", "no-ttl", "url", "key-file"] },
  list: { argument: "TENANT", takes: ["prefix", "state", "url", "key-file"] },
};

/** "help" when that is what was asked for. Throws ContextError "invalid". */
export function readCommand(args: readonly string[], env: Readonly<Record<string, string | undefined>> = process.env): Asked | "help" {
  const { values, positionals } = parse(args);
  const [kind, argument, ...surplus] = positionals;
  if (values.help || kind === undefined) return "help";
  if (!isKind(kind)) throw wrong(`there is no command "${kind}"; ${Object.keys(commands).join(", ")} are; see --help`);
  const { argument: wanted, takes } = commands[kind];
  if (wanted !== undefined && (argument === undefined || argument === ""))
    throw wrong(`${kind}: saw no ${wanted}; write npm run grant -- ${kind} ${wanted}`);
  const unasked = wanted === undefined ? positionals.slice(1) : surplus;
  if (unasked.length > 0) throw wrong(`${kind}: saw "${unasked[0]}", which is one argument too many; see --help`);
  for (const name of Object.keys(options) as Option[])
    if (values[name] !== undefined && !["json", "help", ...takes].includes(name))
      throw wrong(
        `--${name} says nothing to ${kind}, which takes ${takes.map((one) => `--${one}`).join(", ") || "no options"}; see --help`,
      );
  return { command: commandOf(kind, argument ?? "", values, env), json: values.json, keyFile: values["key-file"] };
}

function commandOf(kind: Command["kind"], argument: string, values: Values, env: Readonly<Record<string, string | undefined>>): Command {
  switch (kind) {
    case "key":
      return { kind };
    case "mint":
      return { kind, wish: wishOf(values) };
    case "show":
    case "verify":
      return { kind, token: argument };
    case "create":
      return { kind, ...callingOf(kind, argument, values, env) };
    case "configure":
      return { kind, policy: { ttl: ttlOf(values) }, ...callingOf(kind, argument, values, env) };
    case "list":
      return { kind, filter: filterOf(values), ...callingOf(kind, argument, values, env) };
  }
}

const isKind = (name: string): name is Command["kind"] => Object.hasOwn(commands, name);

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split(". ", 1)[0]?.replaceAll("\n", " ") : "these options are not understood";
    throw new ContextError("invalid", `${why}; npm run grant -- --help lists what is allowed`, { cause });
  }
}

function wishOf({ tenant = "main", subject = "operator", contexts = "*", methods = "*", ttl = "30d" }: Values): Wish {
  for (const [name, list] of Object.entries({ contexts, methods }))
    if (/^[\s,]*$/.test(list)) throw wrong(`--${name}: saw nothing; a grant for no ${name} would allow nothing, and * stands for all`);
  return { tenant, subject, contexts, methods, ttl };
}

function callingOf(kind: string, argument: string, values: Values, env: Readonly<Record<string, string | undefined>>): Calling {
  const tenant = TenantId.safeParse(argument);
  if (!tenant.success) throw wrong(`${kind}: saw "${argument}"; ${explain(tenant.error)}`);
  const sidecar = readCallersSidecar(values.url, env);
  if ("problem" in sidecar) throw wrong(sidecar.problem);
  return { tenant: tenant.data, sidecar };
}

/** The default time to live that is asked for; null where it is taken away. */
function ttlOf({ "ttl-ms": ms, "ttl-from": from, "no-ttl": none = false }: Values): Policy["ttl"] {
  if (none && (ms !== undefined || from !== undefined))
    throw wrong("--no-ttl takes the time to live away; leave out --ttl-ms and --ttl-from");
  if (none) return null;
  if (ms === undefined) throw wrong("--ttl-ms: is missing; give the milliseconds, or --no-ttl to take the time to live away");
  if (!/^\d{1,15}$/.test(ms))
    throw wrong(`--ttl-ms: saw "${ms}"; give a whole number of milliseconds, or --no-ttl to take the time to live away`);
  const policy = Policy.safeParse({ ttl: { ms: Number(ms), from: from ?? "lastAppend" } });
  if (policy.success) return policy.data.ttl;
  const [issue] = policy.error.issues;
  const option = issue?.path.at(-1) === "ms" ? `--ttl-ms: saw ${ms}` : `--ttl-from: saw "${from}"`;
  throw wrong(`${option}; ${issue?.message ?? "not allowed"}`);
}

function filterOf({ prefix, state }: Values): Pick<List, "prefix" | "state"> {
  const list = tenantMethods.list.safeParse({ prefix, state });
  if (list.success) return list.data;
  const [issue] = list.error.issues;
  const option = issue?.path[0] === "prefix" ? `--prefix: saw "${prefix}"` : `--state: saw "${state}"`;
  throw wrong(`${option}; ${issue?.message ?? "not allowed"}`);
}

/** The root key, from a file where one is named, else from STRATA_ROOT_KEY. */
export function readRootKey(file: string | undefined): string {
  if (file !== undefined) return readKeyFile(file);
  const key = process.env.STRATA_ROOT_KEY;
  if (key !== undefined && key !== "") return key;
  throw wrong(
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

const wrong = (what: string): ContextError => new ContextError("invalid", what);
