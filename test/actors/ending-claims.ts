import { Activation } from "../../actors/activation.ts";
import { ContextActor } from "../../actors/context.ts";
import type { expire } from "../../actors/ending.ts";
import { Group } from "../../actors/group.ts";
import { Hot } from "../../actors/hot.ts";
import { Outbox } from "../../actors/outbox.ts";
import { Reporter } from "../../actors/reporter.ts";
import type { World } from "../../actors/world.ts";
import { limits } from "../../protocol/limits.ts";
import { assert, type Claim, slowly } from "./claims.ts";
import { ID, type Part, type Scene, type SceneHost, standing, times } from "./scene.ts";

const TTL = 60_000;

/** A context of one version whose time to live has just run out. */
async function overdue(part: Part): Promise<{ readonly scene: Scene; readonly host: SceneHost }> {
  const { scene, host } = await standing(part, 1);
  await host.configure("ttl", TTL, "creation");
  await scene.advance(TTL);
  scene.asked();
  return { scene, host };
}

/** A context of three records that has ended; `clearing` fires D after its host saw the tombstone. */
async function ended(part: Part): Promise<{ scene: Scene; host: SceneHost; clearing: string; seen: number }> {
  const { scene, host } = await overdue(part);
  let seen = 0;
  scene.next(/register expire/, () => {
    seen = scene.mono;
  });
  assert.equal((await host.append("late")).code, "expired");
  const clearing = scene.duties("expire").at(-1) ?? "";
  await scene.advance(2_000);
  scene.asked();
  return { scene, host, clearing, seen };
}

/** A record of somebody else, whose clock is another, stands where the host wants to write version `version`. */
function forestall(scene: Scene, version: number): void {
  const keys = scene.codec.openKeys(ID, scene.row("keys")?.value ?? new Uint8Array());
  const before = scene.codec.decode(ID, keys, scene.row(`rec/${version - 1}`)?.value ?? new Uint8Array());
  const counts = { firstItem: before.firstItem + before.items.length, firstContent: before.firstContent + before.contents.length };
  const draft = { ...before, ...counts, version, previous: before.digest, kind: "append", items: [], slots: [], policy: null } as const;
  scene.set(`rec/${version}`, scene.codec.encode(ID, keys, draft, []).bytes);
}

export const endingClaims: readonly Claim<Part>[] = [
  [
    "B1: an end that others forestall again and again is tried until the deadline, and no more often than a turn is decided",
    async (part) => {
      for (const [took, tries] of [
        [1_000, limits.turn_deadline_ms / 1_000],
        [0, limits.decisions_per_turn],
      ] as const) {
        const { scene, host } = await overdue(part);
        let count = 0;
        scene.next(
          /create .*rec/,
          () => {
            forestall(scene, 3 + count++);
            scene.next(/^read \S*rec\/\d+$/, () => {
              scene.mono += took;
            });
          },
          limits.decisions_per_turn + 10,
        );
        await host.remind("expire-now");
        assert.equal(count, tries);
      }
    },
  ],
  [
    "C1: who would end a name, and finds that somebody has given it more time, does not end it",
    async (part) => {
      const { scene, host } = await overdue(part);
      const other = scene.host();
      scene.next(/create .*rec\/3/, async () => {
        scene.wall -= TTL / 2;
        assert.equal((await other.configure("longer", 10 * TTL)).version, 3);
        scene.wall += TTL / 2;
      });
      const reply = await host.append("k4");
      assert.deepEqual([reply.ok, reply.version, scene.keys.includes("tombstone")], [true, 4, false]);
    },
  ],
  [
    "C7: a reminder to tell of the end stands before the last record does, and one to clear what is under the tombstone before anybody hears of it",
    async (part) => {
      const { scene } = await overdue(part);
      scene.reminders.clear();
      scene.next(/register tend/, slowly);
      scene.next(/register expire/, slowly);
      scene.next(/create .*rec\/3/, () => assert.equal(scene.duties("tend").length, 1));
      assert.equal((await scene.host().read()).code, "expired");
      assert.equal(scene.duties("expire").length, 1);
    },
  ],
  [
    "C7: a reminder of the end that fires when it is time has ended the name when it returns",
    async (part) => {
      const { scene, host } = await overdue(part);
      scene.next(/create .*tombstone/, slowly);
      await host.remind(scene.duties("expire")[0] ?? "");
      assert.deepEqual([scene.keys.includes("rec/3"), scene.keys.includes("tombstone")], [true, true]);
    },
  ],
  [
    "C7: where the end has moved, the one who set the reminder sets another one to when it is now, and then cancels the old one",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", TTL);
      const [name = ""] = scene.duties("expire");
      await scene.advance(TTL / 2);
      await host.append("k3");
      const end = scene.wall + TTL;
      await scene.advance(TTL / 2);
      scene.asked();
      scene.next(/register expire/, "lost");
      await assert.rejects(host.remind(name), /unavailable/);
      assert.deepEqual(scene.duties("expire"), [name]);
      scene.next(/cancel expire/, slowly);
      scene.asked();
      await host.remind(name);
      assert.deepEqual(scene.asked(), ["read rec/4", "register expire", "cancel expire"]);
      const [next = "", ...more] = scene.duties("expire");
      const due = scene.reminders.get(next)?.due ?? 0;
      assert.deepEqual([more, next === name, due <= end - scene.wall && due > end - scene.wall - 1_000], [[], false, true]);
    },
  ],
  [
    "C7: where the end has moved, who has set no reminder of it sets one, once; another's it cancels when it has seen it for long enough",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 10 * times.drop);
      const [name = ""] = scene.duties("expire");
      const other = scene.host();
      await other.remind(name);
      const [, own = "", ...more] = scene.duties("expire");
      assert.deepEqual([own === "", more], [false, []]);
      await other.remind(name);
      assert.deepEqual(scene.duties("expire"), [name, own]);
      await scene.advance(times.drop);
      scene.next(/cancel expire/, slowly, 2);
      await other.remind(name);
      const [next = name, ...rest] = scene.duties("expire");
      assert.deepEqual([next === name, rest], [false, []]);
    },
  ],
  [
    "C7: where there is no end any more, who set the reminder cancels it at once, and sets another one when there is an end again",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", TTL);
      await host.configure("none", null);
      const [name = ""] = scene.duties("expire");
      scene.asked();
      await host.remind(name);
      assert.deepEqual([scene.asked(), scene.duties("expire")], [["read rec/4", "cancel expire"], []]);
      await scene.advance(times.tend);
      await scene.host().configure("again", 10 * times.drop);
      for (let i = 0; i < 3; i++) {
        await host.remind(scene.duties("tend")[0] ?? "");
        await scene.advance(2_000);
      }
      assert.equal(scene.duties("expire").length, 2);
      const { scene: two, host: another } = await standing(part, 1);
      await another.configure("ttl", TTL);
      const [foreign = ""] = two.duties("expire");
      await another.configure("none", null);
      const stranger = two.host();
      await stranger.remind(foreign);
      assert.deepEqual(two.duties("expire"), [foreign]);
      await two.advance(times.drop);
      two.asked();
      await stranger.remind(foreign);
      assert.deepEqual([two.asked().at(-1), two.duties("expire")], ["cancel expire", []]);
    },
  ],
  [
    "C1: contents go when the tombstone was seen for D, and no sooner, whatever the wall clock says; then the reminder goes, and nothing of them is told",
    async (part) => {
      const { scene, host, clearing, seen } = await ended(part);
      await scene.advance(seen + times.drop - 1 - scene.mono);
      scene.wall -= 2 * times.drop;
      await host.remind(clearing);
      assert.ok(scene.keys.includes("rec/1"));
      scene.mono++;
      scene.next(/cancel expire/, slowly);
      scene.asked();
      await host.remind(clearing);
      const drops = ["drop keys", "drop head", "drop rec/1", "drop rec/2", "drop rec/3"];
      assert.deepEqual(scene.asked(), ["read tombstone", ...drops, "read page/1", "cancel expire"]);
      assert.deepEqual([scene.keys, scene.duties("expire").includes(clearing)], [["tombstone"], false]);
      const refused = await host.read();
      assert.equal(refused.code, "expired");
      assert.match(refused.message ?? "", /has run out; its name/);
    },
  ],
  [
    "C1: contents stay for D after a tombstone that landed late, too",
    async (part) => {
      const { scene, host } = await overdue(part);
      let land = (): void => {};
      scene.next(/create .*tombstone/, (apply) => {
        land = apply;
        return "lost";
      });
      scene.next(/^read \S*tombstone$/, () => {});
      scene.next(/^read \S*tombstone$/, () => land());
      await host.remind(scene.duties("expire")[0] ?? "");
      assert.ok(scene.keys.includes("rec/1"));
    },
  ],
  [
    "C7: contents stay until the events of a name that has ended are out: who finds that they are not tells them",
    async (part) => {
      const { scene, host } = await overdue(part);
      scene.next(/publish/, "lost", 1_000);
      assert.equal((await host.append("late")).code, "expired");
      const clearing = scene.duties("expire").at(-1) ?? "";
      // Nobody else tends the context any more.
      const other = scene.host();
      const fire = async (): Promise<boolean> => {
        await other.remind(clearing);
        return scene.keys.includes("rec/1");
      };
      assert.ok(await fire());
      await scene.advance(times.drop);
      assert.ok(await fire());
      scene.hear();
      // One fire may find that they are not out, and the next that they are.
      for (const _ of ["first", "second"]) {
        await scene.advance(times.tend);
        await fire();
      }
      assert.deepEqual([scene.keys, scene.published.at(-1)?.version], [["tombstone"], 3]);
    },
  ],
  [
    "C7: contents stay a day at most for the sake of events that do not go out, and no longer than D where none are published",
    async (part) => {
      for (const events of [true, false]) {
        const { scene, host } = await overdue(part);
        Object.assign(scene.settings, { events });
        // The bus neither takes nor refuses.
        scene.next(/publish/, () => new Promise(() => {}), 1_000);
        assert.equal((await host.append("late")).code, "expired");
        const clearing = scene.duties("expire").at(-1) ?? "";
        const other = scene.host();
        const seen = scene.mono;
        await other.remind(clearing);
        await scene.advance(seen + (events ? limits.events_kept_ms : times.drop) - 1 - scene.mono);
        for (const _ of ["first", "second"]) await other.remind(clearing);
        assert.ok(scene.keys.includes("rec/1"));
        await scene.advance(1);
        await other.remind(clearing);
        assert.deepEqual(scene.keys, ["tombstone"]);
      }
    },
  ],
  [
    "C1: nothing is deleted where no tombstone stands",
    async (part) => {
      const { scene, host, clearing } = await ended(part);
      await scene.advance(times.drop);
      scene.drop("tombstone");
      await host.remind(clearing);
      assert.deepEqual([scene.keys.includes("rec/1"), scene.duties("expire").includes(clearing)], [true, true]);
      assert.deepEqual(scene.failures, []);
    },
  ],
  [
    "C1: what could not be deleted is deleted when the reminder fires again; of pages the last goes first",
    async (part) => {
      for (const [what, left] of [
        [/drop .*rec\/2/, ["page/1", "page/2", "rec/2", "tombstone"]],
        [/drop .*page\/2/, ["page/1", "page/2", "tombstone"]],
        [/drop .*page\/1/, ["page/1", "tombstone"]],
      ] as const) {
        const { scene, host, clearing } = await ended(part);
        scene.seal(1);
        scene.seal(2);
        await scene.advance(times.drop);
        scene.next(what, "lost");
        await host.remind(clearing);
        assert.deepEqual([scene.keys, scene.duties("expire").includes(clearing)], [left, true]);
        scene.asked();
        await host.remind(clearing);
        assert.deepEqual([scene.keys, scene.duties("expire").includes(clearing)], [["tombstone"], false]);
        assert.ok(!scene.asked().includes("drop page/0"));
      }
    },
  ],
];

/** Claims of `expire` above all. */
export const clearingClaims: readonly Claim<{ readonly expire: typeof expire }>[] = [
  [
    "C1: what is deleted at rest is not kept in memory either",
    async ({ expire }) => {
      const { scene, clearing } = await ended({ ContextActor });
      const ports = scene.ports();
      const world: World = { ports, group: new Group(ports, limits), hot: new Hot(limits), committed: () => {} };
      const aftermath = { outbox: new Outbox(ports, limits), reporter: new Reporter(ports, limits) };
      const a = new Activation(ID);
      a.published = 3;
      await expire(a, clearing, world, aftermath, {});
      assert.ok(world.hot.get(ID, 1) !== undefined);
      await scene.advance(times.drop);
      await expire(a, clearing, world, aftermath, {});
      assert.deepEqual([world.hot.get(ID, 1), scene.keys], [undefined, ["tombstone"]]);
    },
  ],
];
