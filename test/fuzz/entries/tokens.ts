// Grants, root keys and settings: what an operator or a stranger hands in.

import fc from "fast-check";
import { ContextError } from "../../../protocol/errors.ts";
import type { TenantId } from "../../../protocol/ids.ts";
import { instant } from "../../../protocol/units.ts";
import { claimsFrom, explainToken } from "../../../services/grant/grant.ts";
import { readConfig } from "../../../services/host/config.ts";
import { parseRootKeys } from "../../../stores/keyring.ts";
import { makeMemoryWorld } from "../../support/memory-ports.ts";
import { grantOf, TENANT } from "../calls.ts";
import { entry, must } from "../entry.ts";
import { mustBeRefusal } from "../envelope.ts";
import { type Cut, cut, cuts } from "../mutations.ts";
import { MARK, oddJson, oddText } from "../texts.ts";

const { keyring } = makeMemoryWorld();
const { keyring: stranger } = makeMemoryWorld();
const genuine = grantOf(keyring);
const foreign = grantOf(stranger);

type Token = {
  readonly of: "ours" | "theirs" | "odd";
  readonly cuts: Cut[];
  readonly claims: string | null;
  readonly text: string;
  readonly tenant: string;
};

export const tokens = entry<Token>({
  name: "tokens",
  what: "tokens that were changed, forged or invented: denied, all but the one that was minted",
  cases: 9_000,
  arbitrary: fc.record({
    of: fc.constantFrom("ours", "theirs", "odd"),
    cuts,
    claims: fc.option(oddJson, { nil: null }),
    text: oddText,
    tenant: fc.oneof(
      { weight: 4, arbitrary: fc.constant<string>(TENANT) },
      { weight: 1, arbitrary: fc.constantFrom("other", "-", "main2") },
    ),
  }),
  check: ({ of, cuts, claims, text, tenant }) => {
    const whole = of === "ours" ? genuine : of === "theirs" ? foreign : text;
    const [head, epoch, payload, signature] = whole.split(".");
    const forged = claims === null ? whole : [head, epoch, Buffer.from(claims).toString("base64url"), signature].join(".");
    const token = cut(Buffer.from(forged), cuts).toString("latin1");
    const verified = keyring.grants.verify(tenant as TenantId, token);
    must(typeof keyring.grants.tenantOf(token) === "string", "a token names no tenant");
    if ("ok" in verified) mustBeRefusal(verified, ["denied"]);
    else must(token === genuine && tenant === TENANT && payload !== undefined, "a token was taken that was not minted");
    onlyContextErrors(() => explainToken(token));
  },
});

const SECRET = Buffer.alloc(32, 7).toString("base64");

export const settings = entry<{
  readonly roots: string;
  readonly cuts: Cut[];
  readonly name: string;
  readonly value: string;
  readonly wish: string[];
}>({
  name: "settings",
  what: "root keys, environment and an operator's words: read, or refused without showing a key",
  cases: 5_000,
  arbitrary: fc.record({
    roots: fc.oneof(
      oddText,
      fc.constantFrom(SECRET, `1:${SECRET}`, `1:${SECRET},2:${SECRET}`, `1:${SECRET},1:${SECRET}`, ",", `${SECRET}${SECRET}`),
    ),
    cuts,
    name: fc.constantFrom(
      "STRATA_PORT",
      "STRATA_DROP_DELAY_MS",
      "STRATA_HOT_MS",
      "DAPR_HTTP_ENDPOINT",
      "STRATA_EVENTS",
      "STRATA_LOG",
      "APP_API_TOKEN",
      "STRATA_ROOT_KEY",
    ),
    value: oddText,
    wish: fc.array(oddText, { minLength: 5, maxLength: 5 }),
  }),
  check: ({ roots, cuts, name, value, wish: [tenant = "", subject = "", contexts = "", methods = "", ttl = ""] }) => {
    onlyContextErrors(() => parseRootKeys(cut(Buffer.from(roots), cuts).toString()));
    onlyContextErrors(() => readConfig({ [name]: value }));
    onlyContextErrors(() => claimsFrom({ tenant, subject, contexts, methods, ttl: ttl === "" ? "1d" : ttl }, instant(1)));
  },
});

function onlyContextErrors(act: () => unknown): void {
  try {
    act();
  } catch (reason) {
    if (!(reason instanceof ContextError)) throw reason;
    must(!reason.message.includes(SECRET.slice(0, 20)), "a key is shown");
    must(reason.code === "invalid", `[${reason.code}] ${reason.message}`);
    must(!reason.message.includes(MARK) || /saw "/.test(reason.message), `it shows what it was given: ${reason.message}`);
  }
}
