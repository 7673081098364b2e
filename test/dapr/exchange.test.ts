import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { exchange, noPartialTimeouts, PastLimit } from "../../dapr/exchange.ts";

/** Asks a server that answers as it is told; at most 1,000 bytes are taken. */
async function asked(answer: (response: ServerResponse) => void, withinMs: number, signal?: AbortSignal) {
  const server = createServer((_, response) => answer(response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, noPartialTimeouts);
  onTestFinished(async () => {
    server.closeAllConnections();
    await pool.destroy();
    server.close();
  });
  return exchange(pool, { method: "GET", path: "/" }, { withinMs, bytes: 1_000 }, signal);
}

const longMs = 30_000;
const begin = (response: ServerResponse) => void response.writeHead(200).write("begun");

test("an answer of as many bytes as it may have is whole, whatever pieces it comes in", async () => {
  const pieces = (response: ServerResponse) => {
    response.writeHead(200, { etag: "7" }).write("x".repeat(400), () => response.end("y".repeat(600)));
  };
  const { status, body, etag } = await asked(pieces, longMs);
  expect([status, body.toString(), etag]).toEqual([200, "x".repeat(400) + "y".repeat(600), "7"]);
});

test("an answer that is too long is given up", async () => {
  const long = await asked((response) => void response.end("x".repeat(1_001)), longMs).catch((reason: unknown) => reason);
  expect(long).toBeInstanceOf(PastLimit);
  expect(long).toMatchObject({ limit: "bytes", message: "an answer of more than 1000 bytes" });
});

test("an answer that does not end is given up in time", async () => {
  const endless = await asked(begin, 50).catch((reason: unknown) => reason);
  expect(endless).toBeInstanceOf(PastLimit);
  expect(endless).toMatchObject({ limit: "time", message: "no whole answer within 50 ms" });
});

test("who asked may stop waiting, before it is sent and while it is answered", async () => {
  const why = new Error("no longer wanted");
  await expect(asked(begin, longMs, AbortSignal.abort(why))).rejects.toBe(why);
  const stop = new AbortController();
  const begun = (response: ServerResponse) => {
    begin(response);
    stop.abort(why);
  };
  await expect(asked(begun, longMs, stop.signal)).rejects.toBe(why);
});
