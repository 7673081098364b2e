// What must be refused, at every door: the host's own port, and the callers' sidecar.

import { beforeAll, describe } from "vitest";
import { bodies } from "./bad-input/bodies.ts";
import { floods } from "./bad-input/floods.ts";
import { names } from "./bad-input/names.ts";
import { wires } from "./bad-input/wires.ts";
import { type Setting, settle } from "./caller.ts";
import type { Installation } from "./installation.ts";

export type BadInputOptions = {
  /** Whether 10,000 calls at once are sent to the host, and queued in the sidecar. They take their time. */
  readonly floods: boolean;
};

/** `open` is asked once; who hands the installation out also disposes of it. */
export function badInputSuite(name: string, open: () => Promise<Installation>, options: BadInputOptions): void {
  describe(`bad input, ${name}`, () => {
    let setting: Setting | undefined;
    const the = (): Setting => {
      if (setting === undefined) throw new Error("the installation is not open");
      return setting;
    };
    beforeAll(async () => {
      setting = await settle(await open());
    });
    for (const chapter of [bodies, names, wires]) chapter(the);
    if (options.floods) floods(the);
  });
}
