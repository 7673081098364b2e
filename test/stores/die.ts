import { createHash } from "node:crypto";
import type { Die } from "../../actors/ports.ts";

/** A die that falls the same way for the same seed: SHA-256 of the seed and a count. */
export function seededDie(seed: string): Die {
  let drawn = 0;
  return {
    bytes(count) {
      const blocks: Buffer[] = [];
      for (let have = 0; have < count; have += 32) blocks.push(createHash("sha256").update(`${seed}/${drawn++}`).digest());
      return new Uint8Array(Buffer.concat(blocks).subarray(0, count));
    },
  };
}
