import { assert, type Claim, slowly } from "./claims.ts";
import { type Part, type Scene, type SceneHost, standing, times } from "./scene.ts";

const HALF = times.drop / 2;

/** A host that read version 1 and then slept, while another wrote `others` more versions. */
async function slept(part: Part, others: number): Promise<{ scene: Scene; sleeper: SceneHost; other: SceneHost }> {
  const { scene, host: sleeper } = await standing(part, 1);
  const other = scene.host();
  for (let i = 2; i <= others + 1; i++) await other.append(`other ${i}`);
  await scene.advance(HALF);
  scene.asked();
  return { scene, sleeper, other };
}

export const commitClaims: readonly Claim<Part>[] = [
  [
    "C2: a record that was written and not heard of is found, and acknowledged as what it is",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      scene.next(/create .*rec\/2/, "unheard");
      const reply = await host.append("k2");
      assert.deepEqual([reply.ok, reply.version, reply.duplicate], [true, 2, undefined]);
      assert.deepEqual(scene.asked(), ["create rec/2", "read rec/2", "publish"]);
      assert.equal((await host.append("k3")).version, 3);
      assert.deepEqual(scene.asked(), ["create rec/3", "publish"]);
    },
  ],
  [
    "C3: a record that is not there is sent again, the same; if the first one lands after all, it is still this turn's",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      let land = (): void => {};
      scene.next(/create .*rec\/2/, (apply) => {
        land = apply;
        return "lost";
      });
      scene.next(/create .*rec\/2/, () => land());
      const reply = await host.append("k2");
      assert.deepEqual([reply.ok, reply.version], [true, 2]);
      assert.deepEqual(scene.asked(), ["create rec/2", "read rec/2", "read page/1", "create rec/2", "read rec/2", "publish"]);
      assert.equal((await scene.host().append("k2")).duplicate, true);
    },
  ],
  [
    "C2: where another's record stands the turn is decided again, and both are there",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      assert.equal((await other.append("theirs")).version, 2);
      assert.equal((await host.append("mine")).version, 3);
      const { items } = await scene.host().read();
      assert.deepEqual(
        items?.map(({ content }) => content),
        ["k1", "theirs", "mine"],
      );
    },
  ],
  [
    "C3: while the store does not answer, nothing is concluded; when it answers again, it is asked",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      scene.next(/create .*rec\/2/, "unheard");
      const looked: number[] = [];
      scene.next(/read .*rec\/2/, () => (looked.push(scene.mono) < 4 ? "lost" : "heard"), 4);
      assert.equal((await host.append("k2")).version, 2);
      assert.deepEqual(scene.asked(), ["create rec/2", ...Array.from({ length: 4 }, () => "read rec/2"), "publish"]);
      assert.deepEqual(
        looked.slice(1).map((at, i) => at - (looked[i] ?? 0)),
        [20, 20, 20],
      );
    },
  ],
  [
    "C3: what is not settled by the deadline is unknown, and no sooner; nothing in memory is trusted after that",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      scene.next(/create .*rec\/2/, "lost");
      scene.next(/read .*rec\/2/, "lost", 10_000);
      const from = scene.mono;
      const refused = await host.append("k2");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "unknown" }]);
      assert.ok(scene.mono - from >= 15_000 && scene.mono - from < 16_000);
      scene.asked();
      assert.equal((await host.append("k3", { expect: 1 })).code, "unavailable");
      assert.equal(scene.asked()[0], "read head keys tombstone");
    },
  ],
  [
    "a record that is lost again and again is sent some times, with longer and longer pauses, and then its fate is unknown",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const sent: number[] = [];
      scene.next(
        /create .*rec\/2/,
        () => {
          sent.push(scene.mono);
          return "lost";
        },
        1_000,
      );
      const refused = await host.append("k2");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "unknown" }]);
      const pauses = sent.slice(1).map((at, i) => at - (sent[i] ?? 0));
      assert.deepEqual(pauses, [20, 40, 80, 160, 320, 640, 1_000]);
    },
  ],
  [
    "a record is not sent again after the deadline, and its caller does not wait any longer",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      scene.next(/create .*rec\/2/, "lost", 1_000);
      scene.next(/read .*page\/1/, () => {
        scene.mono += 15_000;
      });
      const from = scene.mono;
      const refused = await host.append("k2");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "unknown" }]);
      assert.deepEqual([scene.asked(), scene.mono - from], [["create rec/2", "read rec/2", "read page/1"], 15_000]);
    },
  ],
  [
    "a record that was sealed and dropped before anyone looked is found in its page, by its key",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      scene.next(/create .*rec\/2/, async (apply) => {
        apply();
        await other.append("theirs");
        scene.seal(3);
        scene.drop("rec/1", "rec/2", "rec/3");
        return "unheard";
      });
      const reply = await host.append("k2");
      assert.deepEqual([reply.ok, reply.version, reply.duplicate], [true, 2, true]);
      assert.equal((await host.append("k4")).version, 4);
    },
  ],
  [
    "a page that came and ends before the version says nothing about it: the turn is decided again",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      scene.next(/create .*rec\/3/, () => {
        scene.seal(1);
        return "lost";
      });
      const reply = await host.append("k3");
      assert.deepEqual([reply.ok, reply.version], [true, 3]);
    },
  ],
  [
    "C5: what was created under an old proof counts once pages and tombstone were looked for, in that order; under a young one at once",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      // The proof is of when the last record was sent; events that are gathered meanwhile move the clocks as well.
      let sent = 0;
      const note = (): void => {
        sent = scene.mono;
      };
      scene.next(/create/, note, 5);
      const looked = async (key: string, age: number): Promise<string[]> => {
        await host.append(`before ${key}`);
        await scene.advance(sent + age - scene.mono);
        scene.asked();
        assert.equal((await host.append(key)).ok, true);
        return scene.asked().filter((call) => /page|tombstone/.test(call));
      };
      assert.deepEqual(await looked("young", HALF - 1), []);
      assert.deepEqual(await looked("old", HALF), ["read page/1", "read tombstone"]);
      scene.asked();
      await host.append("after");
      assert.deepEqual(scene.asked(), ["create rec/6", "publish"]);
    },
  ],
  [
    "C5: a ghost, created where a record was sealed and dropped, is deleted and not acknowledged; the turn goes on at the true head",
    async (part) => {
      const { scene, sleeper } = await slept(part, 3);
      scene.seal(4);
      scene.drop("rec/1", "rec/2", "rec/3", "rec/4");
      const reply = await sleeper.append("mine");
      assert.deepEqual([reply.ok, reply.version], [true, 5]);
      assert.deepEqual(scene.asked().slice(0, 6), [
        "register tend",
        "cancel tend",
        "create rec/2",
        "read page/1",
        "read tombstone",
        "drop rec/2",
      ]);
      assert.deepEqual(
        scene.keys.filter((key) => key.startsWith("rec")),
        ["rec/5"],
      );
    },
  ],
  [
    "C5: pages are followed until one covers the version",
    async (part) => {
      const { scene, sleeper } = await slept(part, 3);
      scene.seal(1);
      scene.seal(3);
      scene.drop("rec/1", "rec/2", "rec/3");
      assert.equal((await sleeper.append("mine")).version, 5);
      assert.deepEqual(scene.asked().slice(2, 6), ["create rec/2", "read page/1", "read page/2", "read tombstone"]);
      assert.ok(!scene.keys.includes("rec/2"));
    },
  ],
  [
    "C5: pages that end before the version prove nothing against it",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      await scene.advance(HALF);
      scene.seal(1);
      scene.seal(2);
      scene.drop("rec/1", "rec/2");
      const reply = await host.append("k3");
      assert.deepEqual([reply.ok, reply.version], [true, 3]);
      assert.ok(scene.keys.includes("rec/3"));
    },
  ],
  [
    "C5: a record that was sealed while its host slept is acknowledged, and its fence stays",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      scene.next(/create .*rec\/2/, async (apply) => {
        apply();
        await other.append("theirs");
        scene.seal(3);
        await scene.advance(HALF);
      });
      const reply = await host.append("mine");
      assert.deepEqual([reply.ok, reply.version], [true, 2]);
      assert.ok(scene.keys.includes("rec/2"));
      assert.equal((await host.append("more")).version, 4);
    },
  ],
  [
    "C1: a record of a name that ended meanwhile is not acknowledged; it is left as a fence, and goes D later",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      await other.configure("ttl", 1_000);
      assert.equal((await host.append("k3")).version, 3);
      scene.next(/create .*rec\/4/, async (apply) => {
        apply();
        await scene.advance(2_000);
        assert.equal((await other.append("late")).code, "expired");
        await scene.advance(HALF);
      });
      // The host itself does not know of the time to live any more when it comes back: its proof is old.
      scene.asked();
      const late = await host.append("mine");
      assert.deepEqual([late.code, late.details], ["unavailable", { outcome: "unknown" }]);
      assert.equal((await host.append("mine")).code, "expired");
      assert.ok(scene.keys.includes("rec/4"));
      assert.equal(scene.asked().filter((call) => call === "register expire").length, 2);
    },
  ],
  [
    "C1: a record that comes to stand behind the end of its name goes, though its sender was away for so long that it never heard of it",
    async (part) => {
      for (const reminders of ["there", "away"]) {
        const { scene, host } = await standing(part, 1);
        const other = scene.host();
        await other.configure("ttl", 1_000);
        scene.next(/create .*rec\/3/, async (apply) => {
          await scene.advance(2_000);
          assert.equal((await other.read()).code, "expired");
          for (let i = 0; i < 3; i++) {
            await scene.advance(times.drop);
            for (const name of [...scene.duties("expire"), ...scene.duties("tend")]) await other.remind(name);
          }
          assert.deepEqual([scene.keys, scene.reminders.size], [["tombstone"], 0]);
          apply();
          scene.next(/register expire/, reminders === "away" ? "lost" : slowly);
          return "unheard";
        });
        assert.deepEqual((await host.append("mine")).details, { outcome: "unknown" });
        assert.deepEqual(scene.keys, ["rec/3", "tombstone"]);
        assert.equal(scene.duties("expire").length, reminders === "there" ? 1 : 0);
        for (let i = 0; i < 2; i++) {
          for (const name of scene.duties("expire")) await other.remind(name);
          await scene.advance(times.drop);
        }
        assert.deepEqual(scene.keys, reminders === "there" ? ["tombstone"] : ["rec/3", "tombstone"]);
      }
    },
  ],
  [
    "once a record was created, a store that cannot be read leaves its fate unknown, not undone",
    async (part) => {
      for (const what of [/read .*page\/1/, /read .*tombstone/]) {
        const { scene, host } = await standing(part, 1);
        await scene.advance(HALF);
        scene.next(what, "lost");
        const refused = await host.append("k2");
        assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "unknown" }]);
        const again = await host.append("k2");
        assert.deepEqual([again.ok, again.version, again.duplicate], [true, 2, true]);
      }
    },
  ],
  [
    "what was committed is read without asking the store",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      const { items, version } = await host.read();
      assert.deepEqual([version, items?.length], [2, 2]);
      assert.deepEqual(scene.asked(), []);
    },
  ],
];
