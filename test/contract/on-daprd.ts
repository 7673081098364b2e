import { afterAll, beforeAll, describe } from "vitest";
import { badInputSuite } from "../suites/bad-input.suite.ts";
import { contractSuite } from "../suites/contract.suite.ts";
import type { Installation } from "../suites/installation.ts";
import { isLive, liveTest } from "../tools/live.ts";
import { openOnDaprd } from "./daprd-installation.ts";

/** A file for each store, so that they wait beside each other. */
export function contractOnDaprd(store: "sqlite" | "redis" | "postgres"): void {
  // Skipped where there is no Dapr runtime; test/tools/live.ts says why.
  liveTest("there is a real daprd to run the contract on", () => {});
  if (!isLive) return;

  describe(`on daprd with ${store}`, () => {
    let opening: Promise<Installation> | undefined;
    const open = (): Promise<Installation> => (opening ??= openOnDaprd(store));

    beforeAll(async () => void (await open()));
    afterAll(async () => (await opening)?.[Symbol.asyncDispose]());

    contractSuite(store, open, { together: true });
    // Who is one too many is refused before any store is asked: once is enough. Calls that are queued are served one by one, so in everyday runs
    // there are fewer of them.
    badInputSuite(store, open, store === "redis" ? { flooded: true, queued: Number(process.env.STRATA_QUEUED ?? 2_000) } : {});
  });
}
