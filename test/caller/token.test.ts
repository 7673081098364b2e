// A callers' sidecar that asks for DAPR_API_TOKEN, as one in Kubernetes usually does: every command and every example gets past it.

import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemDie } from "../../dapr/clock.ts";
import { type LocalSidecar, startLocalSidecar } from "../../dapr/local.ts";
import { type MemoryInstallation, openInMemory } from "../contract/memory-installation.ts";
import { root, run } from "../docs/serving.ts";
import { Caller, grantFor } from "../suites/caller.ts";

const TOKEN = "of-the-callers-sidecar";
const sample = join(root, "examples/trajectories/day-trip.jsonl");
const commands = [
  ["npm run import", ["services/import/main.ts", sample, "--quiet"]],
  ["an example", ["examples/01-first-turn/main.ts"]],
] as const;

let installation: MemoryInstallation;
let sidecar: LocalSidecar;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  installation = await openInMemory();
  sidecar = await startLocalSidecar({
    appId: "strata-host",
    appPort: Number(new URL(installation.host.url).port),
    port: 0,
    dataFile: ":memory:",
    hostToken: Buffer.from(systemDie.bytes(16)).toString("hex"),
    apiToken: TOKEN,
    appToken: installation.host.headers["dapr-api-token"] ?? "",
    components: { stateStores: [], pubsubs: [] },
  });
  await sidecar.ready();
  const grant = grantFor(installation.keyring, "main");
  await new Caller(installation, grant).call("main", "tenant.create");
  env = { STRATA_URL: sidecar.url, STRATA_GRANT: grant };
});
afterAll(async () => {
  await sidecar.close();
  await installation[Symbol.asyncDispose]();
});

for (const [name, args] of commands) {
  test(`${name} sends the token that the environment names, and without it says what is missing`, async () => {
    expect(await run(process.execPath, args, { ...env, DAPR_API_TOKEN: TOKEN })).toMatchObject({ code: 0 });
    const { code, stdout, stderr } = await run(process.execPath, args, { ...env, DAPR_API_TOKEN: "" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("401");
    expect(stderr).not.toContain(env.STRATA_GRANT);
  });
}

test("an import that may not call at all says so once, whatever the number of lines", async () => {
  const args = ["services/import/main.ts", sample, sample, sample, "--quiet"];
  const { stderr } = await run(process.execPath, args, { ...env, DAPR_API_TOKEN: "another" });
  expect(stderr).toMatch(/^\[unauthorized\] [^\n]* refuses the dapr-api-token that it was sent; [^\n]*\n$/);
});
