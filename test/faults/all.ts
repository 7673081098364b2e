// The faults, in the order of the issue that asks for them.

import { callerGone } from "./caller-gone.ts";
import { cancelledQueued } from "./cancelled-queued.ts";
import { deliveredTwice } from "./delivered-twice.ts";
import { forged } from "./forged.ts";
import { hostJoins } from "./host-joins.ts";
import { hostStopped } from "./host-stopped.ts";
import { kills } from "./kills.ts";
import { pastTheLock } from "./past-the-lock.ts";
import type { Fault } from "./stage.ts";

export const faults: readonly Fault[] = [cancelledQueued, callerGone, hostJoins, hostStopped, kills, deliveredTwice, pastTheLock, forged];
