import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import type { ActorType } from "../../actors/actor.ts";
import { type Host, startHost } from "../../dapr/host.ts";

const CLOSE_MS = 50;
const PATIENCE_MS = 5_000;

/** An actor whose turns begin and never end, and whose drain waits until it may not wait any longer. */
function stuckActor() {
  let began: (() => void) | undefined;
  const running = new Promise<void>((resolve) => {
    began = resolve;
  });
  const actor: ActorType = {
    name: "Stuck",
    invoke: () => {
      began?.();
      return new Promise(() => {});
    },
    remind: async () => {},
    deactivate: async () => {},
    drain: (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  };
  return { actor, running };
}

const hostOf = (actor: ActorType): Promise<Host> =>
  startHost({
    types: [actor.name],
    host: "127.0.0.1",
    port: 0,
    appToken: undefined,
    actorIdleTimeout: "1h",
    drainOngoingCallTimeout: "1s",
    events: { failed: () => {} },
  });

test("a host closes in the time that it was given, also where a call never ends and the drain takes all of it", async () => {
  const { actor, running } = stuckActor();
  const host = await hostOf(actor);
  host.ready([actor]);
  const call = fetch(`http://127.0.0.1:${host.port}/actors/Stuck/one/method/wait`, { method: "PUT", body: "{}" });
  const cutOff = expect(call).rejects.toThrow();
  await running;
  const late = new AbortController();
  const closed = await Promise.race([host.close(CLOSE_MS).then(() => true), pause(PATIENCE_MS, false, { signal: late.signal })]);
  late.abort();
  expect(closed).toBe(true);
  await cutOff;
});
