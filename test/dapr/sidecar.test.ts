import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Sidecar } from "../../dapr/sidecar.ts";
import { limits } from "../../protocol/limits.ts";

/** A sidecar that takes every request and leaves its answer to the test. */
async function silent(timeoutMs: number) {
  const taken: { readonly path: string | undefined; readonly response: ServerResponse }[] = [];
  const server = createServer((request, response) => void taken.push({ path: request.url, response }));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const sidecar = new Sidecar({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: undefined, timeoutMs });
  onTestFinished(async () => {
    server.closeAllConnections();
    await sidecar.close();
    server.close();
  });
  return { sidecar, taken };
}

test("a call that finds no free connection ends in time as well, and is not sent afterwards", async () => {
  const { sidecar, taken } = await silent(500);
  const calls = Array.from({ length: limits.store_connections + 1 }, (_, i) => sidecar.call("GET", `/${i}`, undefined));
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(calls.map(() => 0));
  expect(taken.length).toBe(limits.store_connections);
  const next = sidecar.call("GET", "/next", undefined);
  await expect.poll(() => taken.some(({ path }) => path === "/next")).toBe(true);
  taken.find(({ path }) => path === "/next")?.response.end("heard");
  expect(await next).toMatchObject({ status: 200, body: Buffer.from("heard") });
  expect(taken.map(({ path }) => path)).not.toContain(`/${limits.store_connections}`);
});

test("an answer that stops halfway is none", async () => {
  const { sidecar, taken } = await silent(300);
  const call = sidecar.call("GET", "/half", undefined);
  await expect.poll(() => taken.length).toBe(1);
  taken[0]?.response.writeHead(200, { "content-length": "10" }).write("half");
  expect(await call).toMatchObject({ status: 0 });
});

test("a sidecar that nobody reaches gives no answer", async () => {
  const sidecar = new Sidecar({ url: "http://127.0.0.1:1", token: undefined, timeoutMs: 500 });
  onTestFinished(() => sidecar.close());
  expect(await sidecar.call("GET", "/", undefined)).toMatchObject({ status: 0 });
});
