// What must be refused, at every door: the host's own port, and the callers' sidecar.

import { beforeAll, describe } from "vitest";
import { bodies } from "./bad-input/bodies.ts";
import { floods, queues } from "./bad-input/floods.ts";
import { names } from "./bad-input/names.ts";
import { wires } from "./bad-input/wires.ts";
import { type Setting, settle } from "./caller.ts";
import type { Installation } from "./installation.ts";

/** What takes its time, and is left out where it was shown elsewhere. */
export type BadInputOptions = {
  /** Whether the host is sent more calls at once than it has room for. */
  readonly flooded?: boolean;
  /** How many calls of one context are queued in the sidecar. */
  readonly queued?: number;
};

/** `open` is asked once; who hands the installation out also disposes of it. */
export function badInputSuite(
  name: string,
  open: () => Promise<Installation>,
  { flooded = false, queued = 0 }: BadInputOptions = {},
): void {
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
    if (flooded) floods(the);
    if (queued > 0) queues(the, queued);
  });
}
