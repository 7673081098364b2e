import { z } from "zod";
import { healthy } from "./polling.ts";
import { Process } from "./processes.ts";
import { daprdArguments, type RunApp } from "./run-file.ts";

export interface SidecarOptions {
  readonly daprd: string;
  readonly app: RunApp;
  /** The whole environment. A DAPR_API_TOKEN in it is asked of every caller. */
  readonly env: Readonly<Record<string, string>>;
  readonly name: string;
  readonly logFile: string;
}

/** One daprd. */
export interface Sidecar {
  readonly process: Process;
  /** `http://127.0.0.1:<port>` of its HTTP API. */
  readonly url: string;
  readonly app: RunApp;
  /** What /v1.0/metadata says. */
  metadata(signal: AbortSignal): Promise<Metadata>;
}

const Metadata = z.object({
  id: z.string(),
  runtimeVersion: z.string().optional(),
  actorRuntime: z
    .object({
      /** True once placement has told it where the types are. */
      hostReady: z.boolean().optional(),
      /** The types of its own application. */
      activeActors: z.array(z.object({ type: z.string() })).optional(),
    })
    .optional(),
  components: z.array(z.object({ name: z.string(), type: z.string(), version: z.string() })).optional(),
  subscriptions: z.array(z.object({ pubsubname: z.string(), topic: z.string(), deadLetterTopic: z.string().optional() })).optional(),
});
export type Metadata = z.infer<typeof Metadata>;

/** The sidecar of an app, not started yet; as `dapr run -f` starts it, with two ports more kept on loopback. */
export function sidecarOf({ daprd, app, env, name, logFile }: SidecarOptions): Sidecar {
  const url = `http://127.0.0.1:${app.daprHTTPPort}`;
  const headers: Record<string, string> = env.DAPR_API_TOKEN === undefined ? {} : { "dapr-api-token": env.DAPR_API_TOKEN };
  const process = new Process({
    name,
    command: [
      daprd,
      ...daprdArguments(app),
      // dapr.yaml has no key for these, and without them both ports are open on every interface.
      ...["--dapr-internal-grpc-listen-address", "127.0.0.1", "--metrics-listen-address", "127.0.0.1"],
    ],
    // The address that it gives to placement; the CLI sets the same.
    env: { ...env, DAPR_HOST_IP: "127.0.0.1" },
    cwd: app.appDirPath,
    logFile,
    ready: (signal) => healthy(`${url}/v1.0/healthz`, signal, headers),
  });
  const metadata = async (signal: AbortSignal): Promise<Metadata> => {
    const response = await fetch(`${url}/v1.0/metadata`, { headers, signal });
    return Metadata.parse(await response.json());
  };
  return { process, url, app, metadata };
}
