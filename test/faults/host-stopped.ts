// A host stands still (SIGSTOP) in the middle of its turns for longer than D. Another takes over, goes on with its contexts and ends some of them, so
// that their records are dropped and their keys are free again. Then the first goes on where it was: a zombie with writes in its hands.

import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { FaultHost } from "./installation.ts";
import { persist } from "./load.ts";
import { LogTail } from "./log-tail.ts";
import { type Fault, type Stage, TENANT } from "./stage.ts";

/** D and S, shortened; S is at most half of D (services/host/config.ts). */
const DROP_MS = 800;
const HOT_MS = 300;
const TEND_MS = 1_000;
const CANDIDATES = 12;
const MOMENT_MS = 150;
const EVERY_MS = 100;
const SEEN_MS = 2_000;
const PATIENCE_MS = 15_000;
/** What was sent to the stopped host before its sidecar had given it up, is answered by nobody: whoever goes on asks again soon. */
const ATTEMPT_MS = 2_000;
/** By then another has taken over, or does not before the stopped host goes on: calls may hang in a sidecar for as long (docs/decisions/0018). */
const TAKEN_OVER_MS = 30_000;
/** A reminder drops records within one or two rounds of it, or else it has gone to the host that stands still. */
const DROPPED_MS = 5_000;
/** The reminder that clears may meet a host that stands still again, for a round or two, before it fires where somebody hears it. */
const GONE_MS = 60_000;

const Rows = z.array(z.object({ error: z.string().optional(), data: z.unknown().optional() }));

type Zombie = { readonly context: string; readonly ends: boolean };
/**
 * Whether another host took over while the first stood still, undefined where it had no turn that could not go on; and for each name that ended, whether
 * a late write landed there, which is seen later.
 */
type Stop = { readonly takenOver: boolean | undefined; readonly landed: readonly Promise<boolean>[] };

export const hostStopped: Fault = {
  name: "host-stopped",
  about: "a host is stopped for longer than D in the middle of its turns while another takes over, and then goes on",
  cures: [
    { without: ["fence"], fires: 3, finds: /\(V[46]\)/ },
    { without: ["tail-proof"], fires: 3, finds: /does not stay \(C5\)/ },
    { without: ["attempt-id"], fires: 3, finds: /\(V[46]\)/ },
  ],
  settings: { STRATA_DROP_DELAY_MS: String(DROP_MS), STRATA_HOT_MS: String(HOT_MS), STRATA_TEND_MS: String(TEND_MS) },
  async run(stage) {
    const second = await stage.site.second();
    await Promise.all([second.host.sidecar.process.start(), second.process.start()]);
    await second.host.ready();
    const stops: Stop[] = [];
    while (!stage.enough) {
      stops.push(await stopOnce(stage, second, stops.length));
      await stage.goOn();
    }
    const takenOver = stops.map((stop) => stop.takenOver).filter((took) => took !== undefined);
    const inTime = takenOver.filter((took) => took).length;
    stage.claim(2 * inTime > takenOver.length, `another host takes over in most stops; it did in ${inTime} of ${takenOver.length}`);
    const ghosts = (await Promise.all(stops.flatMap(({ landed }) => landed))).filter((seen) => seen).length;
    stage.claim(ghosts > 0, "writes of the stopped host landed behind the end of a name, which is what the proof of the tail is for");
    await second.process.stop();
    await second.host.sidecar.process.kill();
  },
};

/** Resolves when the host goes on. */
async function stopOnce(stage: Stage, second: FaultHost, round: number): Promise<Stop> {
  const { caller, signal } = stage;
  const { first } = stage.site;
  const names = Array.from({ length: CANDIDATES }, (_, i) => stage.context(`z${round}-${i}`));
  await Promise.all(names.map((context) => persist(caller, context, "first", signal)));
  first.gate.close();
  const answered = new Set<string>();
  const turns = names.map(async (context) => {
    await caller.append(context, "zombie");
    answered.add(context);
  });
  await Promise.race([first.gate.arrives(), pause(PATIENCE_MS)]);
  await pause(MOMENT_MS);
  // Whose turn is not answered now is with the first host, and can't go on.
  const zombies = names.filter((context) => !answered.has(context)).map((context, i): Zombie => ({ context, ends: i % 3 > 0 }));
  stage.fire(`a host was stopped with turns of ${zombies.length} contexts`, first.gate.underWay);
  using log = new LogTail(first.logs.sidecar);
  first.process.freeze();
  const stopped = performance.now();
  const dropped = new Set<string>();
  let takenOver: boolean | undefined;
  try {
    // Before its sidecar gives it up every call of these contexts would wait behind the one that hangs.
    await log.finds((line) => line.includes("un-healthy"), PATIENCE_MS);
    const late = AbortSignal.any([signal, AbortSignal.timeout(TAKEN_OVER_MS)]);
    const wentOn = await Promise.all(zombies.map((zombie) => goOn(stage, zombie, late)));
    if (zombies.length > 0) takenOver = wentOn.every((went) => went);
    const ended = zombies.filter(({ ends }, i) => ends && wentOn[i]);
    await Promise.all(
      ended.map(async ({ context }) => {
        if (await becomes(stage, second, context, false, DROPPED_MS)) dropped.add(context);
      }),
    );
    await pause(Math.max(1, DROP_MS + MOMENT_MS - (performance.now() - stopped)));
  } finally {
    // What it had sent lands before it can look, or while it looks.
    if (stage.random.chance(0.5)) first.gate.open();
    first.process.thaw();
    first.gate.open();
  }
  const landed = zombies
    .filter(({ ends }) => ends)
    .map(async ({ context }) => {
      if (!dropped.has(context)) await end(stage, context, signal);
      return isCleared(stage, second, context, dropped.has(context));
    });
  await Promise.all(turns);
  await Promise.all(zombies.filter(({ ends }) => !ends).map(({ context }) => persist(caller, context, "zombie", signal)));
  return { takenOver, landed };
}

/** On the second host; false where that is not to be had before it is late. */
async function goOn(stage: Stage, { context, ends }: Zombie, late: AbortSignal): Promise<boolean> {
  try {
    await persist(stage.caller, context, "later", late, { patienceMs: ATTEMPT_MS });
  } catch (reason) {
    if (!late.aborted) throw reason;
    return false;
  }
  return !ends || end(stage, context, late);
}

/** Gives a context a time to live that ran out when it was given. True when it has ended, false where it has not before it is late. */
async function end({ caller }: Stage, context: string, late: AbortSignal): Promise<boolean> {
  const ending = { key: "end", policy: { ttl: { ms: 1_000, from: "creation" } } };
  while (!late.aborted) {
    const heard = await caller.call(context, "configure", ending, AbortSignal.timeout(ATTEMPT_MS));
    if (heard.kind === "refused" && heard.code === "expired") return true;
  }
  return false;
}

/** Whether a late write landed behind the end of a name, where its records were dropped before; in any case nothing of it stays. */
async function isCleared(stage: Stage, second: FaultHost, context: string, dropped: boolean): Promise<boolean> {
  const landed = dropped && (await becomes(stage, second, context, true, SEEN_MS));
  const gone = (dropped && !landed) || (await becomes(stage, second, context, false, GONE_MS));
  stage.claim(
    gone,
    `${context}: what was written ${dropped ? "behind the end of its name does" : "before its end and behind it does"} not stay (C5)`,
  );
  return landed;
}

/** Whether records of a context come to stand, or to be gone, within `ms`. */
async function becomes({ site, signal }: Stage, second: FaultHost, context: string, standing: boolean, ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  const keys = Array.from({ length: 6 }, (_, i) => `${TENANT}.${context}/rec/${i + 1}`);
  while (performance.now() < until && !signal.aborted) {
    if ((await anyStands(site.cluster.secrets.daprApiToken, second, keys)) === standing) return true;
    await pause(EVERY_MS);
  }
  return false;
}

/**
 * As the store says, at the second host's sidecar; all keys in one call, since many are asked for again and again beside the load. Undefined: it does
 * not say, or the sidecar is being started again (docs/decisions/0021).
 */
async function anyStands(token: string, { host }: FaultHost, keys: readonly string[]): Promise<boolean | undefined> {
  const response = await fetch(`${host.sidecar.url}/v1.0/state/store/bulk`, {
    method: "POST",
    headers: { "dapr-api-token": token, "content-type": "application/json" },
    body: JSON.stringify({ keys }),
  }).catch(() => undefined);
  if (response?.status !== 200) return undefined;
  const found = Rows.safeParse(await response.json().catch(() => undefined));
  if (!found.success || found.data.some(({ error }) => error !== undefined)) return undefined;
  return found.data.some(({ data }) => data !== undefined && data !== null);
}
