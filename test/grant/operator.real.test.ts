// The same on the real Dapr runtime with Redis, through a callers' sidecar that asks for a token, as one in Kubernetes usually does.

import { join } from "node:path";
import { expect } from "vitest";
import { callersSidecarEnvironment } from "../../tools/run/environment.ts";
import { withFreePorts } from "../../tools/run/plan.ts";
import { until } from "../../tools/run/polling.ts";
import { sidecarOf } from "../../tools/run/sidecar.ts";
import { binaries, liveTest, temporaryCluster } from "../tools/live.ts";
import { grantIn, refusedWith, tryOffice } from "./operator.ts";

const TOKEN = "of-the-callers-sidecar";
const READY_MS = 60_000;

liveTest(
  "on daprd with Redis, behind DAPR_API_TOKEN: refused without the token and with another, and with it all goes its way",
  async () => {
    await using cluster = await temporaryCluster({ store: "redis" });
    const env = { PATH: process.env.PATH ?? "", HOME: cluster.dataDir };
    const locked = sidecarOf({
      daprd: binaries().daprd,
      app: await withFreePorts({ ...cluster.callers.app, appID: "strata-callers-locked" }),
      env: { ...callersSidecarEnvironment(env, { bus: cluster.bus }), DAPR_API_TOKEN: TOKEN },
      name: "locked callers' sidecar",
      logFile: join(cluster.dataDir, "logs", "locked.log"),
    });
    await using _process = locked.process;
    await locked.process.start();
    await until("the locked sidecar knows where the actors are", READY_MS, async (signal) =>
      (await locked.metadata(signal)).actorRuntime?.hostReady === true ? true : undefined,
    );
    const surroundings = { STRATA_URL: locked.url, STRATA_ROOT_KEY: cluster.secrets.rootKey };
    expect(await grantIn(surroundings)("list", "main")).toMatchObject(
      refusedWith(/\[unauthorized\] .* answered 401: .* was sent none; set DAPR_API_TOKEN/),
    );
    const wrong = { ...surroundings, DAPR_API_TOKEN: cluster.secrets.daprApiToken };
    expect(await grantIn(wrong)("list", "main")).toMatchObject(
      refusedWith(/\[unauthorized\] .* refuses the dapr-api-token that it was sent/),
    );
    await tryOffice({ ...surroundings, DAPR_API_TOKEN: TOKEN });
  },
);
