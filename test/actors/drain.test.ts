// A host that ends: what it still does, and in which order.

import { expect, test } from "vitest";
import { ContextActor } from "../../actors/context.ts";
import type { Ports } from "../../actors/ports.ts";
import { ContextId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { settle } from "./claims.ts";
import { Scene } from "./scene.ts";

const patience = () => new AbortController().signal;
const append = (key: string) => ({ key, items: [{ role: "user", content: key }] });
const heads = (calls: readonly string[]): string[] => calls.filter((call) => call.startsWith("put ") && call.endsWith("/head"));

/** `count` contexts with so many turns each, none of which has a head. */
async function live(count: number, turns: number) {
  const scene = new Scene({ ContextActor });
  const host = scene.host();
  for (let c = 0; c < count; c++)
    for (let turn = 0; turn < turns; turn++) await host.ask("append", append(`k${turn}`), {}, ContextId.parse(`t.c${c}`));
  return { scene, host };
}

test("what is to be told is told before any head is written", async () => {
  for (const told of [/^publish/, /^report/]) {
    const { scene, host } = await live(3, limits.records_beyond_head + 1);
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.next(told, () => promise);
    await host.ask("append", append("last"), {}, ContextId.parse("t.c0"));
    const drained = host.actor.drain(patience());
    await settle();
    expect(heads(scene.asked()), String(told)).toEqual([]);
    resolve();
    await drained;
    expect(heads(scene.asked()), String(told)).toHaveLength(3);
  }
});

test("several heads are written at once, and none where the next load finds all without", async () => {
  for (const [turns, written] of [
    [limits.records_beyond_head, 0],
    [limits.records_beyond_head + 1, 20],
  ] as const) {
    const { scene, host } = await live(20, turns);
    await scene.advance(limits.report_delay_ms);
    scene.asked();
    let [atOnce, most] = [0, 0];
    scene.next(
      /^put .*head$/,
      async (apply) => {
        most = Math.max(most, ++atOnce);
        await settle();
        apply();
        atOnce--;
      },
      20,
    );
    await host.actor.drain(patience());
    expect([heads(scene.asked()).length, most]).toEqual([written, Math.min(written, limits.heads_at_once)]);
  }
});

test("a turn that runs when its host is told to end is seen to its end, and told", async () => {
  const { scene, host } = await live(1, 1);
  await scene.advance(limits.report_delay_ms);
  scene.asked();
  const { promise, resolve } = Promise.withResolvers<void>();
  scene.next(/^create/, () => promise);
  const turn = host.ask("append", append("last"), {}, ContextId.parse("t.c0"));
  await settle();
  const drained = host.actor.drain(patience());
  await settle();
  expect(scene.asked()).toEqual(["create t.c0/rec/2"]);
  resolve();
  expect(await turn).toMatchObject({ ok: true, version: 2 });
  await settle();
  await scene.advance(limits.report_delay_ms);
  await drained;
  expect(scene.published.at(-1)).toMatchObject({ version: 2 });
});

test("contexts whose slots and keys take too much memory are left, the longest unused first, and their heads written", async () => {
  class Small extends ContextActor {
    constructor(ports: Ports) {
      super(ports, { live_contexts: 100, bytes_live: 10_000 });
    }
  }
  const scene = new Scene({ ContextActor: Small });
  const host = scene.host();
  const [one, two] = ["t.one", "t.two"].map((id) => ContextId.parse(id));
  const set = { notes: "n".repeat(4_000) };
  for (let turn = 0; turn < 3; turn++) await host.ask("append", { ...append(`k${turn}`), set }, {}, one);
  scene.asked();
  await host.ask("read", {}, {}, one);
  expect(scene.asked()).toEqual([]);
  await host.ask("append", { ...append("k"), set }, {}, two);
  await settle();
  expect(heads(scene.asked())).toEqual(["put t.one/head"]);
  await host.ask("read", {}, {}, two);
  expect(scene.asked()).toEqual([]);
  expect(await host.ask("read", {}, {}, one)).toMatchObject({ ok: true, version: 3, slots: set });
  expect(scene.asked()).not.toEqual([]);
});
