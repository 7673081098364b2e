// The session of the README, the commands of the documents and the examples, on the real Dapr runtime: what `npm run dapr` starts.

import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { baseEnvironment } from "../../tools/run/environment.ts";
import { createTenant, mintGrant } from "../../tools/run/tenant.ts";
import { isLive, liveTest, type TemporaryCluster, temporaryCluster } from "../tools/live.ts";
import type { Place } from "./serving.ts";
import { blocks, commands, examples, named, tryCommands, tryExample, trySession } from "./trying.ts";

let cluster: TemporaryCluster | undefined;
let place: Place | undefined;

beforeAll(async () => {
  if (!isLive) return;
  cluster = await temporaryCluster({ store: "sqlite" });
  const { signal } = new AbortController();
  const grant = await mintGrant("main", cluster.secrets.rootKey, baseEnvironment(process.env), signal);
  await createTenant(cluster.url, "main", grant, signal);
  place = { url: cluster.url, grant, keyFile: join(cluster.dataDir, "root.key") };
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

for (const block of blocks.filter(({ info }) => info === "sh session")) {
  liveTest(`the session at ${named(block)} answers the same through real sidecars`, () => trySession(block, reached()));
}

for (const block of commands) {
  liveTest(`the commands at ${named(block)} do what they are there for through real sidecars`, () => tryCommands(block, reached()));
}

for (const name of examples) {
  liveTest(`examples/${name} finds its claim to be so through real sidecars`, () => tryExample(name, reached()));
}

function reached(): Place {
  if (place === undefined) throw new Error("the installation does not run");
  return place;
}
