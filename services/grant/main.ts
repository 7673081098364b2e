import { CallError, Client } from "../../dapr/client.ts";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { ContextError } from "../../protocol/errors.ts";
import type { TenantId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { instant, iso } from "../../protocol/units.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import type { CallersSidecar } from "../caller/config.ts";
import { type Asked, readCommand, readRootKey, usage } from "./config.ts";
import { claimsFrom, claimsIn, explainToken, NO_GRANT, readToken } from "./grant.ts";

/** An operator waits in front of it, so it gives up sooner than an import does. */
const patience = { ...limits, caller_attempts: 4 };

try {
  const asked = readCommand(process.argv.slice(2));
  if (asked === "help") console.log(usage);
  else await run(asked);
} catch (reason) {
  if (!(reason instanceof ContextError || reason instanceof CallError)) throw reason;
  console.error(reason.message);
  process.exitCode = reason instanceof ContextError && reason.code === "invalid" ? 2 : 1;
}

async function run({ command, json, keyFile }: Asked): Promise<void> {
  const say = (text: string, data: object): void => console.log(json ? JSON.stringify(data) : text);
  const keyring = (): Keyring => new Keyring(parseRootKeys(readRootKey(keyFile)), systemDie);
  const client = (tenant: TenantId, { url, token, traceparent }: CallersSidecar): Client =>
    new Client({ url, token, traceparent, grant: operatorGrant(keyring(), tenant), patience });
  switch (command.kind) {
    case "key": {
      const key = Buffer.from(systemDie.bytes(32)).toString("base64");
      return say(key, { key });
    }
    case "mint": {
      const grant = keyring().grants.mint(claimsFrom(command.wish, systemClock.now()));
      return say(grant, { grant });
    }
    case "show": {
      const shown = explainToken(await readToken(command.token, process.stdin));
      return say(`${JSON.stringify(shown, null, 2)}\nexpires ${iso(instant(shown.expires))}`, shown);
    }
    case "verify": {
      const token = await readToken(command.token, process.stdin);
      const verdict = verdictOn(token, keyring());
      if (!verdict.good) process.exitCode = 1;
      return say(verdict.good ? `genuine, good until ${iso(instant(explainToken(token).expires))}` : verdict.why, verdict);
    }
    case "create": {
      const { tenant, sidecar } = command;
      const reply = await client(tenant, sidecar).callTenant(tenant, "create", {});
      return say(`tenant ${tenant} ${reply.created ? "created" : "was there"}`, reply);
    }
    case "configure": {
      const { tenant, sidecar, policy } = command;
      return say(`tenant ${tenant} configured`, await client(tenant, sidecar).callTenant(tenant, "configure", { policy }));
    }
    case "list": {
      const { tenant, sidecar, filter } = command;
      for await (const { contexts } of client(tenant, sidecar).listPages(tenant, filter))
        for (const context of contexts) say(`${context.name}\t${context.state}\t${context.version}\t${context.at ?? "-"}`, context);
      return;
    }
  }
}

/** What the command itself may do: for a few minutes, and with no context. */
function operatorGrant(keyring: Keyring, tenant: TenantId): string {
  const methods = "tenant.create,tenant.configure,tenant.list";
  return keyring.grants.mint(
    claimsFrom({ tenant, subject: "operator", contexts: "", methods, ttl: `${limits.own_grant_ms / 1_000}s` }, systemClock.now()),
  );
}

type Verdict = { readonly genuine: true; readonly good: true } | { readonly genuine: boolean; readonly good: false; readonly why: string };

/** Whether a token is genuine, and good now. */
function verdictOn(token: string, { grants }: Keyring): Verdict {
  const claimed = claimsIn(token);
  if (claimed === undefined) return { genuine: false, good: false, why: NO_GRANT };
  const claims = grants.verify(claimed.tenant, token);
  if ("ok" in claims) return { genuine: false, good: false, why: claims.message };
  if (systemClock.now() < claims.expires) return { genuine: true, good: true };
  return { genuine: true, good: false, why: `it expired at ${iso(instant(claims.expires))}` };
}
