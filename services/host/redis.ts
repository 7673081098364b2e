// What the state API does not show of a Redis: whether it forgets (C9).

import { Redis } from "ioredis";
import { ContextError } from "../../protocol/errors.ts";
import type { MoreEvents } from "../telemetry/events.ts";
import type { HostConfig } from "./config.ts";

const CONNECT_MS = 3_000;

/**
 * Throws ContextError "unavailable" for a Redis that would lose acknowledged turns, unless the operator accepts that. Where it may not look, the
 * operator hears that it did not.
 */
export async function examineRedis(
  { stateStore, redisUrl, acceptLoss }: Pick<HostConfig, "stateStore" | "redisUrl" | "acceptLoss">,
  events: Pick<MoreEvents, "unexamined">,
): Promise<void> {
  if (acceptLoss) return;
  if (redisUrl === undefined) return events.unexamined(stateStore);
  const redis = new Redis(redisUrl, { lazyConnect: true, connectTimeout: CONNECT_MS, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on("error", () => {}); // The rejected call below says it.
  try {
    await redis.connect();
    const appendonly = await setting(redis, "appendonly");
    const appendfsync = await setting(redis, "appendfsync");
    const eviction = await setting(redis, "maxmemory-policy");
    const wrong = [
      appendonly !== "yes" && `appendonly is ${appendonly}: a restart forgets what was acknowledged`,
      appendfsync !== "always" && `appendfsync is ${appendfsync}: a crash forgets up to a second of what was acknowledged`,
      eviction !== "noeviction" && `maxmemory-policy is ${eviction}: records are evicted when memory is short`,
    ].filter((finding) => finding !== false);
    if (wrong.length > 0)
      throw new ContextError("unavailable", `this Redis loses records: ${wrong.join("; ")}. Configure it, or set STRATA_ACCEPT_LOSS=yes`);
  } catch (reason) {
    if (reason instanceof ContextError) throw reason;
    throw new ContextError(
      "unavailable",
      "the Redis that STRATA_REDIS_URL names could not be examined; unset it, or set STRATA_ACCEPT_LOSS=yes",
      { cause: reason },
    );
  } finally {
    redis.disconnect();
  }
}

async function setting(redis: Redis, name: string): Promise<string> {
  const found = await redis.config("GET", name);
  return Array.isArray(found) ? String(found[1]) : "unknown";
}
