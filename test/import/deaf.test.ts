// A sidecar that answers while no host does.

import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { CallError, Client } from "../../dapr/client.ts";
import { refuse } from "../../protocol/errors.ts";
import { TenantId } from "../../protocol/ids.ts";
import { importFiles, type Summary } from "../../services/import/import.ts";
import { Fake, GRANT } from "./fake.ts";

const patience = { caller_attempts: 3, caller_attempts_at_first: 2, caller_pause_ms: 1, caller_pause_max_ms: 2 };

function run(fake: Fake, lines: number, concurrency: number): Promise<Summary> {
  const text = Array.from({ length: lines }, (_, i) => `{"id":${i},"messages":["hi","there"]}\n`).join("");
  return importFiles(["-"], {
    client: new Client({ url: fake.url, grant: GRANT, patience }),
    tenant: TenantId.parse("main"),
    concurrency,
    stdin: Readable.from([Buffer.from(text)]),
    report: { reading: () => {}, wrote: () => {}, recorded: () => {}, failed: () => {} },
  });
}

test("where nobody but the runtime answers, it stops at the first line and says what it heard", async () => {
  await using fake = await Fake.start();
  fake.fault = () => "gone";
  const error = await run(fake, 20, 4).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CallError);
  expect(String(error)).toMatch(
    /\[runtime\] http:\/\/\S+ answered 500 ERR_ACTOR_INVOKE_METHOD, .*; is a host running behind that sidecar\?/,
  );
  expect(new Set(fake.calls.map(({ context }) => context)).size).toBeLessThanOrEqual(5);
});

test("a host that is gone for a while costs the lines that met its absence", async () => {
  await using fake = await Fake.start();
  fake.fault = (_, index) => (index >= 3 && index < 3 + patience.caller_attempts ? "gone" : undefined);
  expect(await run(fake, 4, 1)).toMatchObject({ contexts: 3, failed: 1 });
});

test("who refused was there", async () => {
  await using fake = await Fake.start();
  fake.fault = (_, index) => (index === 0 ? refuse("denied", "no") : index <= patience.caller_attempts ? "gone" : undefined);
  expect(await run(fake, 4, 1)).toMatchObject({ contexts: 2, failed: 2 });
});
