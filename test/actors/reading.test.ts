import { expect, test } from "vitest";
import { ContextActor } from "../../actors/context.ts";
import { limits } from "../../protocol/limits.ts";
import { type Scene, standing, times } from "./scene.ts";

const VERSIONS = 2 * limits.records_per_bulk;
const part = { ContextActor };

/** A context of two bulk reads and its head, a host that knows nothing of it, and a caller who may go away. */
async function longContext() {
  const { scene, host } = await standing(part, VERSIONS);
  await host.actor.deactivate("t.c");
  const gone = new AbortController();
  return { scene, stranger: scene.host(), gone, call: { signal: gone.signal } };
}

const recordReads = (scene: Scene): number => scene.asked().filter((call) => call.startsWith("read rec/")).length;

test("a caller who goes away ends a read between two bulk reads; the next goes on from there", async () => {
  const { scene, stranger, gone, call } = await longContext();
  scene.next(/^read .*rec\/1 /, () => gone.abort());
  expect(await stranger.ask("read", {}, call)).toMatchObject({ code: "unavailable", message: expect.stringContaining("went away") });
  scene.asked();
  expect(await stranger.read()).toMatchObject({ ok: true, version: VERSIONS });
  expect(scene.asked()).toEqual([expect.stringMatching(/^read rec\/129 /)]);
});

test("a caller who goes away ends a proof of the chain", async () => {
  const { scene, stranger, gone, call } = await longContext();
  await stranger.read();
  scene.asked();
  scene.next(/^read \S*rec\/1 /, () => gone.abort());
  expect(await stranger.ask("verify", {}, call)).toMatchObject({ code: "unavailable", details: { outcome: "none" } });
  expect(recordReads(scene)).toBe(1);
  expect(await stranger.ask("verify", {})).toMatchObject({ ok: true, version: VERSIONS });
});

test("a proof that takes longer than a turn may says so, and shorter ones can be asked for", async () => {
  const { scene, stranger } = await longContext();
  await stranger.read();
  const slow = () => {
    scene.mono += limits.turn_deadline_ms;
  };
  scene.next(/^read \S*rec\/1 /, slow);
  expect(await stranger.ask("verify", {})).toMatchObject({ code: "unavailable", message: expect.stringContaining("less at once") });
  scene.next(/^read \S*rec\/1 /, slow);
  expect(await stranger.ask("verify", { to: 100 })).toMatchObject({ ok: true, version: 100 });
});

test("what was read while its proof grew old is read again", async () => {
  const { scene, host } = await standing(part, 60);
  await host.actor.deactivate("t.c");
  const stranger = scene.host();
  await stranger.append("k61");
  scene.asked();
  scene.next(/^read \S*rec\/1 /, () => {
    scene.wall += times.drop / 2;
  });
  expect(await stranger.read({ at: 20 })).toMatchObject({ ok: true, version: 20 });
  expect(recordReads(scene)).toBe(2);
});
