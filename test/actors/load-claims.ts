import { limits } from "../../protocol/limits.ts";
import { assert, type Claim, slowly } from "./claims.ts";
import { type Part, type Reply, Scene, type SceneHost, standing, times } from "./scene.ts";

const HALF = times.drop / 2;
const contents = ({ items }: Reply): string[] => (items ?? []).map(({ content }) => content);
const range = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, i) => `rec/${from + i}`).join(" ");

/** What hosts that know nothing read: one that looks at the records alone, and one that finds a head. */
async function strangersRead(scene: Scene): Promise<Reply[]> {
  const found = await scene.host().read();
  const head = scene.row("head");
  scene.drop("head");
  const alone = await scene.host().read();
  if (head !== undefined) scene.set("head", head.value);
  return [found, alone];
}

/** Writes the head, as a host does that is told to leave. */
const leave = (host: SceneHost): Promise<void> => host.actor.deactivate("t.c");

export const loadClaims: readonly Claim<Part>[] = [
  [
    "C6: a cold load reads the head and the keys, then records until one is absent, and with them the tombstone and the next page",
    async (part) => {
      const { scene } = await standing(part, 3);
      assert.deepEqual(contents(await scene.host().read()), ["k1", "k2", "k3"]);
      assert.deepEqual(scene.asked(), ["read head keys tombstone", `read tombstone page/1 ${range(1, 32)}`]);
    },
  ],
  [
    "a cold load of a long context goes on reading where a bulk read ends",
    async (part) => {
      const { scene } = await standing(part, 40);
      assert.equal((await scene.host().read({ limit: 1 })).version, 40);
      const first = ["read head keys tombstone", `read tombstone page/1 ${range(1, 32)}`];
      assert.deepEqual(scene.asked(), [...first, `read ${range(33, 160)}`]);
      assert.equal((await scene.host().append("k41")).version, 41);
    },
  ],
  [
    "C6: with a head, a load begins at the record that the head names",
    async (part) => {
      const { scene, host } = await standing(part, 20);
      await leave(host);
      scene.asked();
      const stranger = scene.host();
      assert.equal((await stranger.append("k21")).version, 21);
      assert.deepEqual(scene.asked().slice(0, 2), ["read head keys tombstone", `read tombstone page/1 ${range(20, 28)}`]);
      assert.equal((await stranger.append("k20")).duplicate, true);
      assert.deepEqual(contents(await stranger.read({ at: 2 })), ["k1", "k2"]);
    },
  ],
  [
    "a version that is asked for by its number is read beside the head, and what comes after it with the head's record",
    async (part) => {
      const { scene, host } = await standing(part, 50);
      await leave(host);
      scene.asked();
      assert.equal(contents(await scene.host().read({ at: 40 })).length, 40);
      const then = `read tombstone page/1 ${range(33, 40)} ${range(50, 58)}`;
      assert.deepEqual(scene.asked(), ["read head keys tombstone", `read ${range(1, 32)}`, then]);
      assert.equal((await scene.host().read({ at: 51 })).code, "not_found");
      scene.asked();
      // It comes later than the rest, and is not asked for again.
      scene.next(/^read \S+rec\/1 /, slowly);
      assert.equal(contents(await scene.host().read()).length, 50);
      const last = `read tombstone page/1 ${range(33, 58)}`;
      assert.deepEqual(scene.asked(), ["read head keys tombstone", `read ${range(1, 32)}`, last]);
    },
  ],
  [
    "A2: a record that lies where another belongs is not handed out in its place",
    async (part) => {
      const { scene, host } = await standing(part, 4);
      await leave(host);
      const moved = scene.row("rec/3")?.value ?? new Uint8Array();
      scene.set("rec/2", moved);
      const refused = await scene.host().read({ at: 2 });
      assert.equal(refused.code, "internal");
      assert.match(refused.message ?? "", /record 2 is broken: it says version 3 where 2 belongs/);
      assert.deepEqual(contents(await scene.host().read({ at: 1 })), ["k1"]);
    },
  ],
  [
    "a load that is never over in time gives up, and says so",
    async (part) => {
      const { scene } = await standing(part, 2);
      let rounds = 0;
      scene.next(
        /read .*rec/,
        () => {
          scene.wall += HALF;
          rounds++;
        },
        1_000,
      );
      const refused = await scene.host().read();
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "none" }]);
      // One after each round, and the first.
      assert.equal(rounds, limits.load_rounds + 1);
    },
  ],
  [
    "C5: records that were read half of D after the tombstone and the page were looked for do not count: they may have been dropped since",
    async (part) => {
      for (const clock of ["wall", "mono"] as const) {
        const { scene } = await standing(part, 4);
        // Torn, and slow: the page was not there yet, the records were dropped already.
        scene.next(/read .*rec\/1 /, (apply) => {
          scene.seal(4);
          const page = scene.row("page/1")?.value ?? new Uint8Array();
          scene.drop("page/1", "rec/1", "rec/2", "rec/3", "rec/4");
          apply();
          scene.set("page/1", page);
          scene[clock] += HALF;
        });
        const reply = await scene.host().read();
        assert.deepEqual([reply.ok, contents(reply)], [true, ["k1", "k2", "k3", "k4"]]);
      }
    },
  ],
  [
    "V7: a head that is gone, old, of other bytes or of a record that does not stand changes nothing that is read",
    async (part) => {
      const { scene, host } = await standing(part, 3);
      await leave(host);
      const old = scene.row("head")?.value ?? new Uint8Array();
      for (const key of ["k4", "k5"]) await scene.host().append(key);
      const twin = await standing(part, 3);
      await leave(twin.host);
      for (const head of [undefined, old, new Uint8Array([9, 9]), twin.scene.row("head")?.value]) {
        if (head === undefined) scene.drop("head");
        else scene.set("head", head);
        const stranger = scene.host();
        assert.deepEqual(contents(await stranger.read()), ["k1", "k2", "k3", "k4", "k5"]);
        assert.equal((await stranger.append("k5")).duplicate, true);
      }
    },
  ],
  [
    "A2: a head that names a record that was taken out is not replaced by one of an earlier record, and verify goes on saying so",
    async (part) => {
      const { scene, host } = await standing(part, 4);
      await leave(host);
      scene.drop("rec/4");
      const stranger = scene.host();
      for (let i = 0; i < 3; i++) for (const name of scene.duties("tend")) await stranger.remind(name);
      await leave(stranger);
      for (const one of [stranger, scene.host()]) {
        const broken = await one.ask("verify", {});
        assert.deepEqual([broken.code, broken.details], ["internal", { broken: 4 }]);
      }
      assert.equal((await stranger.append("k4 again")).version, 4);
      // It does not name what stands there now.
      assert.equal((await scene.host().append("k5")).version, 5);
      assert.equal((await scene.host().ask("verify", {})).version, 5);
    },
  ],
  [
    "V7: a head of a record that was sealed and dropped since is no hint any more, and the pages say what stands",
    async (part) => {
      const { scene, host } = await standing(part, 4);
      await leave(host);
      await scene.host().append("k5");
      scene.seal(5);
      scene.drop("rec/1", "rec/2", "rec/3", "rec/4", "rec/5");
      for (const reply of await strangersRead(scene)) assert.deepEqual(contents(reply), ["k1", "k2", "k3", "k4", "k5"]);
    },
  ],
  [
    "V7: records that were sealed are read from pages, whether all, some or none of them were dropped",
    async (part) => {
      for (const dropped of [[], ["rec/1"], ["rec/1", "rec/2"], ["rec/2"], ["rec/1", "rec/2", "rec/3"]]) {
        const { scene, host } = await standing(part, 5);
        await leave(host);
        scene.seal(2);
        scene.seal(3);
        scene.drop(...dropped);
        for (const reply of await strangersRead(scene)) assert.deepEqual(contents(reply), ["k1", "k2", "k3", "k4", "k5"]);
        const stranger = scene.host();
        assert.deepEqual(contents(await stranger.read({ at: 2 })), ["k1", "k2"]);
        assert.equal((await stranger.append("k6")).version, 6);
      }
    },
  ],
  [
    "C6: a bulk read is no snapshot: a hole before a record that stands is read again",
    async (part) => {
      const { scene } = await standing(part, 3);
      const hidden = scene.row("rec/2")?.value ?? new Uint8Array();
      scene.next(/read .*rec\/1 /, (apply) => {
        scene.drop("rec/2");
        apply();
        scene.set("rec/2", hidden);
      });
      assert.deepEqual(contents(await scene.host().read()), ["k1", "k2", "k3"]);
    },
  ],
  [
    "a record that was taken out is told as broken, and so is one that does not follow the one before it",
    async (part) => {
      const { scene } = await standing(part, 4);
      scene.drop("rec/2");
      const missing = await scene.host().read();
      assert.deepEqual([missing.code, missing.details], ["internal", { broken: 2 }]);
      assert.match(missing.message ?? "", /missing/);
      const other = await standing(part, 4);
      other.scene.set("rec/3", other.scene.row("rec/4")?.value ?? new Uint8Array());
      const wrong = await other.scene.host().read();
      assert.deepEqual([wrong.code, wrong.details], ["internal", { broken: 3 }]);
      assert.match(wrong.message ?? "", /version 4 where 3 belongs/);
    },
  ],
  [
    "C5: a ghost under a sealed record's key is not believed, with or without a head, while it stands",
    async (part) => {
      const { scene, host: sleeper } = await standing(part, 2);
      await leave(sleeper);
      assert.equal((await sleeper.read()).version, 2);
      const other = scene.host();
      for (const key of ["k3", "k4", "k5"]) await other.append(key);
      await scene.advance(HALF);
      scene.seal(1);
      scene.seal(4);
      scene.drop("rec/3", "rec/4");
      let seen: Reply[] = [];
      // The sleeper has created rec/3, and not yet found out that it is a ghost.
      scene.next(/^read \S*page\/1$/, async () => {
        assert.ok(scene.row("rec/3"));
        seen = await strangersRead(scene);
      });
      assert.equal((await sleeper.append("ghost")).version, 6);
      for (const reply of seen) assert.deepEqual(contents(reply), ["k1", "k2", "k3", "k4", "k5"]);
      assert.equal(seen.length, 2);
    },
  ],
  [
    "C5: of a load that is larger than what it keeps, records that were let go of may have been ghosts, and the pages say what stands",
    async (part) => {
      const large = "x".repeat(limits.bytes_per_turn - 1_024);
      const histories = ["of this name", "of nobody"].map(async (slot) => {
        const scene = new Scene(part);
        const host = scene.host();
        const content = slot === "of nobody" ? large : "small";
        for (let i = 1; i <= 2; i++) await host.append(`k${i}`, { items: [{ role: "note", content }], set: { slot } });
        await host.append("k3", { items: [{ role: "note", content: large.slice(0, 4_096) }], set: { slot } });
        return scene;
      });
      const [scene, ghosts] = await Promise.all(histories);
      assert.ok(scene !== undefined && ghosts !== undefined);
      const rows = new Map(scene.rows);
      scene.next(/read .*rec\/1 /, (apply) => {
        for (let v = 1; v <= 3; v++) scene.set(`rec/${v}`, ghosts.row(`rec/${v}`)?.value ?? new Uint8Array());
        apply();
        for (const [key, row] of rows) scene.rows.set(key, row);
        scene.seal(1);
        scene.drop("rec/1");
        scene.mono += HALF;
      });
      const stranger = scene.host();
      const reply = await stranger.read({ from: 2 });
      assert.deepEqual([reply.version, reply.slots], [3, { slot: "of this name" }]);
    },
  ],
  [
    "C1: a name that has ended is expired while its contents stand, while they go, and when they are gone",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      await host.configure("ttl", 1_000);
      await scene.advance(1_001);
      assert.equal((await host.read()).code, "expired");
      for (const gone of [[], ["head"], ["rec/2"], ["rec/1", "rec/4"], ["keys"], ["rec/2", "rec/3"]]) {
        scene.drop(...gone);
        assert.equal((await scene.host().read()).code, "expired");
        assert.equal((await scene.host().append("late")).code, "expired");
      }
      assert.deepEqual(scene.keys, ["tombstone"]);
    },
  ],
  [
    "C8: a read within S of the last proof asks nothing of the store; then one record; after half of D the tombstone and the page as well",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      await scene.advance(times.hot - 60);
      scene.asked();
      await host.read();
      assert.deepEqual(scene.asked(), []);
      await scene.advance(60);
      scene.asked();
      await host.read();
      await host.read();
      assert.deepEqual(scene.asked(), ["read rec/3"]);
      await host.read({ fresh: true });
      assert.deepEqual(scene.asked(), ["read rec/3"]);
      await scene.advance(HALF);
      scene.asked();
      await host.read();
      assert.deepEqual(scene.asked(), ["read rec/3 tombstone page/1"]);
      await scene.advance(times.hot);
      await host.read();
      assert.deepEqual(scene.asked(), ["read rec/3"]);
    },
  ],
  [
    "C5: who only proves the tail, and looks at no page for half of D, looks at it then",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      for (let i = 0; i < 3; i++) {
        await scene.advance(HALF / 2);
        scene.asked();
        await host.read();
        assert.deepEqual(scene.asked(), i === 1 ? ["read rec/3 tombstone page/1"] : ["read rec/3"], `look ${i}`);
      }
    },
  ],
  [
    "C8: what another host has written, sealed or ended is found by a proof, and read",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      const other = scene.host();
      await other.append("k3");
      assert.equal((await host.read()).version, 2);
      assert.equal((await host.read({ fresh: true })).version, 3);
      await other.append("k4");
      scene.seal(4);
      scene.drop("rec/1", "rec/2", "rec/3", "rec/4");
      await scene.advance(HALF);
      assert.deepEqual(contents(await host.read()), ["k1", "k2", "k3", "k4"]);
      await other.configure("ttl", 1_000);
      await scene.advance(HALF);
      await other.read();
      assert.equal((await host.read()).code, "expired");
    },
  ],
  [
    "V7: keys that another host adds while a context is read are read as well, so that nothing looks erased",
    async (part) => {
      for (const at of [/read .*head/, /read .*rec\/1/]) {
        const { scene } = await standing(part, 2);
        const other = scene.host();
        scene.next(at, async (apply) => {
          if (at.source.includes("head")) apply();
          await other.ask("append", { key: "k3", items: [{ role: "user", content: "of ann", subjects: ["ann"] }] });
          await other.append("k4");
          await leave(other);
        });
        assert.deepEqual(contents(await scene.host().read()), ["k1", "k2", "of ann", "k4"]);
      }
    },
  ],
  [
    "where the store does not answer, a load says so and asks no further; what was held before is held on",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      for (const what of [/read .*head/, /read .*rec\/1/, /read .*tombstone/, /read .*page/]) {
        scene.next(what, "lost");
        const refused = await scene.host().read();
        assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "none" }]);
        assert.match(scene.asked().at(-1) ?? "", what);
      }
      scene.next(/read .*rec\/3/, "lost");
      assert.equal((await host.read({ fresh: true })).code, "unavailable");
      scene.asked();
      assert.equal((await host.read()).version, 2);
      assert.deepEqual(scene.asked(), []);
    },
  ],
  [
    "an old version is read from the store once, and from its page once it was sealed",
    async (part) => {
      const { scene, host } = await standing(part, 40);
      await leave(host);
      const stranger = scene.host();
      await stranger.append("k41");
      scene.asked();
      assert.equal(contents(await stranger.read({ at: 30 })).length, 30);
      const first = scene.asked();
      assert.ok(first.length <= 1);
      assert.equal(contents(await stranger.read({ at: 30 })).length, 30);
      assert.deepEqual(scene.asked(), []);
      await leave(stranger);
      scene.seal(35);
      for (let v = 1; v <= 35; v++) scene.drop(`rec/${v}`);
      assert.equal(contents(await scene.host().read({ at: 30 })).length, 30);
    },
  ],
  [
    "nothing stands where nothing was written: a read says not found, and asks for no record",
    async (part) => {
      const scene = new Scene(part);
      assert.equal((await scene.host().read()).code, "not_found");
      assert.deepEqual(scene.asked(), ["read head keys tombstone", "read rec/1"]);
    },
  ],
];
