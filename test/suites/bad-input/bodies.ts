import { test } from "vitest";
import { pathOf, type Setting } from "../caller.ts";
import { badBodies } from "./bodies.data.ts";
import { refusedEverywhere, unchanged } from "./doors.ts";

/** The grant in its place; bytes are taken as Latin-1, so that what is no UTF-8 stays what it is. */
function withGrant(body: string | Uint8Array, grant: string): string | Uint8Array {
  if (typeof body === "string") return body.replaceAll('"$"', JSON.stringify(grant));
  return Buffer.from(Buffer.from(body).toString("latin1").replaceAll('"$"', JSON.stringify(grant)), "latin1");
}

export function bodies(the: () => Setting): void {
  for (const [kind, rows] of Object.entries(badBodies))
    test(`${kind}: refused with what was seen and what is allowed; nothing changes, nothing leaks`, async () => {
      const setting = the();
      const { id, check } = await unchanged(setting, "bodies");
      for (const [what, method, body, says, code = "invalid"] of rows) {
        const at = method.startsWith("tenant.") ? setting.tenant : id;
        const path = pathOf(at, method.replace("tenant.", ""));
        await refusedEverywhere(setting, `${method} with ${what}`, { path, body: withGrant(body, setting.caller.grant) }, { code, says });
      }
      await check();
    });
}
