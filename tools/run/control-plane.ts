import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { answers, healthy } from "./polling.ts";
import { type Process, startProcess } from "./processes.ts";

/** Where `dapr init` and Dapr's own documents put them: 50005 and 50006, on Windows 6050 and 6060. */
export const usualPorts = { placement: [50005, 6050], scheduler: [50006, 6060] } as const;

/** Placement or scheduler. */
export interface Service {
  /** `host:port`, as daprd takes it. */
  readonly address: string;
  /** Undefined when it ran already: then it is not ours to stop. */
  readonly process?: Process;
}

interface Started extends Service {
  readonly process: Process;
}

interface Options {
  readonly binary: string;
  readonly port: number;
  readonly dir: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One that runs already at a usual port, if any does. */
export async function findService(kind: "placement" | "scheduler"): Promise<Service | undefined> {
  for (const port of usualPorts[kind]) if (await answers("127.0.0.1", port)) return { address: `127.0.0.1:${port}` };
  return undefined;
}

export interface PlacementOptions extends Options {
  readonly ports: { readonly raft: number; readonly healthz: number; readonly metrics: number };
}

/** One placement server on loopback. It keeps its tables in memory: after a restart the sidecars tell it anew which actors they host. */
export async function startPlacement({ binary, port, ports, dir, logFile, env }: PlacementOptions): Promise<Started> {
  mkdirSync(dir, { recursive: true });
  const id = "dapr-placement-0";
  const process = await startProcess({
    name: `placement on ${port}`,
    command: [
      binary,
      ...["--id", id],
      ...["--initial-cluster", `${id}=127.0.0.1:${ports.raft}`],
      ...["--port", String(port), "--listen-address", "127.0.0.1"],
      // 1.18.2 serves the health check on every interface, whatever it is told here.
      ...["--healthz-port", String(ports.healthz), "--healthz-listen-address", "127.0.0.1"],
      ...["--metrics-port", String(ports.metrics), "--metrics-listen-address", "127.0.0.1"],
      "--tls-enabled=false",
    ],
    env,
    cwd: dir,
    logFile,
    ready: async (signal) =>
      (await answers("127.0.0.1", port)) ? healthy(`http://127.0.0.1:${ports.healthz}/healthz`, signal) : undefined,
  });
  return { address: `127.0.0.1:${port}`, process };
}

export interface SchedulerOptions extends Options {
  readonly ports: { readonly etcdClient: number; readonly etcdPeer: number; readonly healthz: number; readonly metrics: number };
}

/** One scheduler on loopback. Reminders live in the etcd that it runs in its own folder, and survive it. */
export async function startScheduler({ binary, port, ports, dir, logFile, env }: SchedulerOptions): Promise<Started> {
  mkdirSync(dir, { recursive: true });
  const id = "dapr-scheduler-server-0";
  const process = await startProcess({
    name: `scheduler on ${port}`,
    command: [
      binary,
      ...["--id", id],
      ...["--port", String(port), "--listen-address", "127.0.0.1"],
      // What sidecars are told to connect to; without it they get the name of the machine.
      ...["--override-broadcast-host-port", `127.0.0.1:${port}`],
      ...["--etcd-data-dir", join(dir, "etcd")],
      ...["--etcd-client-port", String(ports.etcdClient), "--etcd-client-listen-address", "127.0.0.1"],
      ...["--etcd-initial-cluster", `${id}=http://127.0.0.1:${ports.etcdPeer}`],
      ...["--healthz-port", String(ports.healthz), "--healthz-listen-address", "127.0.0.1"],
      ...["--metrics-port", String(ports.metrics), "--metrics-listen-address", "127.0.0.1"],
      "--tls-enabled=false",
    ],
    env,
    cwd: dir,
    logFile,
    ready: async (signal) =>
      (await answers("127.0.0.1", port)) ? healthy(`http://127.0.0.1:${ports.healthz}/healthz`, signal) : undefined,
  });
  return { address: `127.0.0.1:${port}`, process };
}
