// The sidecar of another application, with everything open, as anyone on this machine could start one: what it reaches of a host is what the host's
// own configuration leaves open.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Document, parseDocument } from "yaml";
import type { Cluster } from "../../tools/run/cluster.ts";
import { withFreePorts } from "../../tools/run/plan.ts";
import { type Sidecar, sidecarOf } from "../../tools/run/sidecar.ts";

const shipped = fileURLToPath(new URL("../../components/config/host.yaml", import.meta.url));

/** Configuration files: of the host's sidecar, as shipped but for what is said to be gone, and of the foreign one, in which all is open. */
export interface Configs {
  readonly host: string;
  readonly foreign: string;
}

/**
 * Writes both into `folder`. The two find each other by a file of their own there: by multicast they would find the hosts of every installation on the
 * machine, those that run beside this one and those that are gone, and what another's host answers proves nothing of this one.
 */
export function writeConfigs(folder: string, gone: readonly (readonly string[])[] = []): Configs {
  mkdirSync(folder, { recursive: true });
  const host = parseDocument(readFileSync(shipped, "utf8"));
  for (const path of gone) host.deleteIn(path);
  const foreign = new Document({ apiVersion: "dapr.io/v1alpha1", kind: "Configuration", metadata: { name: "foreign" }, spec: {} });
  const nameResolution = { component: "sqlite", version: "v1", configuration: { connectionString: join(folder, "names.db") } };
  const written = (name: string, document: Document): string => {
    document.setIn(["spec", "nameResolution"], document.createNode(nameResolution));
    const path = join(folder, `${name}.yaml`);
    writeFileSync(path, document.toString());
    return path;
  };
  return { host: written("host", host), foreign: written("foreign", foreign) };
}

/** Started, beside a cluster whose host has its configuration from `writeConfigs`. Whoever asks for it kills it. */
export async function startForeign({ callers, dataDir }: Cluster, { foreign }: Configs, daprd: string): Promise<Sidecar> {
  const { resourcesPaths, ...open } = await withFreePorts({ ...callers.app, appID: "foreign", configFilePath: foreign });
  const logFile = join(dataDir, "logs", "foreign-daprd.log");
  const sidecar = sidecarOf({ daprd, app: open, env: { PATH: "/usr/bin:/bin" }, name: "the foreign sidecar", logFile });
  await sidecar.process.start();
  return sidecar;
}
