import { limits } from "../../protocol/limits.ts";
import { assert, type Claim, slowly } from "./claims.ts";
import { ID, type Part, Scene, type SceneHost, standing, times } from "./scene.ts";

const START = new Scene({} as Part).wall;
const about = (host: SceneHost, key: string, ...subjects: readonly string[]) =>
  host.append(key, { items: [{ role: "user", content: key, subjects }] });

/** A context whose key table has roots for `count` subjects that nothing was written about yet. */
async function withSubjects(part: Part, count: number): Promise<{ readonly scene: Scene; readonly host: SceneHost }> {
  const { scene, host } = await standing(part, 1);
  const keys = scene.codec.openKeys(ID, scene.row("keys")?.value ?? new Uint8Array());
  const subjects = Array.from({ length: count - 1 }, (_, i) => String(i));
  scene.set("keys", scene.codec.addRoots(ID, keys, [...subjects, keys.pseudonym("subject", "ann")]).table);
  return { scene, host };
}

export const prepareClaims: readonly Claim<Part>[] = [
  [
    "C7: before the first record the directory, a reminder and the key table are written, each once, and nothing is read twice",
    async (part) => {
      const scene = new Scene(part);
      const host = scene.host();
      assert.equal((await host.append("k1")).created, true);
      const asked = ["read head keys tombstone", "enter", "register tend", "create keys", "create rec/1", "publish"];
      assert.deepEqual(scene.asked(), asked);
      await host.append("k2");
      assert.deepEqual(scene.asked(), ["create rec/2", "publish"]);
    },
  ],
  [
    "a context is entered in the directory before its first record alone: who takes it over does not enter it again",
    async (part) => {
      const { scene } = await standing(part, 2);
      assert.equal((await scene.host().append("k3")).version, 3);
      assert.ok(!scene.asked().includes("enter"));
    },
  ],
  [
    "where the directory does not take a context in, the caller hears so, and nothing of it is written but keys that nobody has used",
    async (part) => {
      const scene = new Scene(part);
      scene.next(/enter/, "lost");
      const refused = await scene.host().append("k1");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "none" }]);
      assert.deepEqual(scene.keys, []);
    },
  ],
  [
    "C1: who has known for half of D that there is no such context looks again before it makes its keys: they may have been and gone",
    async (part) => {
      const scene = new Scene(part);
      const host = scene.host();
      assert.equal((await host.read()).code, "not_found");
      await scene.advance(times.drop / 2);
      scene.asked();
      assert.equal((await host.append("k1")).created, true);
      const asked = scene.asked().filter((call) => /^(read|create)/.test(call));
      assert.deepEqual(asked, ["read head keys tombstone", "create keys", "create rec/1"]);
    },
  ],
  [
    "what the tenant decides holds for a context that begins later, though a turn was to begin it before and did not",
    async (part) => {
      const scene = new Scene(part);
      const host = scene.host();
      const caller = new AbortController();
      scene.next(/create .*keys/, () => caller.abort());
      const gone = await host.ask("append", { key: "k1", items: [{ role: "user", content: "k1" }] }, { signal: caller.signal });
      assert.deepEqual([gone.code, scene.row("rec/1")], ["unavailable", undefined]);
      scene.policy = { ttl: { ms: 5_000, from: "creation" } };
      assert.equal((await host.append("k2")).created, true);
      await scene.advance(5_000);
      assert.equal((await host.read()).code, "expired");
    },
  ],
  [
    "what the tenant decided for new contexts stands in the first record: a time to live is told before it, and counts from it",
    async (part) => {
      for (const from of ["creation", "lastAppend"] as const) {
        const scene = new Scene(part);
        scene.policy = { ttl: { ms: 5_000, from } };
        const host = scene.host();
        scene.next(/create .*rec\/1/, () => {
          assert.deepEqual(
            scene.duties("expire").map((name) => scene.reminders.get(name)?.due),
            [5_000],
          );
        });
        assert.equal((await host.append("k1")).ok, true);
        // Before its first record a context has nothing to tell the directory.
        assert.equal(scene.reports.length, 0);
        await scene.advance(4_900);
        assert.equal((await host.read()).version, 1);
        assert.equal(scene.reports[0]?.expires, START + 5_000);
        await scene.advance(100);
        assert.equal((await scene.host().append("late")).code, "expired");
      }
    },
  ],
  [
    "C7: a new time to live is told to a reminder and to the directory before its record, from when it counts",
    async (part) => {
      for (const [from, expires] of [
        ["creation", START + 60_000],
        ["lastAppend", START + 70_000],
      ] as const) {
        const scene = new Scene(part);
        const host = scene.host();
        await host.append("k1");
        await scene.advance(START + 10_000 - scene.wall);
        await host.append("k2");
        await scene.advance(START + 30_000 - scene.wall);
        scene.reports.length = 0;
        const due: unknown[] = [];
        scene.next(/create .*rec\/3/, () => {
          due.push(...scene.duties("expire").map((name) => scene.reminders.get(name)?.due), scene.reports.at(-1)?.expires);
          due.push(scene.reports.at(-1)?.version);
        });
        assert.equal((await host.configure("ttl", 60_000, from)).ok, true);
        assert.deepEqual(due, [expires - START - 30_000, expires, 2]);
      }
    },
  ],
  [
    "C7: a reminder of the end that cannot be set leaves nothing written, and the caller hears so",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      scene.next(/register expire/, "lost");
      const refused = await host.configure("ttl", 60_000);
      assert.deepEqual([refused.code, refused.details, scene.row("rec/2")], ["unavailable", { outcome: "none" }, undefined]);
      scene.reports.length = 0;
      scene.next(/register expire/, slowly);
      let reminded = 0;
      scene.next(/report/, () => {
        reminded = scene.duties("expire").length;
      });
      assert.equal((await host.configure("ttl", 60_000)).version, 2);
      assert.equal(reminded, 1);
    },
  ],
  [
    "a new subject's root stands in the key table before the record does, and is written once",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      const stranger = scene.host();
      await stranger.read();
      scene.asked();
      scene.next(/replace .*keys/, slowly);
      assert.equal((await about(stranger, "of ann", "ann")).version, 3);
      assert.deepEqual(scene.asked(), ["register tend", "replace keys", "read keys", "create rec/3", "publish", "publish"]);
      await about(stranger, "more of ann", "ann");
      assert.deepEqual(scene.asked(), ["create rec/4", "publish"]);
      // Who created the table does not know its etag, and reads it first.
      assert.equal((await host.read({ fresh: true })).version, 4);
      const scene2 = new Scene(part);
      const first = scene2.host();
      await first.append("k1");
      scene2.asked();
      assert.equal((await about(first, "of bob", "bob")).version, 2);
      assert.deepEqual(scene2.asked(), ["read keys", "replace keys", "read keys", "create rec/2", "publish"]);
    },
  ],
  [
    "V6: of two hosts that begin one context the key table of one counts, and both write under it",
    async (part) => {
      const scene = new Scene(part);
      const [one, two] = [scene.host(), scene.host()];
      scene.next(/create .*keys/, async () => {
        assert.equal((await two.append("k1")).version, 1);
      });
      assert.equal((await one.append("k2")).version, 2);
      assert.deepEqual(
        (await scene.host().read()).items?.map(({ content }) => content),
        ["k1", "k2"],
      );
    },
  ],
  [
    "a context is about as many subjects as it may, and about one more only where it is about that one already",
    async (part) => {
      const { scene } = await withSubjects(part, limits.subjects_per_context - 1);
      const host = scene.host();
      assert.equal((await about(host, "of bob", "bob")).version, 2);
      const refused = await about(host, "of carl", "carl", "ann");
      assert.equal(refused.code, "too_large");
      assert.match(refused.message ?? "", /about 4097 subjects; at most 4096/);
      assert.equal(scene.row("rec/3"), undefined);
      assert.equal((await about(host, "of ann and bob", "ann", "bob")).version, 3);
      // It has more where the limit was higher once.
      const more = await withSubjects(part, limits.subjects_per_context + 1);
      assert.equal((await about(more.scene.host(), "of ann", "ann")).version, 2);
    },
  ],
  [
    "the tenant's time to live is in the first record, though the key table of an attempt that came to nothing stands already",
    async (part) => {
      const scene = new Scene(part);
      scene.next(/create .*rec\/1/, "lost", 1_000);
      assert.equal((await scene.host().append("nothing")).code, "unavailable");
      scene.hear();
      assert.deepEqual(scene.keys, ["keys"]);
      scene.policy = { ttl: { ms: 5_000, from: "creation" } };
      assert.equal((await scene.host().append("k1")).version, 1);
      await scene.advance(5_001);
      assert.equal((await scene.host().read()).code, "expired");
    },
  ],
];
