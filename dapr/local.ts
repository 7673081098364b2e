// The part of Dapr's HTTP API that Strata and its users need, in this process and on one SQLite file: what `npm start` and most tests run
// on. It speaks to the app over its port exactly as daprd does. test/suites/sidecar.suite.ts holds the two against each other; what differs
// stands there, with both sides.

import type { Clock, Die } from "../actors/ports.ts";
import { type Limits, limits } from "../protocol/limits.ts";
import { systemClock, systemDie } from "./clock.ts";
import { Actors } from "./local/actors.ts";
import { AppChannel } from "./local/app.ts";
import { Delivery, type Inbound } from "./local/delivery.ts";
import { Disk } from "./local/disk.ts";
import { type Faults, noFaults } from "./local/faults.ts";
import { Hosting } from "./local/hosting.ts";
import { Invocation } from "./local/invocation.ts";
import { About, type SecretStore } from "./local/metadata.ts";
import { PubSub } from "./local/pubsub.ts";
import { Queue } from "./local/queue.ts";
import { Reminders } from "./local/reminders.ts";
import { Rows } from "./local/rows.ts";
import { SidecarServer } from "./local/server.ts";
import { State } from "./local/state.ts";
import { Timers } from "./local/timers.ts";

export { daprdDangers, type Faults, noFaults } from "./local/faults.ts";

export type LocalPubSub = {
  readonly name: string;
  /** Topics that callers may publish to; all of them where it is absent. */
  readonly callerTopics?: readonly string[];
  /** Deliveries after a failed one, and the time between two; as a Resiliency policy's inbound retry. Default: none. */
  readonly retries?: number;
  readonly retryEveryMs?: number;
  /** How long a delivery may take, as such a policy's timeout. Default: `sidecar_delivery_ms`. */
  readonly timeoutMs?: number;
  /** Deliveries at once, as with Dapr's Redis component. Default: `sidecar_deliveries_at_once`. */
  readonly concurrency?: number;
};

export type LocalSidecarOptions = {
  /** Prefix of the state's keys, and source of the host's events. */
  readonly appId: string;
  /** Source of what callers publish. Default: "callers". */
  readonly callersId?: string;
  readonly appPort: number;
  /** Where callers come. Default: 127.0.0.1, since the API has no guard of its own but the tokens. */
  readonly host?: string;
  /** Of the callers' door, which offers actors, publish, metadata and health only; 0 takes any free port. */
  readonly port: number;
  /** Of the host's door, on 127.0.0.1, which offers everything. Default: any free port. */
  readonly hostPort?: number;
  /** SQLite's path; ":memory:" keeps nothing. */
  readonly dataFile: string;
  /** DAPR_API_TOKEN of the host's door: without it in `dapr-api-token` a request there is answered 401. */
  readonly hostToken: string;
  /** The same for the callers' door. Default: none is asked for. */
  readonly apiToken?: string;
  /** APP_API_TOKEN: sent to the app with every request. */
  readonly appToken?: string;
  /** Of requests and of the app's answers. Default: `sidecar_bytes_per_body`. */
  readonly maxBodyBytes?: number;
  readonly components: {
    readonly stateStores: readonly string[];
    readonly pubsubs: readonly LocalPubSub[];
    readonly secretStores?: readonly SecretStore[];
  };
  /** Default: /healthz. */
  readonly appHealthPath?: string;
  /** Time between two looks at the app's health. Default: `sidecar_app_probe_every_ms`. */
  readonly appHealthEveryMs?: number;
  readonly clock?: Pick<Clock, "now" | "elapsed">;
  readonly die?: Die;
  readonly faults?: Partial<Faults>;
  /** Others than those of protocol/limits.ts, for tests. */
  readonly limits?: Partial<Limits>;
  /** Hears of what no caller hears of: a lost message, a dropped reminder, a rule that cannot be read. Never content. */
  readonly onProblem?: (what: string, cause?: unknown) => void;
};

export type LocalSidecar = {
  /** Where callers call. */
  readonly url: string;
  readonly port: number;
  /** Where the host calls. */
  readonly host: { readonly url: string; readonly port: number };
  /** Resolves when the app was found healthy and is hosted; rejects after `withinMs`. */
  ready(withinMs?: number): Promise<void>;
  /** Switches dangers on and off, from the next event on. */
  setFaults(faults: Partial<Faults>): void;
  /** Takes no more requests, waits at most `withinMs` (default 5 s) for those at work, and closes the file. */
  close(withinMs?: number): Promise<void>;
};

/** Rejects when the port is taken or the file cannot be opened. */
export async function startLocalSidecar(options: LocalSidecarOptions): Promise<LocalSidecar> {
  const clock = options.clock ?? systemClock;
  const world = { clock: { ...systemClock, now: () => clock.now(), elapsed: () => clock.elapsed() }, die: options.die ?? systemDie };
  let active: Faults = { ...noFaults, ...options.faults };
  const faults = () => active;
  if (options.hostToken === "") throw new RangeError("hostToken: it is empty, and the host's door opens everything");
  const parts = assemble(options, { ...world, faults, onProblem: options.onProblem ?? (() => {}) });
  const host = options.host ?? LOOPBACK;
  const [port, hostPort] = await openDoors(parts.server, host, options).catch(async (reason) => {
    await parts.server.close(0);
    await parts.stop(0);
    throw reason;
  });
  let closing: Promise<void> | undefined;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    host: { url: `http://${LOOPBACK}:${hostPort}`, port: hostPort },
    async ready(withinMs = 30_000) {
      await parts.hosting.settled(withinMs);
      if (!parts.hosting.healthy)
        throw new Error(`the app on port ${options.appPort} was not healthy within ${withinMs} ms; does it serve its health path?`);
    },
    setFaults(changed) {
      active = { ...active, ...changed };
    },
    close(withinMs = 5_000) {
      closing ??= parts.server.close(withinMs).then(() => parts.stop(withinMs));
      return closing;
    },
  };
}

const LOOPBACK = "127.0.0.1";

async function openDoors(server: SidecarServer, address: string, { port, hostPort = 0 }: LocalSidecarOptions): Promise<[number, number]> {
  return [await server.listen("callers", address, port), await server.listen("host", LOOPBACK, hostPort)];
}

type World = { clock: Clock; die: Die; faults: () => Faults; onProblem: (what: string, cause?: unknown) => void };

function assemble(options: LocalSidecarOptions, world: World) {
  const { components, appId } = options;
  // Everything that could grow has a bound (B1).
  const bounds: Limits = { ...limits, ...options.limits };
  const maxBytes = options.maxBodyBytes ?? bounds.sidecar_bytes_per_body;
  const ids = { host: appId, callers: options.callersId ?? "callers" };
  const disk = new Disk(options.dataFile);
  const rows = new Rows(disk, world);
  const queue = new Queue({ disk, limits: bounds, onProblem: world.onProblem });
  const app = new AppChannel({ host: LOOPBACK, port: options.appPort, token: options.appToken, maxBytes });
  const hosting = new Hosting({
    app,
    healthPath: options.appHealthPath ?? "/healthz",
    everyMs: options.appHealthEveryMs ?? bounds.sidecar_app_probe_every_ms,
    onChange: (hosted) => {
      if (hosting.healthy) delivery.subscribe(hosted.subscriptions);
      else {
        delivery.pause();
        actors.forget();
      }
      reminders.look();
    },
  });
  const inbound = new Map(components.pubsubs.map((one) => [one.name, inboundOf(one)]));
  const actors = new Actors({ ...world, app, hosting, appId, maxActivations: bounds.sidecar_activations, maxBytes });
  const reminders = new Reminders({ ...world, disk, actors, hosting });
  const timers = new Timers({ ...world, actors, hosting, max: bounds.sidecar_timers });
  const delivery = new Delivery({ ...world, queue, app, hosting, inbound });
  const topics = new Map(components.pubsubs.map(({ name, callerTopics }) => [name, callerTopics && new Set(callerTopics)]));
  const pubsub = new PubSub({ ...world, components: topics, ids, queue, delivery });
  const state = new State({ ...world, stores: components.stateStores, appId, rows, disk });
  const invocation = new Invocation({ ...world, app, appId });
  const secrets = components.secretStores ?? [];
  const named = { states: components.stateStores, pubsubs: [...inbound.keys()], secrets };
  const about = new About({ ids, appPort: options.appPort, components: named, hosting, actors });
  const server = new SidecarServer({
    routes: [actors, state, pubsub, reminders, timers, about, invocation].flatMap((part) => part.routes),
    tokens: { host: options.hostToken, callers: options.apiToken },
    maxBytes,
    limits: bounds,
    faults: world.faults,
    onProblem: world.onProblem,
  });
  const stop = async (withinMs: number): Promise<void> => {
    hosting.close();
    reminders.close();
    timers.close();
    rows.close();
    actors.close();
    await delivery.close(withinMs);
    await app.close();
    disk.close();
  };
  return { server, hosting, stop };
}

const inboundOf = (pubsub: LocalPubSub): Inbound => ({
  retries: pubsub.retries ?? 0,
  everyMs: pubsub.retryEveryMs ?? 1_000,
  withinMs: pubsub.timeoutMs ?? limits.sidecar_delivery_ms,
  concurrency: pubsub.concurrency ?? limits.sidecar_deliveries_at_once,
});
