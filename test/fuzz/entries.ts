// Every way in, with what may come in by it.

import { lines } from "./entries/importing.ts";
import { judgeAddresses, judgeBodies, judgeBytes, judgeMany, readingJson } from "./entries/judging.ts";
import { answering } from "./entries/sidecar.ts";
import { decoding } from "./entries/storing.ts";
import { settings, tokens } from "./entries/tokens.ts";
import { damagedContexts, damagedTenants, turns } from "./entries/turns.ts";
import { hostWire, sidecarWire } from "./entries/wires.ts";
import type { Entry } from "./entry.ts";

export const entries: readonly Entry[] = [
  judgeBytes,
  judgeBodies,
  judgeMany,
  judgeAddresses,
  readingJson,
  turns,
  damagedContexts,
  damagedTenants,
  decoding,
  answering,
  tokens,
  settings,
  lines,
  hostWire,
  sidecarWire,
];
