// All that the host reads from its environment. Every name, its default and why is in docs/configuration.md.

import { z } from "zod";
import { expirePeriod } from "../../actors/reminding.ts";
import { goDuration } from "../../dapr/local/durations.ts";
import { ContextError } from "../../protocol/errors.ts";
import { limits } from "../../protocol/limits.ts";

const port = z.coerce.number("write a port, 0 to 65535").int().min(0).max(65_535);
const ms = z.coerce.number("write milliseconds").int().positive();
/** Empty it is no "unset": whoever meant to set it would run without it. */
const secret = z.string().min(1, "it is empty; give it, or unset it").optional();

const Environment = z.object({
  STRATA_HOST: z.string().default("127.0.0.1"),
  STRATA_PORT: port.default(3000),
  DAPR_HTTP_ENDPOINT: z.url().optional(),
  DAPR_HTTP_PORT: port.default(3501),
  DAPR_API_TOKEN: secret,
  APP_API_TOKEN: secret,
  STRATA_STATE_STORE: z.string().default("store"),
  STRATA_PUBSUB: z.string().default("bus"),
  STRATA_SECRET_STORE: z.string().default("secrets"),
  STRATA_ROOT_KEY: secret,
  STRATA_EVENTS: z.enum(["on", "off"]).default("on"),
  STRATA_DROP_DELAY_MS: ms.default(limits.drop_delay_ms),
  STRATA_HOT_MS: ms.default(limits.hot_ms),
  STRATA_TEND_MS: ms.default(limits.tend_period_ms),
  STRATA_REDIS_URL: z.string().optional(),
  STRATA_ACCEPT_LOSS: z.enum(["yes", "no"]).default("no"),
  STRATA_LOG: z.enum(["debug", "info", "warn", "error"]).default("info"),
  STRATA_IDLE_TIMEOUT: z
    .string()
    .refine((text) => goDuration(text) !== undefined, "write a duration like 30m, 1h30m or 90s")
    .default("30m"),
  STRATA_SIDECAR_WAIT_MS: ms.default(120_000),
  STRATA_DRAIN_MS: ms.default(20_000),
});

const secrets: readonly string[] = Object.entries(Environment.shape).flatMap(([name, schema]) => (schema === secret ? [name] : []));

export type HostConfig = ReturnType<typeof readConfig>;

/** The environment, with `own` in place of what it says. As `readConfig`. */
export const readConfigWith = (own: Readonly<Record<string, string>>, defaults: Readonly<Record<string, string>> = {}) =>
  readConfig({ ...defaults, ...given(process.env), ...own });

type Variables = Readonly<Record<string, string | undefined>>;

/** Those that say something: `NAME=` means the default, as in most shells' configuration. */
const given = (environment: Variables): Variables =>
  Object.fromEntries(Object.entries(environment).filter(([name, value]) => value !== "" || secrets.includes(name)));

/** Throws ContextError "invalid" that names each variable that is wrong. */
export function readConfig(environment: Variables = process.env) {
  const parsed = Environment.safeParse(given(environment));
  if (!parsed.success) throw new ContextError("invalid", parsed.error.issues.map((issue) => wrong(issue, environment)).join("; "));
  const env = parsed.data;
  if (env.APP_API_TOKEN === undefined && !isLoopback(env.STRATA_HOST))
    throw new ContextError(
      "invalid",
      `STRATA_HOST: ${env.STRATA_HOST} is reached from elsewhere, and without APP_API_TOKEN whoever reaches it is taken for the sidecar; set that, or listen on 127.0.0.1`,
    );
  if (env.STRATA_HOT_MS * 2 > env.STRATA_DROP_DELAY_MS) {
    throw new ContextError(
      "invalid",
      `STRATA_HOT_MS: ${env.STRATA_HOT_MS} is more than half of STRATA_DROP_DELAY_MS, ${env.STRATA_DROP_DELAY_MS}; a hot read would outlive its proof`,
    );
  }
  const period = expirePeriod({ dropDelayMs: env.STRATA_DROP_DELAY_MS, tendMs: env.STRATA_TEND_MS });
  if ((goDuration(env.STRATA_IDLE_TIMEOUT) ?? 0) < 2 * period) {
    throw new ContextError(
      "invalid",
      `STRATA_IDLE_TIMEOUT: ${env.STRATA_IDLE_TIMEOUT} is less than twice ${period} ms, the larger of STRATA_TEND_MS and an eighth of STRATA_DROP_DELAY_MS; a context would be forgotten between two fires of its reminder`,
    );
  }
  return {
    host: env.STRATA_HOST,
    port: env.STRATA_PORT,
    sidecar: { url: env.DAPR_HTTP_ENDPOINT ?? `http://127.0.0.1:${env.DAPR_HTTP_PORT}`, token: env.DAPR_API_TOKEN },
    sidecarWaitMs: env.STRATA_SIDECAR_WAIT_MS,
    appToken: env.APP_API_TOKEN,
    stateStore: env.STRATA_STATE_STORE,
    pubsub: env.STRATA_PUBSUB,
    secretStore: env.STRATA_SECRET_STORE,
    rootKey: env.STRATA_ROOT_KEY,
    settings: {
      dropDelayMs: env.STRATA_DROP_DELAY_MS,
      hotMs: env.STRATA_HOT_MS,
      tendMs: env.STRATA_TEND_MS,
      events: env.STRATA_EVENTS === "on",
    },
    redisUrl: env.STRATA_REDIS_URL,
    acceptLoss: env.STRATA_ACCEPT_LOSS === "yes",
    logLevel: env.STRATA_LOG,
    actorIdleTimeout: env.STRATA_IDLE_TIMEOUT,
    drainMs: env.STRATA_DRAIN_MS,
  } as const;
}

function wrong({ path, message }: z.core.$ZodIssue, environment: Variables): string {
  const name = path.join(".");
  return secrets.includes(name) ? `${name}: ${message}` : `${name}: saw "${environment[name]}"; ${message}`;
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(host);
