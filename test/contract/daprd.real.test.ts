import { afterAll, beforeAll, describe } from "vitest";
import { contractSuite } from "../suites/contract.suite.ts";
import type { Installation } from "../suites/installation.ts";
import { isLive, liveTest } from "../tools/live.ts";
import { openOnDaprd } from "./daprd-installation.ts";

// Skipped where there is no Dapr runtime; test/tools/live.ts says why.
liveTest("there is a real daprd to run the contract on", () => {});

if (isLive)
  describe.each(["sqlite", "redis", "postgres"] as const)("on daprd with %s", (store) => {
    let opening: Promise<Installation> | undefined;
    const open = (): Promise<Installation> => (opening ??= openOnDaprd(store));

    beforeAll(async () => void (await open()));
    afterAll(async () => (await opening)?.[Symbol.asyncDispose]());

    contractSuite(store, open, { together: true });
  });
