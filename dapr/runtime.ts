// Which Dapr this is. What Strata knows of the runtime, its dangers above all, was found out on one version of it.

import { z } from "zod";
import { ContextError } from "../protocol/errors.ts";
import { jsonOf, type Sidecar } from "./sidecar.ts";

/** What Strata is run against, and what it should get on with: every patch of the same minor version. Stated here alone. */
export const daprVersions = { supported: "1.18.x", tested: "1.18.2" } as const;

/** `version` as the sidecar tells it, `(unknown)` where it tells none that could be one. */
export type Runtime = { readonly version: string; readonly fit: Fit };
export type Fit = "tested" | "supported" | "newer" | "older" | "unknown";

const Metadata = z.object({ runtimeVersion: z.string().regex(/^v?\d{1,5}\.\d{1,5}\.\d{1,5}(?:[-+][\w.+-]{1,40})?$/) });

const Hosted = z.object({
  actorRuntime: z.object({ hostReady: z.literal(true), activeActors: z.array(z.object({ type: z.string() })).default([]) }),
});

export function fitOf(version: string): Fit {
  const [major, minor] = numbersOf(version);
  const [ourMajor = 0, ourMinor = 0] = numbersOf(daprVersions.tested);
  if (major === undefined || minor === undefined) return "unknown";
  if (major !== ourMajor) return major > ourMajor ? "newer" : "older";
  if (minor !== ourMinor) return minor > ourMinor ? "newer" : "older";
  return version.replace(/^v/, "") === daprVersions.tested ? "tested" : "supported";
}

/** The two numbers that decide. */
function numbersOf(version: string): number[] {
  const [, major, minor] = /^v?(\d+)\.(\d+)\.\d+/.exec(version) ?? [];
  return major === undefined || minor === undefined ? [] : [Number(major), Number(minor)];
}

/** Throws ContextError "unavailable" for a runtime that is older than those supported; of others it is for the caller to say that they are untested. */
export async function examineRuntime(sidecar: Sidecar): Promise<Runtime> {
  const answer = await sidecar.call("GET", "/v1.0/metadata", undefined);
  const told = answer.status === 200 ? Metadata.safeParse(jsonOf(answer)).data?.runtimeVersion : undefined;
  const version = told ?? "(unknown)";
  const fit = fitOf(version);
  if (fit !== "older") return { version, fit };
  throw new ContextError(
    "unavailable",
    `the sidecar is of Dapr ${version}, and Strata needs ${daprVersions.supported} (tested: ${daprVersions.tested}) or newer; upgrade it`,
  );
}

/** The actor types that the sidecar says it serves: none where it tells nothing, has taken them away, or knows that it is without placement. */
export async function hostedTypes(sidecar: Pick<Sidecar, "call">): Promise<readonly string[]> {
  const answer = await sidecar.call("GET", "/v1.0/metadata", undefined);
  const told = answer.status === 200 ? Hosted.safeParse(jsonOf(answer)).data : undefined;
  return told?.actorRuntime.activeActors.map(({ type }) => type) ?? [];
}
