// What a reminder does of a great deal that was left undone.

import { expect, test } from "vitest";
import { limits } from "../../protocol/limits.ts";
import { CONTEXT, grantOf, TENANT } from "../fuzz/calls.ts";
import { makeMemoryWorld, quickSettings, startActors } from "../support/memory-ports.ts";

test("one fire tells so many of the events that are not out, and the next one goes on with the rest", async () => {
  const world = makeMemoryWorld();
  const silent = startActors(world, { settings: { ...quickSettings, events: false } });
  const grant = grantOf(world.keyring);
  await silent.tenants.invoke(TENANT, "create", Buffer.from(JSON.stringify({ grant })), {});
  const rest = 3;
  const versions = limits.events_per_fire + rest;
  for (let n = 1; n <= versions; n++) {
    const body = Buffer.from(JSON.stringify({ grant, key: `k${n}`, items: [{ role: "user", content: `turn ${n}` }] }));
    expect(JSON.parse(await silent.contexts.invoke(CONTEXT, "append", body, {}))).toMatchObject({ ok: true, version: n });
  }
  const { contexts } = startActors(world);
  for (const told of [limits.events_per_fire, versions]) {
    await contexts.remind(CONTEXT, "tend-0", {});
    await contexts.drain(AbortSignal.timeout(limits.turn_deadline_ms));
    expect(world.bus.published.map(({ version }) => version)).toEqual(Array.from({ length: told }, (_, i) => i + 1));
  }
});
