// The host process: waits for its sidecar, examines the store, and serves the actors.

import { z } from "zod";
import { ContextActor } from "../../actors/context.ts";
import type { Clock, Die, Events, Ports, Tracing } from "../../actors/ports.ts";
import { CONTEXT } from "../../actors/prepare.ts";
import { TENANT, TenantActor } from "../../actors/tenant.ts";
import { SidecarBus } from "../../dapr/bus.ts";
import { SidecarDirectory } from "../../dapr/directory.ts";
import { examineStore } from "../../dapr/examine.ts";
import { startHost } from "../../dapr/host.ts";
import { SidecarReminders } from "../../dapr/reminders.ts";
import { Sidecar } from "../../dapr/sidecar.ts";
import { ContextError } from "../../protocol/errors.ts";
import type { TenantId } from "../../protocol/ids.ts";
import { checkLimits, limits } from "../../protocol/limits.ts";
import { RecordCodec } from "../../stores/codec.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import type { HostConfig } from "./config.ts";
import { examineRedis } from "./redis.ts";

export type Around = { readonly clock: Clock; readonly die: Die; readonly events: Events; readonly tracing: Tracing };
export type RunningHost = { readonly port: number; close(): Promise<void> };

const POLL_MS = 100;
const ROOT_KEY = "STRATA_ROOT_KEY";
const Secret = z.object({ [ROOT_KEY]: z.string() });
const INTERNAL_GRANT_MS = 10 * 60 * 1000;

/** Serves as soon as everything that it stands on was seen to work. Throws ContextError that says what was not. */
export async function runHost(config: HostConfig, around: Around): Promise<RunningHost> {
  checkLimits();
  const sidecar = new Sidecar({ url: config.sidecarUrl, token: config.sidecarToken, timeoutMs: limits.store_call_ms });
  // The port is open before the sidecar is there, since the sidecar waits for it; until all is examined it says that it is not ready.
  const host = await startHost({ ...config, types: [CONTEXT, TENANT], drainOngoingCallTimeout: "7s", events: around.events });
  try {
    const ports = await openPorts(config, sidecar, around);
    host.ready([new ContextActor(ports), new TenantActor(ports)]);
  } catch (reason) {
    await host.close(0);
    await sidecar.close();
    throw reason;
  }
  return {
    port: host.port,
    async close() {
      await host.close(config.drainMs);
      await sidecar.close();
    },
  };
}

async function openPorts(config: HostConfig, sidecar: Sidecar, { clock, die, events, tracing }: Around): Promise<Ports> {
  await awaitSidecar(sidecar, config, clock);
  const { store, type } = await examineStore(sidecar, config.stateStore, die);
  if (type === "state.redis" && config.redisUrl !== undefined) await examineRedis(config.redisUrl, config.acceptLoss);
  const keyring = new Keyring(parseRootKeys(await rootKey(config, sidecar)), die);
  const grant = (tenant: TenantId): string =>
    keyring.mint({ v: 1, tenant, subject: "strata", contexts: [], methods: ["tenant.register"], expires: clock.now() + INTERNAL_GRANT_MS });
  return {
    clock,
    die,
    store,
    events,
    tracing,
    grants: keyring,
    codec: new RecordCodec(keyring, die),
    reminders: new SidecarReminders(sidecar),
    bus: new SidecarBus(sidecar, config.pubsub),
    directory: new SidecarDirectory(sidecar, grant),
    settings: config.settings,
  };
}

async function awaitSidecar(sidecar: Sidecar, { sidecarUrl, sidecarWaitMs }: HostConfig, clock: Clock): Promise<void> {
  const until = clock.elapsed() + sidecarWaitMs;
  let status = 0;
  while (clock.elapsed() < until) {
    ({ status } = await sidecar.call("GET", "/v1.0/healthz/outbound", undefined));
    if (status === 204 || status === 200) return;
    await clock.sleep(POLL_MS);
  }
  throw new ContextError(
    "unavailable",
    `the sidecar at ${sidecarUrl} was not ready after ${sidecarWaitMs} ms; its health answered ${status === 0 ? "nothing" : status}`,
  );
}

/** From the environment, else from the secret store, under the name STRATA_ROOT_KEY in both. */
async function rootKey(config: HostConfig, sidecar: Sidecar): Promise<string> {
  if (config.rootKey !== undefined) return config.rootKey;
  const { status, body } = await sidecar.call("GET", `/v1.0/secrets/${encodeURIComponent(config.secretStore)}/${ROOT_KEY}`, undefined);
  const secrets: unknown = status === 200 ? JSON.parse(body.toString()) : undefined;
  const key = Secret.safeParse(secrets);
  if (key.success && key.data[ROOT_KEY] !== "") return key.data[ROOT_KEY];
  throw new ContextError(
    "invalid",
    `there is no root key: set ${ROOT_KEY}, or put it into the secret store "${config.secretStore}" (asked: status ${status}). Make one with: npm run grant -- key`,
  );
}
