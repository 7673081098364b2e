// An embedded sidecar in front of an app that a test scripts.

import { type LocalSidecarOptions, startLocalSidecar } from "../../dapr/local.ts";
import { SidecarApp, type Subscribed } from "../suites/sidecar/app.ts";

const oneTopic: readonly Subscribed[] = [{ pubsubname: "bus", topic: "t", route: "/in" }];

/** `closing` takes what is to be closed, the last of it first. */
export async function startScripted(
  closing: (() => Promise<unknown>)[],
  given: Partial<LocalSidecarOptions> = {},
  subscriptions: readonly Subscribed[] = oneTopic,
) {
  const app = new SidecarApp();
  app.config = { entities: ["Actor"] };
  app.subscriptions = subscriptions;
  const appPort = await app.listen();
  closing.push(() => app.close());
  const problems: string[] = [];
  const options: LocalSidecarOptions = {
    appId: "host",
    appPort,
    port: 0,
    dataFile: ":memory:",
    hostToken: "host",
    components: { stateStores: ["store"], pubsubs: [{ name: "bus" }] },
    onProblem: (what) => problems.push(what),
    ...given,
  };
  const sidecar = await startLocalSidecar(options);
  closing.push(() => sidecar.close(0));
  await sidecar.ready();
  return { app, sidecar, options, problems };
}
