import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { Sidecar } from "../../dapr/sidecar.ts";
import { limits } from "../../protocol/limits.ts";

type Request = { readonly path: string | undefined; readonly response: ServerResponse };

/** A sidecar that takes every request and leaves its answer to the test. */
async function silent(timeoutMs: number) {
  const all: Request[] = [];
  const server = createServer((request, response) => {
    all.push({ path: request.url, response });
    server.emit("taken");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const sidecar = new Sidecar({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: undefined, timeoutMs });
  onTestFinished(async () => {
    server.closeAllConnections();
    await sidecar.close();
    server.close();
  });
  /** The `count`th request, once it is there. */
  const until = async (count: number): Promise<Request> => {
    for (let request = all[count - 1]; ; request = all[count - 1]) {
      if (request !== undefined) return request;
      await once(server, "taken");
    }
  };
  return { sidecar, taken: { until } };
}

test("a call that finds no free connection ends in time as well, and is not sent afterwards", async () => {
  const { sidecar, taken } = await silent(500);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const calls = Array.from({ length: limits.store_connections + 1 }, (_, i) => sidecar.call("GET", `/${i}`, undefined));
  await taken.until(limits.store_connections);
  vi.advanceTimersByTime(500);
  vi.useRealTimers();
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(calls.map(() => 0));
  const next = sidecar.call("GET", "/next", undefined);
  const last = await taken.until(limits.store_connections + 1);
  last.response.end("heard");
  expect([last.path, await next]).toMatchObject(["/next", { status: 200, body: Buffer.from("heard") }]);
});

test("an answer that stops halfway is none", async () => {
  const { sidecar, taken } = await silent(300);
  const call = sidecar.call("GET", "/half", undefined);
  const { response } = await taken.until(1);
  response.writeHead(200, { "content-length": "10" }).write("half");
  expect(await call).toMatchObject({ status: 0 });
});

test("a sidecar that nobody reaches gives no answer", async () => {
  const sidecar = new Sidecar({ url: "http://127.0.0.1:1", token: undefined, timeoutMs: 500 });
  onTestFinished(() => sidecar.close());
  expect(await sidecar.call("GET", "/", undefined)).toMatchObject({ status: 0 });
});
