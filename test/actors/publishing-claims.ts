// What becomes of events: which are told, in which order, by whom.

import { Activation } from "../../actors/activation.ts";
import { ContextActor } from "../../actors/context.ts";
import { Group } from "../../actors/group.ts";
import { Hot } from "../../actors/hot.ts";
import type { Outbox } from "../../actors/outbox.ts";
import { Reporter } from "../../actors/reporter.ts";
import type { tend } from "../../actors/tending.ts";
import type { World } from "../../actors/world.ts";
import type { ContextEvent } from "../../core/record.ts";
import { limits } from "../../protocol/limits.ts";
import { assert, type Claim, slowly } from "./claims.ts";
import { ID, type Part, type Reply, Scene, type SceneHost, standing, times } from "./scene.ts";

type Tending = { readonly tend: typeof tend };

const versions = (events: readonly ContextEvent[]): number[] => events.map(({ version }) => version);

/** A context of `count` versions of which no event is out, since the bus was away, and whose head says so. */
async function untold(part: Part, count: number): Promise<{ readonly scene: Scene; readonly host: SceneHost; readonly name: string }> {
  const scene = new Scene(part);
  const host = scene.host();
  scene.next(/publish/, "lost", 1_000);
  for (let i = 1; i <= count; i++) await host.append(`k${i}`);
  await host.actor.deactivate(ID);
  await scene.advance(times.tend);
  scene.hear();
  scene.asked();
  return { scene, host, name: scene.duties("tend")[0] ?? "" };
}

/** The outbox of a host whose bus does not keep up: it takes the first `room` events. */
function crowded(room: number) {
  const offered: number[] = [];
  const outbox = { has: () => false, add: (_: unknown, { version }: ContextEvent) => offered.push(version) <= room };
  return { offered, outbox: outbox as unknown as Outbox };
}

export const publishingClaims: readonly Claim<Tending>[] = [
  [
    "C7: where the outbox has no room for an event, none that comes after it is put there before it",
    async ({ tend }) => {
      const { scene, name } = await untold({ ContextActor }, 4);
      const ports = scene.ports();
      const world: World = { ports, group: new Group(ports, limits), hot: new Hot(limits), committed: () => {} };
      const { offered, outbox } = crowded(1);
      await tend(new Activation(ID), name, world, { outbox, reporter: new Reporter(ports, limits) }, {});
      assert.deepEqual(offered, [1, 2]);
    },
  ],
];

export const eventClaims: readonly Claim<Part>[] = [
  [
    "C7: of a context in use a fire tells the events that are not out, unless they are on their way or switched off",
    async (part) => {
      const scene = new Scene(part);
      const host = scene.host();
      scene.next(/publish/, "lost", limits.publish_attempts);
      await host.append("k1");
      const [name = ""] = scene.duties("tend");
      await host.remind(name);
      assert.deepEqual(versions(scene.published), [1]);
      scene.next(/publish/, async () => {
        scene.asked();
        await host.remind(name);
        assert.deepEqual(scene.asked(), []);
      });
      await host.append("k2");
      assert.deepEqual([versions(scene.published), scene.failures], [[1, 2], []]);
      Object.assign(scene.settings, { events: false });
      await host.append("k3");
      scene.asked();
      await host.remind(name);
      assert.deepEqual(scene.asked(), []);
    },
  ],
  [
    "C7: one fire finds all the events that are not out and tells them in their order; the head says so then, once, and nobody tells them again",
    async (part) => {
      const { scene, name } = await untold(part, 3);
      const host = scene.host();
      await host.remind(name);
      assert.deepEqual(versions(scene.published), [1, 2, 3]);
      scene.asked();
      await host.remind(name);
      assert.deepEqual(scene.asked(), ["read rec/4", "put head"]);
      await host.remind(name);
      assert.deepEqual(scene.asked(), ["read rec/4"]);
      await scene.host().remind(name);
      assert.deepEqual(versions(scene.published), [1, 2, 3]);
    },
  ],
  [
    "C7: an event that is on its way to the bus is not sent a second time",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const [name = ""] = scene.duties("tend");
      scene.next(/publish/, async () => {
        await host.remind(name);
        await scene.advance(times.tend);
        await host.remind(name);
      });
      await host.append("k2");
      await slowly();
      assert.deepEqual(versions(scene.published), [1, 2]);
    },
  ],
  [
    "C7: where events are switched off none is told, and no reminder waits for them",
    async (part) => {
      const scene = new Scene(part);
      Object.assign(scene.settings, { events: false });
      const host = scene.host();
      await host.append("k1");
      const [name = ""] = scene.duties("tend");
      await scene.advance(times.tend);
      await host.remind(name);
      assert.deepEqual([scene.published, scene.duties("tend")], [[], []]);
    },
  ],
  [
    "C7: who makes a turn after events were left behind tells them before its own, each once, however many turns wait",
    async (part) => {
      const { scene } = await untold(part, 3);
      const host = scene.host();
      scene.next(/publish/, slowly);
      await Promise.all(["k4", "k5", "k6"].map((key) => host.append(key)));
      await slowly();
      await host.append("k7");
      assert.deepEqual(versions(scene.published), [1, 2, 3, 4, 5, 6, 7]);
    },
  ],
  [
    "C7: what a fire has told by the time that a turn comes to catch up is not told again",
    async (part) => {
      const { scene, name } = await untold(part, 3);
      const host = scene.host();
      scene.next(/publish/, slowly);
      await Promise.all([host.append("k4"), host.remind(name)]);
      await slowly();
      assert.deepEqual(versions(scene.published), [1, 2, 3, 4]);
    },
  ],
  [
    "C7: more events than go out in one call are caught up with in several turns, in their order",
    async (part) => {
      const { events_per_publish: most } = limits;
      const { scene } = await untold(part, most + 2);
      const host = scene.host();
      for (const key of ["one", "two", "three"]) await host.append(key);
      assert.deepEqual(
        versions(scene.published),
        Array.from({ length: most + 5 }, (_, i) => i + 1),
      );
    },
  ],
  [
    "C7: who cannot read the events that were left behind answers its turn all the same, and leaves them to a fire",
    async (part) => {
      const { scene, name } = await untold(part, 3);
      const host = scene.host();
      scene.next(/^read \S*rec\/1 /, "lost");
      assert.equal((await host.append("k4")).version, 4);
      assert.deepEqual([versions(scene.published), scene.failures], [[], []]);
      await host.remind(name);
      assert.deepEqual(versions(scene.published), [1, 2, 3, 4]);
    },
  ],
  [
    "B2: while the bus is away no turn looks for what was left behind; a fire does, and then turns tell in their order again",
    async (part) => {
      const { scene, name } = await untold(part, 3);
      const host = scene.host();
      scene.next(/publish/, "lost", limits.publish_attempts);
      await host.append("k4");
      assert.ok(scene.asked().some((call) => call.startsWith("read rec/1 ")));
      await host.append("k5");
      assert.deepEqual(scene.asked(), ["create rec/5"]);
      await host.remind(name);
      await host.append("k6");
      assert.deepEqual(versions(scene.published), [1, 2, 3, 4, 5, 6]);
    },
  ],
  [
    "B2: to catch up with events that were left behind takes one place in the queue, however many turns wait",
    async (part) => {
      const { scene } = await untold(part, 1);
      const host = scene.host();
      const appends = (from: number, count: number) => Array.from({ length: count }, (_, i) => host.append(`q${from + i}`));
      const more: Promise<Reply>[] = [];
      scene.next(/create .*rec\/5/, () => more.push(...appends(limits.queue_per_context, 3)));
      const replies = await Promise.all(appends(0, limits.queue_per_context));
      replies.push(...(await Promise.all(more)));
      assert.deepEqual(
        replies.filter(({ ok }) => !ok),
        [],
      );
      assert.equal(replies.length, limits.queue_per_context + 3);
    },
  ],
  [
    "C7: a fire that cannot read the events that are not out says so, and fires again",
    async (part) => {
      const { scene, name } = await untold(part, 3);
      const host = scene.host();
      scene.next(/^read \S*rec\/1 /, "lost");
      await assert.rejects(host.remind(name), /unavailable/);
      await host.remind(name);
      assert.deepEqual(versions(scene.published), [1, 2, 3]);
    },
  ],
];
