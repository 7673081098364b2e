// The host process: waits for its sidecar, examines the store, and serves the actors.

import { z } from "zod";
import { ContextActor } from "../../actors/context.ts";
import type { Clock, Die, Events, Ports, Tracing } from "../../actors/ports.ts";
import { TenantActor } from "../../actors/tenant.ts";
import { SidecarBus } from "../../dapr/bus.ts";
import { SidecarDirectory } from "../../dapr/directory.ts";
import { examineStore } from "../../dapr/examine.ts";
import { startHost } from "../../dapr/host.ts";
import { Reach } from "../../dapr/reach.ts";
import { Readiness } from "../../dapr/readiness.ts";
import { SidecarReminders } from "../../dapr/reminders.ts";
import { examineRuntime, type Runtime } from "../../dapr/runtime.ts";
import { jsonOf, Sidecar } from "../../dapr/sidecar.ts";
import { ContextError } from "../../protocol/errors.ts";
import type { TenantId } from "../../protocol/ids.ts";
import { checkLimits, limits } from "../../protocol/limits.ts";
import { RecordCodec } from "../../stores/codec.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import type { MoreEvents } from "../telemetry/events.ts";
import type { HostConfig } from "./config.ts";
import { examineRedis } from "./redis.ts";
import { checkRootKeys } from "./root-keys.ts";

export type Around = {
  readonly clock: Clock;
  readonly die: Die;
  readonly events: Events & Pick<MoreEvents, "unexamined">;
  readonly tracing: Tracing;
};

/** Another actor type is one more here. */
const actorTypes = [ContextActor, TenantActor] as const;

const POLL_MS = 100;
const ROOT_KEY = "STRATA_ROOT_KEY";
const Secret = z.object({ [ROOT_KEY]: z.string() });

export type At = { readonly url: string; readonly token: string | undefined };

/** A host whose port is open and which says of itself that it is not ready: the sidecar waits for the port, and the host for the sidecar. */
export type OpenHost = {
  readonly port: number;
  /**
   * Examines everything that the host stands on, then serves; resolves with the runtime that it serves on. Throws ContextError that says what is
   * wrong; the port is closed then.
   */
  serve(sidecar: At): Promise<Runtime>;
  close(): Promise<void>;
};

export async function openHost(config: HostConfig, around: Around): Promise<OpenHost> {
  checkLimits();
  const host = await startHost({
    ...config,
    types: actorTypes.map(({ type }) => type),
    drainOngoingCallTimeout: "7s",
    events: around.events,
  });
  let sidecar: Sidecar | undefined;
  const end = async (): Promise<void> => {
    await host.close(config.drainMs);
    await sidecar?.close();
  };
  // Where serving fails it is closed at once, and by its owner again.
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= end();
    return closing;
  };
  const serve = async (at: At): Promise<Runtime> => {
    sidecar = new Sidecar({ ...at, timeoutMs: limits.store_call_ms });
    try {
      await awaitSidecar(sidecar, at, config, around.clock);
      const runtime = await examineRuntime(sidecar);
      const ports = await openPorts(config, sidecar, around);
      const readiness = new Readiness(sidecar, config.stateStore, around.clock);
      const standing = () => readiness.ask();
      const reach = new Reach(sidecar, ContextActor.type, standing, around);
      host.ready(
        actorTypes.map((Actor) => new Actor(ports)),
        { standing, reached: () => reach.ask() },
      );
      return runtime;
    } catch (reason) {
      await close();
      throw reason;
    }
  };
  return { port: host.port, serve, close };
}

async function openPorts(config: HostConfig, sidecar: Sidecar, { clock, die, events, tracing }: Around): Promise<Ports> {
  const { store, type } = await examineStore(sidecar, config.stateStore, { die, clock });
  if (type === "state.redis") await examineRedis(config, events);
  const roots = parseRootKeys(await rootKey(config, sidecar));
  await checkRootKeys(roots, store, die);
  const keyring = new Keyring(roots, die);
  const grant = (tenant: TenantId): string =>
    keyring.grants.mint({
      v: 1,
      tenant,
      subject: "strata",
      contexts: [],
      methods: ["tenant.register"],
      expires: clock.now() + limits.own_grant_ms,
    });
  return {
    clock,
    die,
    store,
    events,
    tracing,
    grants: keyring.grants,
    codec: new RecordCodec(keyring, die),
    reminders: new SidecarReminders(sidecar),
    bus: new SidecarBus(sidecar, config.pubsub),
    directory: new SidecarDirectory(sidecar, grant),
    settings: config.settings,
  };
}

async function awaitSidecar(sidecar: Sidecar, { url }: At, { sidecarWaitMs }: HostConfig, clock: Clock): Promise<void> {
  const until = clock.elapsed() + sidecarWaitMs;
  let status = 0;
  while (clock.elapsed() < until) {
    ({ status } = await sidecar.call("GET", "/v1.0/healthz/outbound", undefined));
    if (status === 204 || status === 200) return;
    await clock.sleep(POLL_MS);
  }
  throw new ContextError(
    "unavailable",
    `the sidecar at ${url} was not ready after ${sidecarWaitMs} ms; its health answered ${status === 0 ? "nothing" : status}`,
  );
}

/** From the environment, else from the secret store, under the name STRATA_ROOT_KEY in both. */
async function rootKey(config: HostConfig, sidecar: Sidecar): Promise<string> {
  if (config.rootKey !== undefined) return config.rootKey;
  const answer = await sidecar.call("GET", `/v1.0/secrets/${encodeURIComponent(config.secretStore)}/${ROOT_KEY}`, undefined);
  const { status } = answer;
  const key = Secret.safeParse(status === 200 ? jsonOf(answer) : undefined);
  if (key.success && key.data[ROOT_KEY] !== "") return key.data[ROOT_KEY];
  throw new ContextError(
    "invalid",
    `there is no root key: set ${ROOT_KEY}, or put it into the secret store "${config.secretStore}" (asked: status ${status}). Make one with: npm run grant -- key`,
  );
}
