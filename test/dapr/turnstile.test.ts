import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { Turnstile } from "../../dapr/turnstile.ts";

const round = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("calls pass in the order in which they came, four each time the event loop comes round", async () => {
  const turnstile = new Turnstile();
  const passed: number[] = [];
  for (let call = 0; call < 10; call++) void turnstile.pass().then(() => passed.push(call));
  expect(passed).toEqual([]);
  await round();
  expect(passed).toEqual([0, 1, 2, 3]);
  // Who comes now is behind those who wait.
  void turnstile.pass().then(() => passed.push(10));
  await round();
  expect(passed).toHaveLength(8);
  await round();
  expect(passed).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("one that was idle lets the next in as the first", async () => {
  const turnstile = new Turnstile();
  await turnstile.pass();
  await round();
  let passed = false;
  void turnstile.pass().then(() => {
    passed = true;
  });
  await round();
  expect(passed).toBe(true);
});

test("an answer that has come is heard while calls wait", async () => {
  const server = createServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const turnstile = new Turnstile();
  let waiting = 1_000;
  let waitingWhenHeard: number | undefined;
  for (let call = 0; call < 1_000; call++) void turnstile.pass().then(() => waiting--);
  await new Promise<void>((resolve, reject) => {
    const asked = request({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" }, (response) => {
      waitingWhenHeard = waiting;
      response.resume().on("end", resolve);
    });
    asked.on("error", reject).end();
  });
  expect(waitingWhenHeard).toBeGreaterThan(0);
  server.close();
});
