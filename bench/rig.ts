// What is measured: one installation of Strata, and the floor beside it, ready to be called.
import type { Binaries } from "../tools/run/binaries.ts";
import type { Client, FloorClient } from "./client.ts";

export const stores = ["sqlite", "redis", "postgres", "embedded"] as const;
/** "embedded": `npm start`, the host and the sidecar in one process; the others a real daprd on that store. */
export type Store = (typeof stores)[number];

export interface HostSettings {
  /** Whether contexts publish events; the floor has none. */
  readonly events: boolean;
}

/** As the host reads them. */
export const environmentOf = ({ events }: HostSettings): Readonly<Record<string, string>> => ({
  STRATA_EVENTS: events ? "on" : "off",
  STRATA_LOG: "warn",
});

export interface RigOptions {
  readonly dataDir: string;
  readonly host: HostSettings;
  /** Where CPU profiles of the host go, one each time it ends. Undefined: it runs without the profiler. */
  readonly profileDir: string | undefined;
  readonly report: (line: string) => void;
}

export interface DaprRigOptions extends RigOptions {
  readonly store: Exclude<Store, "embedded">;
  readonly binaries: Binaries;
}

/** Disposing of it stops everything. */
export interface Rig extends AsyncDisposable {
  readonly store: Store;
  readonly client: Client;
  readonly floor: FloorClient;
  readonly hostPid: () => number;
  readonly floorPid: () => number;
  /** Stops the host and starts it again, so that it has nothing in memory. */
  restartHost(): Promise<void>;
  /** Requests to the state store so far; undefined where nothing counts them. */
  storeRequests(): Promise<number | undefined>;
}
