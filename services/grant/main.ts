import { systemClock, systemDie } from "../../dapr/clock.ts";
import { ContextError } from "../../protocol/errors.ts";
import { instant, iso } from "../../protocol/units.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { configureTenant, createTenant, listContexts } from "./call.ts";
import { readOptions, readRootKey, ttlOf, type Values } from "./config.ts";
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

try {
  const { values, positionals } = readOptions(process.argv.slice(2));
  const [command, argument = ""] = positionals;
  if (values.help || command === undefined) console.log(usage);
  else await run(command, argument, values);
} catch (reason) {
  if (!(reason instanceof ContextError)) throw reason;
  console.error(reason.message);
  process.exitCode = reason.code === "invalid" ? 2 : 1;
}

async function run(command: string, argument: string, values: Values): Promise<void> {
  const say = (text: string, data: object): void => console.log(values.json ? JSON.stringify(data) : text);
  const keyring = (): Keyring => new Keyring(parseRootKeys(readRootKey(values["key-file"])), systemDie);
  const operatorGrant = (tenant: string): string => {
    const methods = "tenant.create,tenant.configure,tenant.list";
    return keyring().mint(claimsFrom({ ...values, tenant, contexts: "", methods, ttl: "5m" }, systemClock.now()));
  };
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
    case "verify": {
      const { tenant, expires } = explainToken(argument);
      const refusal = refusalOf(keyring().verify(tenant, argument));
      if (refusal !== undefined) process.exitCode = 1;
      return say(refusal?.why ?? `genuine, good until ${iso(instant(expires))}`, {
        genuine: refusal?.genuine ?? true,
        good: refusal === undefined,
        ...(refusal === undefined ? {} : { why: refusal.why }),
      });
    }
    case "create": {
      const reply = await createTenant(values.url, argument, operatorGrant(argument));
      return say(`tenant ${argument} ${reply.created ? "created" : "was there"}`, reply);
    }
    case "configure": {
      const policy = { ttl: ttlOf(values) };
      return say(`tenant ${argument} configured`, await configureTenant(values.url, argument, operatorGrant(argument), policy));
    }
    case "list": {
      const { prefix, state } = values;
      for await (const context of listContexts(values.url, argument, operatorGrant(argument), { prefix, state }))
        say(`${context.name}\t${context.state}\t${context.version}\t${context.at ?? "-"}`, context);
      return;
    }
    default:
      throw new ContextError("invalid", `there is no command "${command}"; see --help`);
  }
}

/** Why a grant allows nothing now, and whether it is genuine; undefined where it is good. */
function refusalOf(claims: ReturnType<Keyring["verify"]>): { readonly genuine: boolean; readonly why: string } | undefined {
  if ("ok" in claims) return { genuine: false, why: claims.message };
  if (systemClock.now() < claims.expires) return undefined;
  return { genuine: true, why: `it expired at ${iso(instant(claims.expires))}` };
}
