import { Keys } from "../../core/state.ts";
import { ContextId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { assert, type Claim, slowly } from "./claims.ts";
import { ID, type Part, Scene, type SceneHost, standing, times } from "./scene.ts";

/** A host of a context of `count` versions whose events are out, whose directory was told, and whose reminder has not fired yet. */
async function told(part: Part, count: number): Promise<{ readonly scene: Scene; readonly host: SceneHost; readonly name: string }> {
  const { scene, host } = await standing(part, count);
  await scene.advance(times.tend);
  scene.asked();
  return { scene, host, name: scene.duties("tend")[0] ?? "" };
}

export const tendingClaims: readonly Claim<Part>[] = [
  [
    "C7: where all is out and told, one fire writes the head and cancels the reminder, and nothing is told again",
    async (part) => {
      const { scene, host, name } = await told(part, 2);
      scene.next(/cancel/, slowly);
      await host.remind(name);
      assert.deepEqual(scene.asked(), ["read rec/3", "put head", "cancel tend"]);
      assert.deepEqual(scene.duties("tend"), []);
      await scene.advance(times.tend);
      await host.remind("tend-another");
      assert.deepEqual(scene.asked(), ["read rec/3"]);
      assert.deepEqual([scene.published.map(({ version }) => version), scene.reports.map(({ version }) => version)], [[1, 2], [2]]);
    },
  ],
  [
    "C7: a context in use is left to its turns: until a period after its last one a fire asks for nothing and the reminder stays",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const committed = scene.mono;
      await host.append("k2");
      await scene.advance(committed + times.tend - 1 - scene.mono);
      const [name = ""] = scene.duties("tend");
      scene.asked();
      await host.remind(name);
      assert.deepEqual([scene.asked(), scene.duties("tend")], [[], [name]]);
      await scene.advance(1);
      await host.remind(name);
      assert.deepEqual([scene.asked(), scene.duties("tend")], [["read rec/3", "put head", "cancel tend"], []]);
    },
  ],
  [
    "C7: a context of which nothing is certain, or in which only others make turns, is not in use",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      await other.read();
      scene.asked();
      await other.remind("tend-another");
      assert.deepEqual(scene.asked(), ["read rec/2", "publish", "put head"]);
      scene.next(/create .*rec\/2/, "lost", 1_000);
      assert.deepEqual((await host.append("k2")).details, { outcome: "unknown" });
      scene.hear();
      scene.asked();
      await host.remind("tend-another");
      assert.ok(scene.asked()[0]?.includes("head"));
    },
  ],
  [
    "C7: what the directory has not heard of a context in use is told again by the next fire",
    async (part) => {
      const { scene, host, name } = await told(part, 1);
      scene.next(/report/, "lost");
      await host.append("k2");
      await scene.advance(limits.report_delay_ms);
      assert.deepEqual(scene.reports.at(-1)?.version, 1);
      await host.actor.remind(ID, name, {});
      await scene.advance(limits.report_delay_ms);
      assert.deepEqual(scene.reports.at(-1)?.version, 2);
      scene.asked();
      await host.actor.remind(ID, name, {});
      await scene.advance(limits.report_delay_ms);
      assert.deepEqual(scene.asked(), []);
    },
  ],
  [
    "C7: where the bus is there one fire tells all events that are not out, and where it is away it looks for no more than are told at once",
    async (part) => {
      const scene = new Scene(part);
      scene.next(/publish/, "lost", 10_000);
      const host = scene.host();
      const many = 2 * limits.events_per_publish + 8;
      for (let i = 1; i <= many; i++) await host.append(`k${i}`);
      scene.hear();
      const other = scene.host();
      scene.next(/publish/, "lost", limits.publish_attempts);
      await other.remind("tend-another");
      const told = async (): Promise<number> => {
        for (let i = 0; i < 4; i++) await scene.advance(limits.settle_pause_max_ms);
        return new Set(scene.published.map(({ version }) => version)).size;
      };
      assert.equal(await told(), 0);
      const { promise, resolve } = Promise.withResolvers<void>();
      scene.next(/publish/, () => promise);
      await other.actor.remind(ID, "tend-another", {});
      resolve();
      assert.equal(await told(), limits.events_per_publish);
      await scene.host().remind("tend-another");
      assert.equal(await told(), many);
    },
  ],
  [
    "a fire writes the head of a context in use where a load would have many records to read beyond it",
    async (part) => {
      const { scene, host } = await standing(part, limits.head_behind_in_use);
      scene.drop("head");
      const [name = ""] = scene.duties("tend");
      const fire = async (): Promise<string[]> => {
        scene.asked();
        await host.actor.remind(ID, name, {});
        return scene.asked();
      };
      assert.deepEqual(await fire(), []);
      await host.append("one more");
      scene.next(/put .*head/, slowly);
      assert.deepEqual([await fire(), scene.keys.includes("head")], [["put head"], true]);
      assert.deepEqual([await fire(), scene.duties("tend")], [[], [name]]);
    },
  ],
  [
    "contexts tell the directory in the order of their names, so many at a time, each its latest; who comes later waits for the next round",
    async (part) => {
      const scene = new Scene(part);
      const host = scene.host();
      const count = limits.reports_per_call + 2;
      const ids = Array.from({ length: count }, (_, i) => `t.c${String(i).padStart(4, "0")}`);
      const append = (id = "", key = "k") => host.ask("append", { key, items: [{ role: "user", content: key }] }, {}, ContextId.parse(id));
      for (const id of ids.toReversed()) await append(id);
      const told = () => scene.reports.splice(0).map(({ name, version }) => `${name} ${version}`);
      const names = ids.map((id) => id.slice(2));
      await scene.advance(limits.report_delay_ms);
      assert.deepEqual(
        told(),
        names.slice(0, -2).map((name) => `${name} 1`),
      );
      for (const id of [ids[0], ids.at(-1)]) await append(id, "more");
      await scene.advance(limits.report_delay_ms);
      assert.deepEqual(told(), [`${names.at(-2)} 1`, `${names.at(-1)} 2`]);
      await scene.advance(limits.report_delay_ms);
      assert.deepEqual(told(), [`${names[0]} 2`]);
    },
  ],
  [
    "C7: a reminder stays while events are not out, the directory was not told, or the head was not written",
    async (part) => {
      for (const what of [/publish/, /report/, /put .*head/]) {
        const { scene, host } = await standing(part, 1);
        scene.next(what, "lost", 1_000);
        await host.append("k2");
        const [name = ""] = scene.duties("tend");
        for (let i = 0; i < 3; i++) {
          await scene.advance(times.tend / 2);
          await host.remind(name);
          assert.deepEqual(scene.duties("tend"), [name], String(what));
        }
        scene.hear();
        for (let i = 0; i < 3; i++) {
          await host.remind(name);
          await scene.advance(times.tend / 4);
        }
        assert.deepEqual(scene.duties("tend"), [], String(what));
        assert.deepEqual([scene.published.at(-1)?.version, scene.reports.at(-1)?.version], [2, 2]);
        assert.ok(scene.keys.includes("head"));
      }
    },
  ],
  [
    "C7: who tends a context sets a reminder of its end where it has one and none of its own, before it lets go of the one that fired",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 3_600_000, "creation");
      await scene.advance(2 * times.drop);
      const [name = ""] = scene.duties("tend");
      const other = scene.host();
      const before = scene.duties("expire");
      for (let i = 0; i < 3; i++) {
        await scene.advance(times.tend);
        await other.remind(name);
      }
      const [set = "", ...more] = scene.duties("expire").filter((one) => !before.includes(one));
      const born = (await other.ask("history", { limit: 10 })).versions?.at(-1)?.at ?? "";
      const due = scene.reminders.get(set)?.due ?? 0;
      assert.deepEqual([more, due > 3_600_000 - scene.wall + Date.parse(born) && due < 3_600_000 - 2 * times.drop], [[], true]);
      // One whose registration fails leaves the other where it is.
      const { scene: again, host: own } = await told(part, 1);
      await own.configure("ttl", 3_600_000);
      await again.advance(4 * times.tend);
      await own.append("k3");
      await again.advance(times.tend);
      const [mine = ""] = again.duties("tend");
      again.next(/register expire/, "lost");
      await assert.rejects(own.remind(mine), /unavailable/);
      assert.deepEqual(again.duties("tend"), [mine]);
      await own.remind(mine);
      assert.deepEqual(again.duties("tend"), []);
    },
  ],
  [
    "C7: who tends a context without a time to live sets no other reminder",
    async (part) => {
      const { scene, host, name } = await told(part, 2);
      await host.remind(name);
      assert.equal(scene.reminders.size, 0);
    },
  ],
  [
    "C7: a name that has ended, and whose contents nobody is to delete, has a reminder for that once it is tended, and none once they are gone",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 60_000, "creation");
      scene.reminders.clear();
      const other = scene.host();
      await scene.advance(60_000);
      scene.next(/register expire/, "lost", 2);
      assert.equal((await other.append("late")).code, "unavailable");
      await scene.advance(2_000);
      const [name = ""] = scene.duties("tend");
      await assert.rejects(other.remind(name), /unavailable/);
      assert.deepEqual([scene.duties("tend"), scene.duties("expire")], [[name], []]);
      scene.asked();
      await other.remind(name);
      assert.deepEqual(scene.asked(), ["register expire", "cancel tend"]);
      assert.ok(!scene.keys.includes("head"));
      const [clearing = ""] = scene.duties("expire");
      assert.deepEqual(scene.reminders.get(clearing), { due: times.drop, period: times.drop / 8 });
      await scene.advance(times.drop);
      await other.remind(clearing);
      assert.deepEqual([scene.keys, scene.reminders.size], [["tombstone"], 0]);
      for (const one of [other, scene.host()]) await one.remind("tend-another");
      assert.deepEqual([scene.keys, scene.reminders.size], [["tombstone"], 0]);
    },
  ],
  [
    "C1: who has proven its tail too long ago writes no head: the name may have ended since, and its contents gone",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      scene.drop("head");
      await scene.advance(times.drop / 2);
      scene.asked();
      await host.actor.deactivate(ID);
      assert.deepEqual(scene.asked(), []);
    },
  ],
  [
    "C6: where nothing stands any more, no head is written",
    async (part) => {
      const { scene, host, name } = await told(part, 2);
      scene.rows.clear();
      scene.next(/create .*rec\/3/, "lost", 1_000);
      assert.deepEqual((await host.append("k3")).details, { outcome: "unknown" });
      scene.hear();
      await host.remind(name);
      assert.deepEqual(scene.keys, []);
    },
  ],
  [
    "C10: keys that are older than both windows are forgotten when the head is written",
    async (part) => {
      const { scene, host } = await told(part, 1);
      await host.actor.deactivate(ID);
      const keys = scene.codec.openKeys(ID, scene.row("keys")?.value ?? new Uint8Array());
      const head = scene.codec.decodeHead(ID, keys, scene.row("head")?.value ?? new Uint8Array());
      const first = scene.codec.decode(ID, keys, scene.row("rec/1")?.value ?? new Uint8Array());
      assert.ok(head !== undefined);
      const version = limits.key_window_versions + 1;
      const { bytes, entry } = scene.codec.encode(ID, keys, { ...first, version, items: [] }, []);
      const used = new Keys();
      for (let v = 1; v <= version; v++) used.add(keys.pseudonym("key", String(v)), v, entry.at);
      const state = { ...head.state, version, digest: entry.digest, keys: used };
      scene.set(`rec/${version}`, bytes);
      scene.set("head", scene.codec.encodeHead(ID, keys, state, head.sealed));
      await scene.advance(limits.key_window_ms + 1_000);
      const stranger = scene.host();
      assert.equal((await stranger.append("next")).version, version + 1);
      await stranger.actor.deactivate(ID);
      const after = scene.codec.decodeHead(ID, keys, scene.row("head")?.value ?? new Uint8Array());
      assert.deepEqual(
        [1, 2, 3].map((v) => after?.state.keys.versionOf(keys.pseudonym("key", String(v)))),
        [undefined, undefined, 3],
      );
    },
  ],
  [
    "what many contexts that began together are to do later is not due for all at once, and for none later than a period from now",
    async (part) => {
      const scene = new Scene(part);
      for (let i = 0; i < 8; i++) await scene.host().append(`k${i}`);
      const dues = [...scene.reminders.values()].map(({ due }) => due);
      assert.equal(new Set(dues).size, 8);
      assert.deepEqual(
        dues.filter((due) => due <= 0 || due > times.tend),
        [],
      );
      assert.deepEqual(new Set([...scene.reminders.values()].map(({ period }) => period)), new Set([times.tend]));
    },
  ],
  [
    "a head is written every so many versions, and where it says twice as many keys, half as often",
    async (part) => {
      const { head_every_versions: every, keys_per_head_step: step } = limits;
      const scene = new Scene(part);
      const host = scene.host();
      const written: number[] = [];
      for (let version = 1; version <= step + 5 * every; version++) {
        await host.append(`k${version}`);
        if (scene.asked().includes("put head")) written.push(version);
      }
      // Where between its first two a context changes to the longer way depends on when it began to count.
      const apart = written.slice(1).map((version, i) => version - (written[i] ?? 0));
      const often = apart.slice(0, step / every - 1);
      assert.deepEqual(
        [written[0] ?? 0].map((first) => first > 0 && first <= every),
        [true],
      );
      assert.deepEqual(new Set(often), new Set([every]));
      assert.equal(apart.at(-1), 2 * every);
    },
  ],
];
