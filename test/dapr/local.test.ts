import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { daprdDangers, type LocalSidecarOptions, noFaults, startLocalSidecar } from "../../dapr/local.ts";
import { configured, type SidecarUnderTest, sidecarSuite, startSuiteApp } from "../suites/sidecar.suite.ts";

async function openEmbedded(dangers: boolean): Promise<SidecarUnderTest> {
  const { app, port: appPort } = await startSuiteApp();
  const folder = await mkdtemp(join(tmpdir(), "strata-sidecar-"));
  const { secret, retries, retryEveryMs, concurrency, callerTopics } = configured;
  const options: Omit<LocalSidecarOptions, "port"> = {
    appId: configured.hostId,
    callersId: configured.callersId,
    appPort,
    dataFile: join(folder, "sidecar.db"),
    hostToken: configured.hostToken,
    appToken: configured.appToken,
    maxBodyBytes: configured.maxBodyBytes,
    components: {
      stateStores: [configured.stateStore],
      pubsubs: [{ name: configured.pubsub, callerTopics, retries, retryEveryMs, concurrency }],
      secretStores: [{ name: configured.secretStore, read: (key) => (key === secret.name ? secret.value : undefined) }],
    },
    faults: dangers ? daprdDangers : noFaults,
  };
  let sidecar = await startLocalSidecar({ ...options, port: 0 });
  await sidecar.ready();
  const { url, port, host } = sidecar;
  return {
    callers: url,
    host: host.url,
    hostHeaders: { "dapr-api-token": configured.hostToken },
    app,
    kind: "embedded",
    store: "sqlite",
    dangers,
    async restart() {
      await sidecar.close(0);
      sidecar = await startLocalSidecar({ ...options, port, hostPort: host.port });
      await sidecar.ready();
    },
    async close() {
      await sidecar.close(0);
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

sidecarSuite("embedded", () => openEmbedded(false));
sidecarSuite("embedded with daprd's dangers", () => openEmbedded(true));
