import type { Draft } from "../../core/record.ts";
import { limits } from "../../protocol/limits.ts";
import { assert, type Claim } from "./claims.ts";
import { ID, type Part, type Reply, Scene, type SceneHost, standing, times } from "./scene.ts";

const HALF = times.drop / 2;
const contents = ({ items }: Reply): string[] => (items ?? []).map(({ content }) => content);
const leave = (host: SceneHost): Promise<void> => host.actor.deactivate(ID);
const keysOf = (scene: Scene) => scene.codec.openKeys(ID, scene.row("keys")?.value ?? new Uint8Array());

/** The record of `version`, with something else in it and another attempt. */
function altered(scene: Scene, version: number, change: Partial<Draft>) {
  const keys = keysOf(scene);
  const entry = scene.codec.decode(ID, keys, scene.row(`rec/${version}`)?.value ?? new Uint8Array());
  return scene.codec.encode(ID, keys, { ...entry, items: [], ...change }, []);
}

export const loadingClaims: readonly Claim<Part>[] = [
  [
    "C1: under a tombstone what cannot be opened is no damage, only what came to stand after all was deleted; without one it is",
    async (part) => {
      const { scene } = await standing(part, 2);
      scene.set("keys", scene.codec.mintKeys(ID).table);
      assert.equal((await scene.host().read()).code, "internal");
      scene.set("tombstone", scene.codec.encodeTombstone(2));
      assert.equal((await scene.host().read()).code, "expired");
      const { scene: long } = await standing(part, 40);
      long.set("tombstone", long.codec.encodeTombstone(40));
      long.next(/^read \S*rec\/33 /, "lost", 1_000);
      assert.equal((await long.host().read()).code, "unavailable");
    },
  ],
  [
    "B1: a load whose key table is another each time it looks gives up after some rounds",
    async (part) => {
      const { scene } = await standing(part, 2);
      scene.set("rec/2", new Uint8Array([9, 9]));
      let tables = 0;
      scene.next(
        /^read \S*head/,
        (apply) => {
          apply();
          tables++;
          scene.set("keys", scene.row("keys")?.value ?? new Uint8Array());
        },
        2 * limits.load_rounds,
      );
      const refused = await scene.host().append("k3");
      assert.deepEqual([refused.code, refused.details, tables], ["unavailable", { outcome: "none" }, limits.load_rounds]);
    },
  ],
  [
    "B1: a reminder that finds another tail each time it looks gives up after some rounds, and fires again",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      await scene.advance(times.tend);
      let looks = 0;
      scene.next(
        /^read \S*rec\/\d+$/,
        async () => {
          looks++;
          await other.append(`theirs ${looks}`);
        },
        2 * limits.load_rounds,
      );
      await assert.rejects(host.remind(scene.duties("tend")[0] ?? ""), /changes faster than it can be read/);
      assert.equal(looks, limits.load_rounds);
    },
  ],
  [
    "a load of which several reads fail says so once, and nobody is left with the other failure",
    async (part) => {
      const { scene, host } = await standing(part, 40);
      scene.next(/read .*head/, "lost");
      scene.next(/^read \S*rec\/1$/, "lost");
      assert.equal((await scene.host().read({ at: 1 })).code, "unavailable");
      await leave(host);
      scene.set("rec/1", new Uint8Array([9, 9]));
      scene.next(/^read \S*tombstone \S*page\/1 /, "lost");
      assert.deepEqual((await scene.host().read({ at: 1 })).details, { broken: 1 });
    },
  ],
  [
    "every read of a load is part of its caller's trace",
    async (part) => {
      const { scene } = await standing(part, 40);
      scene.traces.length = 0;
      await scene.host().ask("read", {}, { traceparent: "of-this-caller-01" });
      assert.deepEqual([scene.traces.length, new Set(scene.traces)], [3, new Set(["of-this-caller-01"])]);
    },
  ],
  [
    "a name that has ended is told with its time while its last record stands",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 1_000);
      await scene.advance(1_000);
      await host.read();
      assert.match((await scene.host().read()).message ?? "", /has run out at 2026-/);
    },
  ],
  [
    "A2: of several records that are wrong the first is told; one that does not follow the one before it is, in a record as in a page",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      await leave(host);
      for (const key of ["k3", "k4"]) await scene.host().append(key);
      scene.drop("rec/3");
      scene.set("rec/4", new Uint8Array([9, 9]));
      assert.deepEqual((await scene.host().read()).details, { broken: 3 });
      for (const sealed of [false, true]) {
        const { scene } = await standing(part, 3);
        scene.set("rec/2", altered(scene, 2, { previous: "00".repeat(32) }).bytes);
        if (sealed) scene.seal(3);
        const refused = await scene.host().append("k4");
        assert.deepEqual([refused.code, refused.details], ["internal", { broken: 2 }]);
        assert.match(refused.message ?? "", /it follows 0000/);
        assert.deepEqual((await scene.host().ask("verify", {})).details, { broken: 2 });
      }
    },
  ],
  [
    "C5: what was sealed is not taken from where its record stood, whether the head was written before or after",
    async (part) => {
      for (const before of [true, false]) {
        const { scene, host } = await standing(part, 5);
        if (before) await leave(host);
        const ghost = altered(scene, 3, {});
        scene.seal(3);
        const stranger = scene.host();
        await stranger.read();
        if (!before) await leave(stranger);
        for (const version of [1, 2, 3]) scene.drop(`rec/${version}`);
        scene.set("rec/3", ghost.bytes);
        assert.deepEqual(contents(await scene.host().read()), ["k1", "k2", "k3", "k4", "k5"]);
      }
    },
  ],
  [
    "V7: a head that names a ghost is not gone by once a page says what stood there",
    async (part) => {
      const { scene, host } = await standing(part, 4);
      await leave(host);
      const keys = keysOf(scene);
      const head = scene.codec.decodeHead(ID, keys, scene.row("head")?.value ?? new Uint8Array());
      assert.ok(head !== undefined);
      const ghost = altered(scene, 4, {});
      scene.set("head", scene.codec.encodeHead(ID, keys, { ...head.state, digest: ghost.entry.digest, items: 3 }, head.sealed));
      scene.seal(4);
      scene.set("rec/4", ghost.bytes);
      const stranger = scene.host();
      assert.equal((await stranger.append("k5")).version, 5);
      assert.deepEqual(contents(await scene.host().read()), ["k1", "k2", "k3", "k4", "k5"]);
      assert.equal((await scene.host().ask("verify", {})).ok, true);
    },
  ],
  [
    "a load that finds a new page goes on from what it has read: it reads no page twice",
    async (part) => {
      for (const head of [true, false]) {
        const { scene, host } = await standing(part, 5);
        if (head) await leave(host);
        scene.seal(3);
        scene.asked();
        assert.equal((await scene.host().append("k6")).version, 6);
        const reads = scene.asked().filter((call) => call.startsWith("read"));
        assert.deepEqual(
          reads.map((call) => call.replace(/ rec\/.*/, "")),
          ["read head keys tombstone", "read tombstone page/1", "read tombstone page/2"],
        );
      }
    },
  ],
  [
    "records that are in memory are not decoded again when their context is read anew",
    async (part) => {
      const { scene, host } = await standing(part, 4);
      await scene.advance(times.tend);
      await host.remind(scene.duties("tend")[0] ?? "");
      await scene.host().append("k5");
      const decoded: number[] = [];
      const { decodeAll } = scene.codec;
      scene.codec.decodeAll = (id, keys, records) => {
        decoded.push(records.length);
        return decodeAll.call(scene.codec, id, keys, records);
      };
      assert.equal(contents(await host.read({ fresh: true })).length, 5);
      assert.equal(
        decoded.reduce((sum, count) => sum + count, 0),
        1,
      );
    },
  ],
  [
    "B1: a load keeps no more for readers than it may, those that it read last",
    async (part) => {
      const scene = new Scene(part);
      const host = scene.host();
      const content = "x".repeat(limits.bytes_per_turn - 1_024);
      for (const key of ["k1", "k2"]) await host.append(key, { items: [{ role: "note", content }] });
      await host.append("k3", { items: [{ role: "note", content: content.slice(0, 4_096) }] });
      const stranger = scene.host();
      await stranger.read({ from: 2 });
      scene.asked();
      await stranger.read({ from: 1, limit: 1 });
      assert.deepEqual(scene.asked(), []);
      await stranger.read({ limit: 1 });
      assert.deepEqual(scene.asked(), ["read rec/1"]);
    },
  ],
  [
    "C5: a proof is as old as the clock says that says more; a repeated key needs one of the pages as well as one of the tail",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      scene.wall -= HALF;
      await host.append("k2");
      scene.wall += HALF;
      scene.asked();
      await host.read();
      assert.deepEqual(scene.asked(), ["read rec/3 tombstone page/1"]);
      for (const key of ["k3", "k4"]) {
        await scene.advance(HALF / 2);
        await host.append(key);
      }
      scene.asked();
      assert.equal((await host.append("k4")).duplicate, true);
      assert.deepEqual(scene.asked(), ["read rec/5 tombstone page/1"]);
    },
  ],
  [
    "C5, C8: a proof that takes half of D is none, be it of an old tail or of a young one: records may have been dropped before it was looked for them",
    async (part) => {
      for (const age of [0, HALF]) {
        const { scene, host } = await standing(part, 1);
        const other = scene.host();
        await scene.advance(age);
        scene.next(/^read \S*rec\/2( |$)/, async () => {
          await other.append("theirs");
          scene.seal(2);
          const page = scene.row("page/1")?.value ?? new Uint8Array();
          scene.drop("rec/1", "rec/2", "page/1");
          scene.wall += 3 * HALF;
          // As a bulk read is torn: its page was looked for before it came, its record after that was dropped.
          scene.next(/^read \S*head/, () => scene.set("page/1", page));
        });
        assert.equal((await host.read({ fresh: true })).version, 2, `${age}`);
      }
    },
  ],
];
