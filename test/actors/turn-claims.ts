import { assert, type Claim, slowly } from "./claims.ts";
import { ID, type Part, Scene, standing, times } from "./scene.ts";

const HALF = times.drop / 2;

export const turnClaims: readonly Claim<Part>[] = [
  [
    "a turn on a live context is one write and no read; the event goes out after it",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      const reply = await host.append("k3");
      assert.deepEqual([reply.ok, reply.version], [true, 3]);
      assert.deepEqual(scene.asked(), ["create rec/3", "publish"]);
      assert.deepEqual(
        scene.published.map(({ version }) => version),
        [1, 2, 3],
      );
    },
  ],
  [
    "a caller who has gone before the record is sent gets none, and hears that nothing was written",
    async (part) => {
      const { scene } = await standing(part, 2);
      const gone = new AbortController();
      const other = scene.host();
      scene.next(/^read .*rec\/3/, () => gone.abort());
      scene.asked();
      const reply = await other.ask("append", { key: "k3", items: [{ role: "user", content: "k3" }] }, { signal: gone.signal });
      assert.deepEqual([reply.ok, reply.code, reply.details], [false, "unavailable", { outcome: "none" }]);
      assert.deepEqual(
        scene.asked().filter((call) => call.startsWith("create")),
        [],
      );
      assert.equal((await other.append("k3")).version, 3);
    },
  ],
  [
    "a refusal that no later record can change asks nothing of the store; one that may be out of date proves the tail first",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      assert.equal((await host.ask("append", { key: "empty", items: [] })).code, "invalid");
      assert.deepEqual(scene.asked(), []);
      const refused = await host.append("k3", { expect: 1 });
      assert.deepEqual([refused.code, refused.details], ["conflict", { head: 2 }]);
      assert.deepEqual(scene.asked(), ["read rec/3"]);
    },
  ],
  [
    "V2: what another host has written since is found before an expected version is refused",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      assert.equal((await other.append("theirs")).version, 2);
      const reply = await host.append("mine", { expect: 2 });
      assert.deepEqual([reply.ok, reply.version], [true, 3]);
      const refused = await other.append("late", { expect: 2 });
      assert.deepEqual([refused.code, refused.details], ["conflict", { head: 3 }]);
    },
  ],
  [
    "V5: a repeated key is answered as before, from memory while the tail's proof is young, even where the expected head is old",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const first = await host.append("once", { expect: 1 });
      scene.asked();
      await scene.advance(HALF - 5_000);
      scene.asked();
      const again = await host.append("once", { expect: 1 });
      assert.deepEqual(again, { ...first, duplicate: true });
      assert.deepEqual(scene.asked(), []);
      await host.append("more");
      const other = await host.ask("append", { key: "once", items: [{ role: "user", content: "something else" }] });
      assert.deepEqual([other.code, other.details], ["conflict", { head: 3, keyUsedFor: 2 }]);
    },
  ],
  [
    "C5: a repeated key is answered only after a new proof where the old one is half of D old",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      await scene.advance(HALF);
      scene.asked();
      const again = await host.append("k2");
      assert.deepEqual([again.ok, again.version, again.duplicate], [true, 2, true]);
      assert.deepEqual(scene.asked(), ["read rec/3 tombstone page/1"]);
    },
  ],
  [
    "C5: a proof that grows old while it is made is made again before a repeated key is acknowledged",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      await scene.advance(HALF);
      scene.next(/read .*page\/1$/, () => {
        scene.wall += HALF;
      });
      scene.asked();
      const again = await host.append("k2");
      assert.deepEqual([again.ok, again.version], [true, 2]);
      assert.equal(scene.asked().filter((call) => call.includes("tombstone page/1")).length, 2);
    },
  ],
  [
    "C1: a host that slept while the name ended acknowledges nothing of it, not even a repeated key",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      const other = scene.host();
      await other.configure("ttl", 1_000);
      await scene.advance(1_001);
      assert.equal((await other.append("late")).code, "expired");
      await scene.advance(HALF);
      assert.equal((await host.append("k2")).code, "expired");
    },
  ],
  [
    "a name whose time has run out ends with the turn that finds it: a last record, then a tombstone, then nothing more",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 5_000);
      await scene.advance(5_001);
      scene.asked();
      assert.equal((await host.append("late")).code, "expired");
      const asked = scene.asked().filter((call) => call.startsWith("create"));
      assert.deepEqual(asked, ["create rec/3", "create tombstone"]);
      assert.equal((await host.append("later")).code, "expired");
      assert.deepEqual(scene.asked(), []);
      assert.equal(scene.published.at(-1)?.type, "strata.context.expired");
    },
  ],
  [
    "C1: a last record without a tombstone is given one by whoever finds it",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 5_000);
      await scene.advance(5_001);
      scene.next(/create .*tombstone/, "lost", 2);
      assert.equal((await host.append("late")).code, "expired");
      assert.ok(!scene.keys.includes("tombstone"));
      assert.equal((await scene.host().append("later")).code, "expired");
      assert.ok(scene.keys.includes("tombstone"));
    },
  ],
  [
    "C1: who finds a last record without a tombstone answers only when it has seen to one",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 5_000);
      await scene.advance(5_001);
      scene.next(/create .*tombstone/, "lost", 2);
      await host.append("late");
      assert.ok(!scene.keys.includes("tombstone"));
      scene.next(/create .*tombstone/, slowly);
      assert.equal((await scene.host().append("later")).code, "expired");
      assert.ok(scene.keys.includes("tombstone"));
    },
  ],
  [
    "C5: a proof that grows old while the record of a repeated key is read from its page is made again before it is acknowledged",
    async (part) => {
      const { scene } = await standing(part, 4);
      scene.seal(2);
      const leaving = scene.host();
      await leaving.read();
      await leaving.actor.deactivate(ID);
      const host = scene.host();
      await host.read({ at: 4, from: 3 });
      scene.next(/^read \S*page\/1$/, () => {
        scene.wall += HALF;
      });
      scene.asked();
      const again = await host.append("k1");
      assert.deepEqual([again.version, again.duplicate], [1, true]);
      assert.deepEqual(scene.asked(), ["read page/1", "read rec/5 tombstone page/2"]);
    },
  ],
  [
    "while nothing was sent, a failure says that nothing was written",
    async (part) => {
      const { scene } = await standing(part, 2);
      scene.next(/read .*head/, "lost");
      const refused = await scene.host().append("k3");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "none" }]);
      assert.ok(!scene.keys.includes("rec/3"));
    },
  ],
  [
    "once a record was sent, a failure says that it is not known what became of it",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await scene.host().append("theirs");
      // Another's record stands at the version; then the store cannot be read again.
      scene.next(/read .*head/, "lost");
      const refused = await host.append("mine");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "unknown" }]);
    },
  ],
  [
    "once a record was sent, a refusal for another reason stays what it is",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await scene.host().append("theirs");
      const refused = await host.append("mine", { expect: 1 });
      assert.deepEqual([refused.code, refused.details], ["conflict", { head: 2 }]);
    },
  ],
  [
    "what is broken is told as such, whether a record was sent before or not",
    async (part) => {
      for (const sent of [false, true]) {
        const { scene, host } = await standing(part, 2);
        const other = scene.host();
        await other.append("theirs");
        const broken = Uint8Array.from(scene.row("rec/2")?.value ?? []);
        broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
        scene.set("rec/2", broken);
        const refused = await (sent ? host : scene.host()).append("mine");
        assert.deepEqual([refused.code, refused.details], ["internal", { broken: 2 }]);
      }
    },
  ],
  [
    "a turn that is never decided ends at its deadline, and says whether it sent something",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      let count = 0;
      scene.next(
        /create .*rec\/\d/,
        async () => {
          // Each time, somebody else is faster, and it takes four seconds.
          await scene.advance(4_000);
          if (count++ % 2 === 0) await other.append(`theirs ${count}`);
        },
        100,
      );
      const refused = await host.append("mine");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "unknown" }]);
      assert.ok(count <= 6);
    },
  ],
  [
    "a turn whose key table never comes to stand ends at its deadline with nothing written",
    async (part) => {
      const scene = new Scene(part);
      let tries = 0;
      scene.next(
        /create .*keys/,
        () => {
          scene.mono += 1_000;
          tries++;
          return "lost";
        },
        1_000,
      );
      const refused = await scene.host().append("k1");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "none" }]);
      assert.equal(tries, 15);
    },
  ],
  [
    "a turn is decided no more often than it may be",
    async (part) => {
      const scene = new Scene(part);
      let tries = 0;
      scene.next(
        /create .*keys/,
        () => {
          tries++;
          return "lost";
        },
        1_000,
      );
      assert.deepEqual((await scene.host().append("k1")).details, { outcome: "none" });
      assert.ok(tries > 30 && tries <= 64);
    },
  ],
  [
    "C7: a commit that took longer than its reminder is trusted has another one before it is acknowledged",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const before = scene.duties("tend");
      scene.next(/create .*rec\/2/, async () => {
        await scene.advance(4 * times.tend);
      });
      await host.append("k2");
      const after = scene.duties("tend");
      assert.equal(before.length, 1);
      assert.equal(after.length, 1);
      assert.notDeepEqual(after, before);
    },
  ],
];
