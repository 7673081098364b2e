// The callers' client against whatever may answer at a URL.

import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { CallError, Client, sidecarUrl } from "../../dapr/client.ts";
import { RawJson, writeJson } from "../../protocol/json.ts";
import { readCallersSidecar } from "../../services/caller/config.ts";

const GRANT = "strata1.1.of-nobody.else";
const TOKEN = "token-of-the-callers-sidecar";
const patience = { caller_attempts: 1, caller_attempts_at_first: 1, caller_pause_ms: 1, caller_pause_max_ms: 1 };

async function serve(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function heardFrom(listener: RequestListener, { token }: { readonly token?: string } = { token: TOKEN }): Promise<CallError> {
  await using server = await serve(listener);
  const client = new Client({ url: server.url, grant: GRANT, token, patience });
  const error = await client.call("main.a", "read", {}).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CallError)) throw new Error(`no CallError: ${String(error)}`);
  expect(error.message).not.toContain(GRANT);
  expect(error.message).not.toContain(TOKEN);
  expect(error.message.length).toBeLessThan(600);
  expect(error.message).not.toContain("\n");
  return error;
}

test("a call carries its caller's trace, and none where there is none", async () => {
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const seen: unknown[] = [];
  await using server = await serve((request, response) => {
    seen.push(request.headers.traceparent);
    response.writeHead(401).end();
  });
  for (const TRACEPARENT of [parent, "of-nobody", undefined]) {
    const sidecar = readCallersSidecar(server.url, { TRACEPARENT });
    if ("problem" in sidecar) throw new Error(sidecar.problem);
    await expect(new Client({ ...sidecar, grant: GRANT, patience }).call("main.a", "read", {})).rejects.toThrow(CallError);
  }
  expect(seen).toEqual([parent, undefined, undefined]);
});

test("what a slot was and is comes out of a diff as it was written, whatever the slot's name", async () => {
  const slots = '{"value":{"before":1.0,"after":{"before":1e999}},"before":{"after":"x"},"slots":{"before":[-0]},"meta":{"before":null}}';
  const reply = `{"ok":true,"from":1,"to":2,"items":[{"role":"note","content":[{"type":"json","value":1.0}]}],"slots":${slots},"erased":[]}`;
  await using server = await serve(answers(200, reply));
  const diff = await new Client({ url: server.url, grant: GRANT, patience }).call("main.a", "diff", { from: 1 });
  expect(writeJson(diff)).toBe(reply);
  expect(diff.slots.value?.before).toBeInstanceOf(RawJson);
});

const answers =
  (status: number, text: string): RequestListener =>
  (_, response) =>
    void response.writeHead(status).end(text);

const noHost = JSON.stringify({ errorCode: "ERR_ACTOR_INVOKE_METHOD", message: "did not find address for actor main.a" });

test.each([
  [401, "invalid api token", "unauthorized", /answered 401: it refuses the dapr-api-token that it was sent; DAPR_API_TOKEN must be/],
  [500, noHost, "runtime", /answered 500 ERR_ACTOR_INVOKE_METHOD, not Strata's reply: did not find address .*; is a host running/],
  [404, "404 page not found", "invalid", /answered 404, .*: 404 page not found; is that the HTTP port of the callers' sidecar\?$/],
  [413, "", "too_large", /answered 413, not Strata's reply$/],
  [400, '{"errorCode":"ERR_BODY_READ"}', "invalid", /answered 400 ERR_BODY_READ, not Strata's reply$/],
  [429, "slow\r\ndown", "runtime", /answered 429, not Strata's reply: slow down; /],
  [200, "<html>hello</html>", "runtime", /answered 200 with something that is no reply/],
  [200, '{"ok":true}', "runtime", /the answer to read does not follow the contract at/],
])("status %i with %j is told as %s", async (status, text, code, says) => {
  const error = await heardFrom(answers(status, text));
  expect(error.code).toBe(code);
  expect(error.message).toMatch(says);
});

test("a sidecar that asks for a token, and was sent none, is told so", async () => {
  const error = await heardFrom(answers(401, "invalid api token"), {});
  expect(error.message).toMatch(
    /\[unauthorized\] http:\S+ answered 401: it asks for a dapr-api-token and was sent none; set DAPR_API_TOKEN/,
  );
});

test("who answers with what it was sent hears neither grant nor token printed", async () => {
  const error = await heardFrom(async (request, response) => {
    const body = await buffer(request);
    response.writeHead(500).end(`${String(request.headers["dapr-api-token"])} ${body}`);
  });
  expect(error.message).toContain('(secret) {"grant":"(secret)"}');
});

test("the token goes with every call, and none where there is none", async () => {
  const sent: unknown[] = [];
  const listener: RequestListener = (request, response) => {
    sent.push(request.headers["dapr-api-token"]);
    answers(500, "")(request, response);
  };
  await heardFrom(listener);
  await heardFrom(listener, {});
  expect(sent).toEqual([TOKEN, undefined]);
});

test("where nobody answers it says where it looked", async () => {
  const server = await serve(() => {});
  await server[Symbol.asyncDispose]();
  const client = new Client({ url: server.url, grant: GRANT, patience });
  await expect(client.call("main.a", "read", {})).rejects.toThrow(
    `[unreachable] no answer from ${server.url} (ECONNREFUSED); is Strata running`,
  );
});

test("a URL is one of http, its path is kept and its user is not", () => {
  expect(sidecarUrl("http://127.0.0.1:3500/")).toBe("http://127.0.0.1:3500");
  expect(sidecarUrl("https://me:secret@dapr.example/strata//?x#y")).toBe("https://dapr.example/strata");
  for (const text of ["", "127.0.0.1:3500", "ftp://x", "localhost"]) expect(sidecarUrl(text)).toBeUndefined();
});
