import { afterAll, beforeAll, describe } from "vitest";
import { actorSuite } from "./sidecar/actors.ts";
import { SidecarApp } from "./sidecar/app.ts";
import { configured, type SidecarUnderTest, sidesOf } from "./sidecar/client.ts";
import { deliverySuite } from "./sidecar/delivery.ts";
import { differencesSuite } from "./sidecar/differences.ts";
import { edgesSuite } from "./sidecar/edges.ts";
import { lockSuite } from "./sidecar/lock.ts";
import { publishSuite, subscriptions } from "./sidecar/publish.ts";
import { reminderSuite } from "./sidecar/reminders.ts";
import { stateSuite } from "./sidecar/state.ts";
import { metadataSuite, surfaceSuite } from "./sidecar/surface.ts";
import { timerSuite } from "./sidecar/timers.ts";
import { transactionSuite } from "./sidecar/transactions.ts";

export { configured, type SidecarUnderTest } from "./sidecar/client.ts";

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
    const sides = sidesOf(() => {
      if (opened === undefined) throw new Error(`${name} is not open`);
      return opened;
    });
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened?.close();
    });
    surfaceSuite(sides);
    metadataSuite(sides);
    actorSuite(sides);
    lockSuite(sides);
    stateSuite(sides);
    transactionSuite(sides);
    reminderSuite(sides);
    timerSuite(sides);
    publishSuite(sides);
    deliverySuite(sides);
    edgesSuite(sides);
    differencesSuite(sides);
  });
}
