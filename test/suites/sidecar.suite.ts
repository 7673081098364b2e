import { afterAll, beforeAll, describe } from "vitest";
import { actorSuite } from "./sidecar-actors.ts";
import { SidecarApp } from "./sidecar-app.ts";
import { configured, type SidecarUnderTest } from "./sidecar-client.ts";
import { differencesSuite } from "./sidecar-differences.ts";
import { lockSuite } from "./sidecar-lock.ts";
import { pubsubSuite, subscriptions } from "./sidecar-pubsub.ts";
import { reminderSuite, timerSuite } from "./sidecar-reminders.ts";
import { stateSuite, transactionSuite } from "./sidecar-state.ts";
import { metadataSuite, surfaceSuite } from "./sidecar-surface.ts";

export { configured, type SidecarUnderTest } from "./sidecar-client.ts";

/** The app that a sidecar under test hosts; it listens, and is healthy. */
export async function startSuiteApp(): Promise<{ app: SidecarApp; port: number }> {
  const app = new SidecarApp();
  app.config = {
    entities: configured.actorTypes,
    actorIdleTimeout: "60s",
    drainOngoingCallTimeout: "1s",
    drainRebalancedActors: true,
    entitiesConfig: [{ entities: ["Brief"], actorIdleTimeout: `${configured.briefIdleMs}ms` }],
  };
  app.subscriptions = subscriptions;
  return { app, port: await app.listen() };
}

/** What every sidecar must do, whoever wrote it: the real daprd on each store, and the embedded one. */
export function sidecarSuite(name: string, open: () => Promise<SidecarUnderTest>): void {
  describe(name, () => {
    let opened: SidecarUnderTest | undefined;
    const env = (): SidecarUnderTest => {
      if (opened === undefined) throw new Error(`${name} is not open`);
      return opened;
    };
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened?.close();
    });
    surfaceSuite(env);
    metadataSuite(env);
    actorSuite(env);
    lockSuite(env);
    stateSuite(env);
    transactionSuite(env);
    reminderSuite(env);
    timerSuite(env);
    pubsubSuite(env);
    differencesSuite(env);
  });
}
