// Senders that take their time, and callers whose bodies pile up, at the callers' port of the embedded sidecar. As test/contract/slow.test.ts.

import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { LocalSidecar } from "../../dapr/local.ts";
import { type Limits, limits } from "../../protocol/limits.ts";
import { send } from "../suites/sidecar/client.ts";
import { startScripted } from "./scripted.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const start = (bounds: Partial<Limits>) => startScripted(closing, { maxBodyBytes: 1_000_000, limits: bounds });

/** What comes back over a connection until the other side ends it. */
function speak(sidecar: LocalSidecar, text: string, allowHalfOpen = false): { readonly socket: Socket; readonly heard: Promise<string> } {
  const socket = connect({ port: sidecar.port, host: "127.0.0.1", allowHalfOpen });
  closing.push(async () => socket.destroy());
  let heard = "";
  socket.on("data", (piece) => {
    heard += piece.toString();
  });
  socket.on("error", () => {});
  socket.write(text);
  return { socket, heard: new Promise((resolve) => socket.once("close", () => resolve(heard))) };
}

const head = (id: string, more: string): string => `PUT /v1.0/actors/Actor/${id}/method/m HTTP/1.1\r\nHost: x\r\n${more}\r\n\r\n`;
const patience = { headers_ms: 200, request_ms: 400 };

test("a sender who is slow with headers or body is cut off with 408, and nothing comes of what it sent", async () => {
  const { app, sidecar, problems } = await start(patience);
  const whole = head("slow", "Content-Length: 10");
  for (const begun of ["P", whole.slice(0, -4), whole, `${whole}123456789`])
    expect(await speak(sidecar, begun).heard, `${begun.length} characters`).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  expect([app.at("/actors/"), problems]).toEqual([[], []]);
});

test("a connection on which nothing is said is cut off like a slow sender", async () => {
  const { sidecar } = await start(patience);
  await speak(sidecar, "").heard;
});

test("a sender who drips is cut off when its time is up, however often it says a little and whatever it hears", async () => {
  const { app, sidecar, problems } = await start(patience);
  const { socket, heard } = speak(sidecar, head("drip", "Content-Length: 100"), true);
  // Its last byte comes after its time is up, and before its connection would have been let go for its own sake.
  const drip = setInterval(() => socket.write("x"), 20);
  expect(await heard).toContain("408");
  clearInterval(drip);
  expect([app.at("/actors/"), problems]).toEqual([[], []]);
});

test("slow senders hold up nobody", async () => {
  const { sidecar } = await start({});
  for (let n = 0; n < 200; n++) speak(sidecar, n % 2 === 0 ? head("beside", "Content-Length: 100") : head("beside", "X: y").slice(0, 30));
  expect((await send(sidecar.url, "/v1.0/actors/Actor/beside/method/m", { body: "x" })).status).toBe(200);
});

test("a turn may take longer than its sender: patience is for what arrives", async () => {
  const { app, sidecar } = await start(patience);
  const gate = app.hold("/actors/Actor/long/method/m");
  const call = send(sidecar.url, "/v1.0/actors/Actor/long/method/m", { body: "x" });
  const held = await gate.next();
  // Another connection that is cut off shows that the time is over.
  await speak(sidecar, head("other", "Content-Length: 1")).heard;
  held.reply({ body: "after all" });
  expect((await call).body).toBe("after all");
});

test("limits: callers' bodies that wait fill a bounded room; past it they are refused, the host's are not, and room comes back", async () => {
  const { app, sidecar, problems } = await start({ sidecar_bytes_held: 250_000 });
  const gate = app.hold("/actors/Actor/a/method/m");
  const call = () => send(sidecar.url, "/v1.0/actors/Actor/a/method/m", { body: "x".repeat(100_000) });
  const running = call();
  const first = await gate.next();
  // There is room for one more: of the next two one waits for its turn, so the other is answered first.
  const both = [call(), call()];
  const refused = await Promise.race(both);
  expect([refused.status, refused.code, JSON.parse(refused.body).message]).toEqual([
    503,
    "ERR_OVERLOADED",
    expect.stringContaining("call again"),
  ]);
  const saved = await send(sidecar.host.url, "/v1.0/state/store", {
    headers: { "dapr-api-token": "host" },
    body: JSON.stringify([{ key: "k", value: "x".repeat(200_000) }]),
  });
  expect(saved.status).toBe(204);
  first.reply();
  (await gate.next()).reply();
  expect([(await running).status, (await Promise.all(both)).map(({ status }) => status).toSorted()]).toEqual([200, [200, 503]]);
  const again = call();
  (await gate.next()).reply();
  expect([(await again).status, problems]).toEqual([200, []]);
});

test("limits: a body in many small pieces counts for what its pieces cost, and one that is broken off for nothing", async () => {
  const { app, sidecar } = await start({ sidecar_bytes_held: 100_000 });
  const pieces = `${"1\r\nx\r\n".repeat(5_000)}0\r\n\r\n`;
  const { heard } = speak(sidecar, head("pieces", "Transfer-Encoding: chunked\r\nConnection: close") + pieces);
  expect(await heard).toMatch(/^HTTP\/1\.1 503 /);
  for (let n = 0; n < 20; n++) {
    const { socket, heard } = speak(sidecar, head("broken", "Content-Length: 100000") + "x".repeat(90_000));
    socket.end();
    await heard;
  }
  expect((await send(sidecar.url, "/v1.0/actors/Actor/a/method/m", { body: "x".repeat(90_000) })).status).toBe(200);
  expect(app.at("/actors/")).toHaveLength(1);
});

test("limits: who sends one call behind the other gets every answer, up to a bound, and is cut off beyond it", async () => {
  const { app, sidecar, problems } = await start({});
  const most = limits.sidecar_calls_per_connection;
  const gate = app.hold("/actors/Actor/line/method/m");
  const calls = (count: number): string => `${head("line", "Content-Length: 1")}x`.repeat(count);
  for (let round = 0; round < 2; round++) {
    const { socket, heard } = speak(sidecar, calls(most));
    for (let n = 0; n < most; n++) (await gate.next()).reply({ body: "done" });
    // The next round follows once all are answered: a connection is not used up.
    socket.write(`${head("other", "Content-Length: 1\r\nConnection: close")}x`);
    expect((await heard).split("HTTP/1.1 200 OK")).toHaveLength(most + 2);
  }
  expect(await speak(sidecar, calls(most + 1)).heard).toBe("");
  expect(problems).toEqual([]);
});
