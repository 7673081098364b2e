// Senders that take their time, against a host with little patience.

import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { expect, test, vi } from "vitest";
import { limits } from "../../protocol/limits.ts";
import { headOf, speak } from "../suites/bad-input/doors.ts";
import { pathOf, send, settle } from "../suites/caller.ts";
import { openInMemory } from "./memory-installation.ts";

const patience = { headersMs: 200, requestMs: 400 };

test("a sender who is slow with headers or body is cut off, and nothing comes of what it sent", async () => {
  await using installation = await openInMemory({ patience });
  const { caller, name } = await settle(installation);
  const id = name("slow");
  const door = installation.host;
  const body = JSON.stringify({ grant: caller.grant, key: "k", items: [{ role: "user", content: "x" }] });
  const head = headOf(door, "PUT", pathOf(id, "append"), [`content-length: ${Buffer.byteLength(body)}`]);
  for (const begun of ["P", head.slice(0, -4), head, head + body.slice(0, -1)]) {
    const { status, closed } = await speak(door, [begun]);
    expect(closed || status === 408, `${begun.length} characters`).toBe(true);
  }
  expect(await caller.refused(id, "read")).toMatchObject({ code: "not_found" });
  expect(await installation.log()).not.toContain('"level":"error"');
});

test("a sender who drips is cut off when its time is up, however often it says a little", async () => {
  await using installation = await openInMemory({ patience });
  const { caller, name } = await settle(installation);
  const id = name("drip");
  const door = installation.host;
  const head = headOf(door, "PUT", pathOf(id, "append"), ["content-length: 1000000"]);
  const { port } = new URL(door.url);
  const socket = connect({ host: "127.0.0.1", port: Number(port) });
  const cut = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  socket.write(head);
  const drip = setInterval(() => socket.write("x"), 20);
  await cut;
  clearInterval(drip);
  expect(await caller.refused(id, "read")).toMatchObject({ code: "not_found" });
});

test("slow senders hold up nobody", async () => {
  await using installation = await openInMemory({ patience: { headersMs: 60_000, requestMs: 60_000 } });
  const { caller, name } = await settle(installation);
  const id = name("beside");
  const { port } = new URL(installation.host.url);
  const head = headOf(installation.host, "PUT", pathOf(id, "append"), ["content-length: 100"]);
  const slow = Array.from({ length: 200 }, (_, n) => {
    const socket = connect({ host: "127.0.0.1", port: Number(port) });
    socket.on("error", () => {});
    socket.write(n % 2 === 0 ? head : head.slice(0, 30));
    return socket;
  });
  expect(await caller.call(id, "append", { key: "k", items: [{ role: "user", content: "x" }] })).toMatchObject({ version: 1 });
  for (const socket of slow) socket.destroy();
});

test("bodies that are arriving fill a bounded room: who finds none is overloaded and comes back, and the room is given back", async () => {
  await using installation = await openInMemory({ room: 100_000 });
  const { caller, name } = await settle(installation);
  const id = name("room");
  const { port } = new URL(installation.host.url);
  const append = { key: "k", items: [{ role: "user", content: "x".repeat(30_000) }] } as const;
  const filling = connect({ host: "127.0.0.1", port: Number(port) });
  filling.on("error", () => {});
  const frame = headOf(installation.host, "PUT", pathOf(id, "append"), ["content-length: 99000"]);
  await new Promise<void>((resolve) => filling.write(frame + "x".repeat(90_000), () => resolve()));
  // What was written may not have been read yet.
  const refusal = await vi.waitFor(async () => {
    const answer = await send(
      installation.host,
      pathOf(id, "append"),
      JSON.stringify({ grant: caller.grant, ...append, key: randomUUID() }),
    );
    expect(answer.text).toContain('"overloaded"');
    return JSON.parse(answer.text) as unknown;
  });
  // A reminder is no call of anybody's: it needs no room.
  const reminded = await send(installation.host, `/Context/${id}/method/remind/tend-000000000000`, "{}");
  expect([reminded.status, reminded.text]).toEqual([200, "{}"]);
  expect(refusal).toMatchObject({ ok: false, code: "overloaded", retryAfterMs: limits.queue_retry_after_ms, details: { outcome: "none" } });
  filling.destroy();
  await vi.waitFor(async () => expect(await caller.call(id, "append", append)).toMatchObject({ ok: true }));
  for (let n = 0; n < 10; n++) expect(await caller.call(id, "append", { ...append, key: `k${n}` })).toMatchObject({ ok: true });
  expect(await installation.log()).not.toContain('"level":"error"');
});
