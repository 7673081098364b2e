import { parseArgs } from "node:util";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { ContextError } from "../../protocol/errors.ts";
import { instant, iso } from "../../protocol/units.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { configureTenant, createTenant, listContexts } from "./call.ts";
import { readRootKey } from "./config.ts";
import { claimsFrom, explainToken } from "./grant.ts";

const usage = `npm run grant -- COMMAND [options]

For operators: everything but "key" needs the root key, from STRATA_ROOT_KEY or --key-file.

  key                      a new root key, to be kept where only hosts read it
  mint                     a grant
    --tenant T             default main
    --subject S            who holds it: the author of what is written under it. Default operator
    --contexts A,B*,*      names or prefixes. Default *
    --methods a,b,*        append, read, history, diff, configure, verify, tenant.create, … Default *
    --ttl DURATION         90s, 15m, 12h, 30d. Default 30d
  show TOKEN               what a grant says, genuine or not
  verify TOKEN             whether it is genuine and still good; exit code 1 where it is not
  create TENANT            creates a tenant, by the sidecar at --url
  configure TENANT         --ttl-ms N --ttl-from creation|lastAppend: the default time to live of its new contexts; --no-ttl takes it away
  list TENANT              its contexts; --prefix, --state

  --url URL                the callers' sidecar. Default http://127.0.0.1:3500
  --key-file FILE          reads the root key from a file
  --json                   one line of JSON on stdout
  --help`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
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
  },
});

const say = (text: string, data: object): void => console.log(values.json ? JSON.stringify(data) : text);

try {
  const [command, subject = ""] = positionals;
  if (values.help || command === undefined) console.log(usage);
  else await run(command, subject);
} catch (reason) {
  console.error(reason instanceof ContextError ? reason.message : reason);
  process.exitCode = 1;
}

async function run(command: string, argument: string): Promise<void> {
  switch (command) {
    case "key": {
      const key = Buffer.from(systemDie.bytes(32)).toString("base64");
      return say(key, { key });
    }
    case "mint": {
      const grant = keyring().mint(claimsFrom(values, systemClock.now()));
      return say(grant, { grant });
    }
    case "show": {
      const shown = explainToken(argument);
      return say(`${JSON.stringify(shown, null, 2)}\nexpires ${iso(instant(shown.expires))}`, shown);
    }
    case "verify":
      return verify(argument);
    case "create": {
      const reply = await createTenant(values.url, argument, operatorGrant(argument));
      return say(`tenant ${argument} ${reply.created ? "created" : "was there"}`, reply);
    }
    case "configure": {
      const ttl = values["no-ttl"] ? null : { ms: Number(values["ttl-ms"]), from: values["ttl-from"] };
      return say(`tenant ${argument} configured`, await configureTenant(values.url, argument, operatorGrant(argument), { ttl }));
    }
    case "list":
      return list(argument);
    default:
      throw new ContextError("invalid", `there is no command "${command}"; see --help`);
  }
}

function verify(token: string): void {
  const shown = explainToken(token);
  const claims = keyring().verify(shown.tenant, token);
  const refusal =
    "ok" in claims ? claims.message : systemClock.now() >= claims.expires ? `it expired at ${iso(instant(claims.expires))}` : undefined;
  say(refusal ?? `genuine, good until ${iso(instant(shown.expires))}`, {
    genuine: !("ok" in claims),
    good: refusal === undefined,
    ...(refusal === undefined ? {} : { why: refusal }),
  });
  if (refusal !== undefined) process.exitCode = 1;
}

async function list(tenant: string): Promise<void> {
  for await (const context of listContexts(values.url, tenant, operatorGrant(tenant), { prefix: values.prefix, state: values.state })) {
    say(`${context.name}\t${context.state}\t${context.version}\t${context.at ?? "-"}`, context);
  }
}

function operatorGrant(tenant: string): string {
  return keyring().mint(
    claimsFrom({ ...values, tenant, contexts: "", methods: "tenant.create,tenant.configure,tenant.list", ttl: "5m" }, systemClock.now()),
  );
}

function keyring(): Keyring {
  return new Keyring(parseRootKeys(readRootKey(values["key-file"])), systemDie);
}
