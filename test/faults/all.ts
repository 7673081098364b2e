import { callerGone } from "./caller-gone.ts";
import { cancelledQueued } from "./cancelled-queued.ts";
import { deliveredTwice } from "./delivered-twice.ts";
import { hostJoins } from "./host-joins.ts";
import { kills } from "./kills.ts";
import type { Fault } from "./stage.ts";

export const faults: readonly Fault[] = [cancelledQueued, callerGone, hostJoins, kills, deliveredTwice];
