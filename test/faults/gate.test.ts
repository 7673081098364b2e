import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { keyOf } from "../../actors/activation.ts";
import { Sidecar } from "../../dapr/sidecar.ts";
import { type Creating, StateStore } from "../../dapr/state.ts";
import { ContextId } from "../../protocol/ids.ts";
import { freePorts } from "../../tools/run/ports.ts";
import { openGate } from "./gate.ts";

const id = ContextId.parse("main.gate");
const value = Buffer.of(1);
const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of stack.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

/** A host's store behind a gate behind which a sidecar answers 204 to all. */
async function store(several: Creating["several"]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume().on("end", () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  stack.push({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  });
  const [port = 0] = await freePorts(1);
  const gate = await openGate(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, port);
  stack.push(gate);
  const sidecar = new Sidecar({ url: gate.url, token: undefined, timeoutMs: 5_000 });
  stack.push({ [Symbol.asyncDispose]: () => sidecar.close() });
  return { gate, asked, store: new StateStore(sidecar, "store", { several, fence: "first-write" }) };
}

test.each(["post", "transaction"] as const)(
  "a closed gate holds what writes records by %s, and lets everything else pass",
  async (group) => {
    const { gate, store: behind, asked } = await store(group);
    gate.close();
    const records = [1, 2].map((version) => ({ key: keyOf.record(id, version), value }));
    let written = false;
    const writing = behind.create(records).then((outcome) => {
      written = true;
      return outcome;
    });
    await gate.arrives();
    expect(gate.underWay).toBe(1);
    expect(await behind.create([{ key: keyOf.table(id), value }])).toBe("created");
    expect(await behind.put(keyOf.head(id), value)).toBe("written");
    expect(await behind.read([keyOf.record(id, 1), keyOf.record(id, 2)])).toEqual([undefined, undefined]);
    expect(await behind.read([keyOf.record(id, 1)])).toEqual([undefined]);
    expect(await behind.drop(keyOf.record(id, 1))).toBe("dropped");
    expect({ written, asked: asked.length }).toEqual({ written: false, asked: 5 });
    gate.open();
    expect(await writing).toBe("created");
    expect(gate.underWay).toBe(0);
  },
);

test("a single record is held as well, and what comes after the opening passes", async () => {
  const { gate, store: behind } = await store("transaction");
  gate.close();
  const writing = behind.create([{ key: keyOf.record(id, 1), value }]);
  await gate.arrives();
  gate.open();
  expect(await writing).toBe("created");
  expect(await behind.create([{ key: keyOf.record(id, 2), value }])).toBe("created");
});

test("a held write lands even where its host has given it up", async () => {
  const { gate, asked } = await store("post");
  gate.close();
  const gone = new AbortController();
  const body = JSON.stringify([{ key: keyOf.record(id, 1), value: "AQ==" }]);
  const writing = fetch(`${gate.url}/v1.0/state/store`, { method: "POST", body, signal: gone.signal });
  await gate.arrives();
  gone.abort();
  await expect(writing).rejects.toThrow();
  expect(asked).toEqual([]);
  gate.open();
  await expect.poll(() => asked).toEqual(["POST /v1.0/state/store"]);
});

test("where there is no sidecar, the host hears nothing", async () => {
  const [none = 0, port = 0] = await freePorts(2);
  const gate = await openGate(`http://127.0.0.1:${none}`, port);
  stack.push(gate);
  const sidecar = new Sidecar({ url: gate.url, token: undefined, timeoutMs: 5_000 });
  stack.push({ [Symbol.asyncDispose]: () => sidecar.close() });
  expect((await sidecar.call("GET", "/v1.0/healthz", undefined)).status).toBe(0);
});
