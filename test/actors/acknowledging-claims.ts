import { ContextId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { assert, type Claim, slowly } from "./claims.ts";
import { type Part, type Scene, type SceneHost, standing, times } from "./scene.ts";

const HALF = times.drop / 2;
const UNKNOWN = ["unavailable", { outcome: "unknown" }];

/** Each look at the next page takes so much longer; nothing else takes any time. */
function slowLooks(scene: Scene, ms: number, count: number): { looks: number } {
  const seen = { looks: 0 };
  scene.next(
    /^read \S*page\/1$/,
    () => {
      scene.wall += ms;
      seen.looks++;
    },
    count,
  );
  return seen;
}

export const acknowledgingClaims: readonly Claim<Part>[] = [
  [
    "C4: records of several contexts that are written meanwhile go in one call",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const others = ["t.d", "t.e"].map((id) => ContextId.parse(id));
      const write = (key: string) => others.map((id) => host.ask("append", { key, items: [{ role: "user", content: key }] }, {}, id));
      await Promise.all(write("first"));
      scene.asked();
      scene.next(/create .*c\/rec\/2/, slowly);
      const done = [host.append("k2"), ...write("second")];
      await Promise.all(done);
      const creates = scene.asked().filter((call) => call.startsWith("create"));
      assert.deepEqual(creates, ["create rec/2", "create t.d/rec/2 t.e/rec/2"]);
    },
  ],
  [
    "C5: who never gets a look that is young enough gives up after some, and its record's fate is unknown",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      Object.assign(scene.settings, { tendMs: times.drop });
      await scene.advance(HALF);
      const seen = slowLooks(scene, HALF, 2 * limits.load_rounds);
      const refused = await host.append("k2");
      assert.deepEqual([refused.code, refused.details], UNKNOWN);
      assert.match(refused.message ?? "", /it is not known whether the turn was written/);
      assert.equal(seen.looks, limits.load_rounds);
    },
  ],
  [
    "C7: a look that takes longer than the reminder is trusted is followed by another reminder before the turn is acknowledged",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await scene.advance(HALF);
      scene.asked();
      slowLooks(scene, limits.reminder_trust_periods * times.tend, 1);
      assert.equal((await host.append("k2")).version, 2);
      const asked = scene.asked().filter((call) => /register|page|create/.test(call));
      assert.deepEqual(asked, ["register tend", "create rec/2", "read page/1", "register tend", "read page/1"]);
    },
  ],
  [
    "a page that is broken is told as such by who looks at it to acknowledge a turn, and nothing else is told as unknown",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await scene.advance(HALF);
      scene.set("page/1", new Uint8Array([9, 9]));
      assert.equal((await host.append("k2")).code, "internal");
    },
  ],
  [
    "once the last record of a name was sent, no failure says that nothing was written, neither to a turn nor to a reader",
    async (part) => {
      const asks = [(host: SceneHost) => host.append("late"), (host: SceneHost) => host.read()];
      for (const ask of asks) {
        const { scene, host } = await standing(part, 1);
        await host.configure("ttl", 60_000);
        await scene.advance(HALF);
        scene.next(/^read \S*page\/1$/, "lost");
        const refused = await ask(host);
        assert.deepEqual([refused.code, refused.details], UNKNOWN);
        assert.equal((await ask(host)).code, "expired");
      }
    },
  ],
  [
    "C7: a reminder stays until a record can no longer land whose version was sealed by another before it was found",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const [name = ""] = scene.duties("tend");
      const other = scene.host();
      scene.next(/create .*rec\/2/, async () => {
        await other.append("theirs");
        scene.seal(2);
        scene.drop("rec/1", "rec/2");
        return "lost";
      });
      assert.equal((await host.append("mine")).version, 3);
      for (const waited of [0, times.tend, times.tend]) {
        await scene.advance(waited);
        for (let i = 0; i < 4; i++) await host.remind(name);
      }
      assert.ok(scene.duties("tend").includes(name));
      await scene.advance(times.drop);
      await host.remind(name);
      assert.ok(!scene.duties("tend").includes(name));
    },
  ],
  [
    "C1: who finds that its record came after the end sees to the reminder that clears it before it answers",
    async (part) => {
      for (const fate of ["heard", "lost"] as const) {
        const { scene, host } = await standing(part, 1);
        const other = scene.host();
        await other.configure("ttl", 1_000);
        assert.equal((await host.append("k3")).version, 3);
        let before = 0;
        scene.next(/create .*rec\/4/, async (apply) => {
          apply();
          await scene.advance(2_000);
          assert.equal((await other.append("late")).code, "expired");
          scene.wall += HALF;
          before = scene.duties("expire").length;
          scene.next(/register expire/, fate);
        });
        const late = await host.append("mine");
        assert.deepEqual([late.code, late.details], fate === "heard" ? ["expired", undefined] : UNKNOWN);
        if (fate === "heard") assert.equal(scene.duties("expire").length, before + 1);
      }
    },
  ],
  [
    "C5: a ghost under a page that ends with its version is deleted before the turn goes on",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      for (const key of ["k2", "k3"]) await other.append(key);
      await scene.advance(HALF);
      scene.seal(2);
      scene.drop("rec/1", "rec/2");
      scene.asked();
      scene.next(/drop .*rec\/2/, slowly);
      scene.next(/read .*head/, () => assert.ok(!scene.keys.includes("rec/2")));
      assert.equal((await host.append("mine")).version, 4);
      assert.ok(!scene.keys.includes("rec/2"));
    },
  ],
];
