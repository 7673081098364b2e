import { limits } from "../../protocol/limits.ts";
import { assert, type Claim, slowly } from "./claims.ts";
import { ID, type Part, type Scene, type SceneHost, standing, times } from "./scene.ts";

/** The reminder fires until its context has been found clean, or it is gone. */
async function fire(scene: Scene, host: SceneHost, name: string): Promise<void> {
  for (let i = 0; i < 4 && scene.duties("tend").includes(name); i++) await host.remind(name);
}

/** The same, until nothing else keeps it: what was gathered for the bus and the directory goes out meanwhile. */
async function fireUntilQuiet(scene: Scene, host: SceneHost, name: string): Promise<void> {
  await fire(scene, host, name);
  await scene.advance(times.tend);
  await fire(scene, host, name);
}

/** Lets all `tend` reminders fire until what they look after is done. */
async function tended(scene: Scene, host: SceneHost): Promise<void> {
  for (let fires = 0; fires < 3; fires++) {
    await scene.advance(times.tend);
    for (const name of scene.duties("tend")) await host.remind(name);
  }
}

export const remindingClaims: readonly Claim<Part>[] = [
  [
    "C7: who finds nothing left to do cancels its own reminder at once, and another's when it has seen it for long enough",
    async (part) => {
      const { scene, host } = await standing(part, 2);
      const [name = ""] = scene.duties("tend");
      const other = scene.host();
      await fireUntilQuiet(scene, other, name);
      for (let waited = 0; waited < times.drop; waited += times.drop / 2) {
        await fire(scene, other, name);
        assert.deepEqual(scene.duties("tend"), [name]);
        await scene.advance(times.drop / 2);
      }
      await fire(scene, other, name);
      assert.deepEqual(scene.duties("tend"), []);
      await host.append("k3");
      const [own = ""] = scene.duties("tend");
      await fireUntilQuiet(scene, host, own);
      assert.deepEqual(scene.duties("tend"), []);
    },
  ],
  [
    "C7: a reminder is trusted for some periods and no longer; who replaces it cancels it before the record is sent",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const trusted = limits.reminder_trust_periods * times.tend;
      // Its time begins before the key table is written, which takes none here.
      await scene.advance(trusted - 1 - scene.mono);
      scene.asked();
      await host.append("k2");
      assert.ok(!scene.asked().includes("register tend"));
      await scene.advance(trusted - scene.mono);
      scene.asked();
      scene.next(/cancel tend/, slowly);
      scene.next(/create .*rec\/3/, () => assert.equal(scene.duties("tend").length, 1));
      assert.equal((await host.append("k3")).version, 3);
      assert.ok(scene.asked().includes("register tend"));
    },
  ],
  [
    "C7: who has cancelled its reminder has another one before its next record",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const [name = ""] = scene.duties("tend");
      await fireUntilQuiet(scene, host, name);
      scene.asked();
      await host.append("k2");
      assert.deepEqual(scene.asked(), ["register tend", "create rec/2", "publish"]);
    },
  ],
  [
    "C7: the reminders of a name that has ended go with the first fire that finds all told, whoever has set them",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 60_000);
      const [name = ""] = scene.duties("tend");
      await scene.advance(60_000);
      const other = scene.host();
      assert.equal((await other.append("late")).code, "expired");
      await scene.advance(2_000);
      for (let i = 0; i < 2; i++) await other.remind(name);
      assert.ok(!scene.duties("tend").includes(name));
    },
  ],
  [
    "B1: of others' reminders an activation knows so many, without those it has let go of or that do not fire any more; one more waits for room",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await fireUntilQuiet(scene, host, scene.duties("tend")[0] ?? "");
      const old = Math.max(2 * limits.reminder_trust_periods * times.tend, times.drop);
      const cancelled = async (...names: readonly string[]): Promise<number> => {
        scene.asked();
        for (const name of names) await host.actor.remind(ID, name, {});
        return scene.asked().filter((call) => call === "cancel tend").length;
      };
      const names = (of: string, count: number) => Array.from({ length: count }, (_, i) => `tend-${of}${i}`);
      const known = names("known", limits.reminders_known - 1);
      assert.equal(await cancelled(...known), 0);
      await scene.advance(old);
      assert.equal(await cancelled(...known), known.length);
      const [first = "", second = "", ...more] = names("next", limits.reminders_known);
      assert.equal(await cancelled(first, second, ...more), 0);
      await scene.advance(old);
      assert.equal(await cancelled(first, second), 2);
      assert.equal(await cancelled("tend-fits", "tend-fits-too", "tend-one-more"), 0);
      await scene.advance(old);
      assert.equal(await cancelled(...more, "tend-fits", "tend-fits-too"), more.length + 2);
      assert.equal(await cancelled("tend-one-more"), 0);
      await scene.advance(old);
      assert.equal(await cancelled("tend-one-more"), 1);
      // Those that do not fire any more make room.
      const late = names("late", limits.reminders_known);
      assert.equal(await cancelled(...late), 0);
      await scene.advance(2 * old);
      assert.equal(await cancelled(...names("new", limits.reminders_known)), 0);
      await scene.advance(old);
      assert.equal(await cancelled(...names("new", limits.reminders_known)), limits.reminders_known);
    },
  ],
  [
    "C7: a time that has run out is told by whatever is asked first, by verify as well",
    async (part) => {
      const ms = limits.ttl_min_ms;
      for (const [method, query] of [
        ["verify", {}],
        ["read", {}],
        ["history", {}],
        ["diff", { from: 0, to: 1 }],
      ] as const) {
        const { scene, host } = await standing(part, 1);
        assert.equal((await host.ask("configure", { key: "ttl", policy: { ttl: { ms, from: "creation" } } })).ok, true);
        await scene.advance(2 * ms);
        assert.equal((await scene.host().ask(method, query)).code, "expired");
      }
    },
  ],
  [
    "C7: from when they are due on, reminders fire so often that their context is not forgotten in between, whatever its time to live",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const most = Math.max(times.tend, times.drop / 8);
      const look = (): void => {
        assert.equal(scene.duties("expire").length, 1);
        for (const { period } of scene.reminders.values()) assert.equal(period <= most, true);
      };
      for (const [n, ms] of [7_200_000, 30 * 86_400_000, limits.ttl_min_ms].entries()) {
        assert.equal((await host.ask("configure", { key: `ttl${n}`, policy: { ttl: { ms, from: "creation" } } })).ok, true);
        look();
      }
      await scene.advance(2 * limits.ttl_min_ms);
      assert.equal((await host.read()).code, "expired");
      look();
    },
  ],
  [
    "C7: however often a context with a time to live is used and left, one reminder of its end stands, due no later than the end",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 7 * 86_400_000);
      for (let n = 0; n < 5; n++) {
        await host.append(`again${n}`);
        await scene.advance(times.tend * limits.reminder_trust_periods);
        for (const name of scene.duties("tend")) await host.remind(name);
        assert.equal(scene.duties("expire").length, 1);
      }
    },
  ],
  [
    "C7: a time to live that is announced and does not come to stand moves the reminder of the one that stands to no later",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 100_000, "creation");
      scene.next(/create .*rec\/3/, "lost", 1_000);
      assert.equal((await host.configure("longer", 7 * 86_400_000, "creation")).code, "unavailable");
      const [name = ""] = scene.duties("expire");
      assert.ok((scene.reminders.get(name)?.due ?? Number.POSITIVE_INFINITY) <= 100_000);
    },
  ],
  [
    "C7: that a wall clock jumps does not make a record unable to land",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      scene.next(/create .*rec\/2/, "lost", 100);
      assert.deepEqual((await host.append("k2")).details, { outcome: "unknown" });
      const [name = ""] = scene.duties("tend");
      scene.wall += 2 * times.drop;
      await fireUntilQuiet(scene, host, name);
      assert.deepEqual(scene.duties("tend"), [name]);
    },
  ],
  [
    "C7: a reminder that finds the queue of its context full fires again",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const [name = ""] = scene.duties("tend");
      const turns = Array.from({ length: limits.queue_per_context + 1 }, (_, i) => host.append(`waits${i}`));
      await assert.rejects(host.remind(name), /\[unavailable\] \d+ turns wait for this context already/);
      assert.deepEqual(new Set((await Promise.all(turns)).map(({ ok }) => ok)), new Set([true]));
    },
  ],
  [
    "C7: a reminder stays until a record of which nothing is known can no longer land",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      scene.next(/create .*rec\/2/, "lost", 100);
      const refused = await host.append("k2");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "unknown" }]);
      const [name = ""] = scene.duties("tend");
      await fireUntilQuiet(scene, host, name);
      assert.deepEqual(scene.duties("tend"), [name]);
      await scene.advance(times.drop - times.tend - 1);
      await fire(scene, host, name);
      assert.deepEqual(scene.duties("tend"), [name]);
      await scene.advance(1);
      await fire(scene, host, name);
      assert.deepEqual(scene.duties("tend"), []);
    },
  ],
  [
    "C7: a time to live of which the directory was not told does not hold: nothing is written, and the caller hears so",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await scene.advance(times.tend);
      scene.next(/report/, "lost", 100);
      const refused = await host.configure("ttl", 60_000);
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "none" }]);
      assert.equal(scene.row("rec/2"), undefined);
      assert.equal((await host.read()).version, 1);
    },
  ],
  [
    "C5: a last look that took half of D is no last look: it is looked again before the turn is acknowledged",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      // So that reminders are trusted for longer than looks.
      Object.assign(scene.settings, { tendMs: times.drop });
      await scene.advance(times.drop / 2);
      scene.next(/^read \S*page\/1$/, () => {
        scene.wall += times.drop / 2;
      });
      scene.asked();
      assert.equal((await host.append("k2")).version, 2);
      const looks = scene.asked().filter((call) => /^read (page\/1|tombstone)$/.test(call));
      assert.deepEqual(looks, ["read page/1", "read tombstone", "read page/1", "read tombstone"]);
    },
  ],
  [
    "C7: who set a reminder of the end long ago does not count on it when another's fires: that may be the only one left",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 10 * times.drop);
      const [cancelled = ""] = scene.duties("expire");
      scene.reminders.delete(cancelled);
      for (const expected of [0, 1]) {
        await scene.advance((limits.reminder_trust_periods * times.tend) / 2);
        await host.remind("expire-by-another");
        assert.equal(scene.duties("expire").length, expected);
      }
    },
  ],
  [
    "C7: however many activations a context with a time to live has had, one reminder looks after its end; in case it was lost, another after a while",
    async (part) => {
      const { scene } = await standing(part, 0);
      const ms = 100 * times.drop;
      scene.policy = { ttl: { ms, from: "lastAppend" } };
      const use = async (): Promise<number> => {
        const host = scene.host();
        await host.append(`at ${scene.wall}`);
        await tended(scene, host);
        return scene.duties("expire").length;
      };
      const began = scene.wall;
      for (let n = 0; n < 4; n++) assert.equal(await use(), 1);
      // Not by a clock that has gone back behind it, nor for longer than it takes for eight of them; and where the head is gone, nobody knows of it.
      scene.wall -= ms / 2;
      assert.equal(await use(), 2);
      assert.equal(await use(), 2);
      const again = scene.wall;
      await scene.advance(ms / limits.expire_reminders);
      assert.ok(again < began);
      assert.equal(await use(), 3);
      scene.drop("head");
      assert.equal(await use(), 4);
    },
  ],
  [
    "C7: the reminder that was set for the end is known to those who come next before the one that saw to it goes",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 100 * times.drop);
      await scene.advance(2 * times.tend);
      const heads: unknown[] = [];
      scene.next(/put .*head/, slowly, 2);
      scene.next(/cancel tend/, () => {
        const keys = scene.codec.openKeys(ID, scene.row("keys")?.value ?? new Uint8Array());
        heads.push(scene.codec.decodeHead(ID, keys, scene.row("head")?.value ?? new Uint8Array())?.state.reminded);
      });
      const now = scene.wall;
      await tended(scene, host);
      assert.equal(heads.length, 1);
      assert.ok(Number(heads[0]) >= now);
    },
  ],
  [
    "C7: a reminder that was set for a record that never came to stand is not what the end is left to",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      const other = scene.host();
      await other.read();
      scene.next(/report/, "lost");
      assert.equal((await other.configure("far", 1_000 * times.drop)).code, "unavailable");
      const [far = ""] = scene.duties("expire");
      assert.equal((await host.configure("near", 10 * times.drop)).version, 2);
      for (const name of scene.duties("expire")) if (name !== far) scene.reminders.delete(name);
      await tended(scene, other);
      assert.ok([...scene.reminders].some(([name, { due }]) => name.startsWith("expire") && due <= 10 * times.drop));
    },
  ],
  [
    "C7: a reminder of a time to live that was taken away stands for no later one: that may have been set too early, and be gone",
    async (part) => {
      const { scene, host } = await standing(part, 1);
      await host.configure("ttl", 100 * times.drop);
      await tended(scene, host);
      await host.configure("none", null);
      await host.remind(scene.duties("expire")[0] ?? "");
      assert.deepEqual(scene.duties("expire"), []);
      scene.next(/create .*rec\/4/, () => {
        for (const name of scene.duties("expire")) scene.reminders.delete(name);
      });
      assert.equal((await scene.host().configure("again", 100 * times.drop)).version, 4);
      assert.deepEqual(scene.duties("expire"), []);
      await tended(scene, scene.host());
      assert.equal(scene.duties("expire").length, 1);
    },
  ],
];
