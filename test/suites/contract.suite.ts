// The contract as its callers meet it (docs/contract.md). One suite, run unchanged in memory, on the embedded sidecar and on the real one.

import { beforeAll, describe } from "vitest";
import { type Setting, settle } from "./caller.ts";
import { appending } from "./contract/appending.ts";
import { granting } from "./contract/granting.ts";
import { living } from "./contract/living.ts";
import { reading } from "./contract/reading.ts";
import { recording } from "./contract/recording.ts";
import { repeating } from "./contract/repeating.ts";
import { surviving } from "./contract/surviving.ts";
import { telling } from "./contract/telling.ts";
import { tenants } from "./contract/tenants.ts";
import { verifying } from "./contract/verifying.ts";
import type { Installation } from "./installation.ts";

export type SuiteOptions = {
  /** Whether tests that wait may wait together. Not where waiting moves a clock that all of them share. */
  readonly together: boolean;
};

/** `open` is asked once; who hands the installation out also disposes of it. */
export function contractSuite(name: string, open: () => Promise<Installation>, { together }: SuiteOptions): void {
  describe(`the contract, ${name}`, () => {
    let setting: Setting | undefined;
    const the = (): Setting => {
      if (setting === undefined) throw new Error("the installation is not open");
      return setting;
    };
    beforeAll(async () => {
      setting = await settle(await open());
    });
    // One after the other, since what is concurrent runs beside its neighbours.
    describe("while the host lives", () => {
      describe("", { concurrent: together }, () => {
        // Those that wait longest begin first.
        for (const chapter of [living, telling, verifying, tenants, appending, repeating, reading, granting, recording]) chapter(the);
      });
    });
    describe("after kill -9 of the host", () => {
      describe("", { concurrent: together }, () => surviving(the));
    });
  });
}
