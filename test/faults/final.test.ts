import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../tools/folders.ts";
import { Caller } from "./caller.ts";
import { readFinal } from "./final.ts";
import { History } from "./history.ts";

const digest = "A".repeat(43);
const at = "2026-01-01T00:00:00.000Z";
const version = { number: 1, at, author: "someone", items: 1, bytes: 2, digest, reason: "append" };
const stands: Readonly<Record<string, object>> = {
  history: { ok: true, versions: [version] },
  read: { ok: true, version: 1, at, items: [{ role: "user", content: "w0" }], slots: {}, digest },
};
const proved = { ok: true, version: 1, digest };
const cancelled = { errorCode: "ERR_ACTOR_INVOKE_METHOD", message: "error invoke actor method: context canceled" };
const refused = (code: string) => ({ ok: false, code, message: "as it is" });

/** A caller of a sidecar that answers to `verify` what is said, one after the other: an error of the runtime's where that has an errorCode. */
async function caller(proofs: readonly object[]) {
  const waiting = [...proofs];
  const server = createServer((request, response) => {
    const method = request.url?.split("/").at(-1) ?? "";
    const answer = stands[method] ?? waiting.shift() ?? refused("internal");
    request.resume().on("end", () => response.writeHead("errorCode" in answer ? 500 : 200).end(JSON.stringify(answer)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const history = new History(join(temporaryFolder(), "history.jsonl"));
  const made = new Caller(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "grant", history);
  onTestFinished(async () => {
    await made[Symbol.asyncDispose]();
    await history.close();
    server.close();
  });
  return { made, waiting };
}

test.each([
  { title: "the runtime cancelled it", first: cancelled },
  { title: "it was not available", first: refused("unavailable") },
])("a proof is asked for until there is one that will not change: $title", async ({ first }) => {
  const { made, waiting } = await caller([first, first, proved]);
  const final = await readFinal(made, "c", AbortSignal.timeout(10_000));
  expect(final).toMatchObject({ versions: [{ number: 1, texts: ["w0"] }], verified: { version: 1, digest } });
  expect(waiting).toEqual([]);
});

test("a chain that is found broken stays so", async () => {
  const { made, waiting } = await caller([refused("internal"), proved]);
  expect(await readFinal(made, "c", AbortSignal.timeout(10_000))).toMatchObject({
    verified: { failed: expect.stringContaining("internal") },
  });
  expect(waiting).toEqual([proved]);
});

test("a proof that never comes is told as such, not as a broken chain", async () => {
  const { made } = await caller(Array.from({ length: 100 }, () => cancelled));
  await expect(readFinal(made, "c", AbortSignal.timeout(300))).rejects.toThrow("could not be read in the end");
});
