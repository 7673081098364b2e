import type { Clock } from "../../actors/ports.ts";
import { limits } from "../../protocol/limits.ts";
import type { Actors } from "./actors.ts";
import { type Answer, BodyTooLarge, nothing, Refused, refused, unaskedTooLarge } from "./answers.ts";
import { addIso, type IsoDuration, periodFrom, timeFrom } from "./durations.ts";
import { goString } from "./go-json.ts";
import type { Hosting } from "./hosting.ts";
import { checkName } from "./paths.ts";
import { type Asked, malformed, readAsked, takeNoBody } from "./reminders.ts";
import type { Call, Route } from "./server.ts";

type Timer = {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly asked: Asked;
  readonly period: Required<IsoDuration> | undefined;
  readonly expiresAt: number | undefined;
  repeats: number;
  /** ms since the epoch */
  at: number;
  alarm: NodeJS.Timeout | undefined;
};

/** Timers live in memory: a restart forgets them, and a failed tick is not tried again. */
export class Timers {
  readonly #actors: Actors;
  readonly #hosting: Hosting;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #timers = new Map<string, Timer>();

  constructor(options: { actors: Actors; hosting: Hosting; clock: Clock; max: number }) {
    this.#actors = options.actors;
    this.#hosting = options.hosting;
    this.#clock = options.clock;
    this.#max = options.max;
  }

  get routes(): readonly Route[] {
    const pattern = "/v1.0/actors/{}/{}/timers/{}";
    return [
      { verbs: ["POST", "PUT"], pattern, for: "host", tooLarge: () => malformed(new BodyTooLarge()), handle: (call) => this.#create(call) },
      { verbs: ["DELETE"], pattern, for: "host", tooLarge: unaskedTooLarge, handle: (call) => this.#delete(call) },
    ];
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer.alarm);
    this.#timers.clear();
  }

  #create(call: Call): Answer {
    const asked = readAsked(call.body);
    const [type = "", id = "", name = ""] = call.params;
    checkName("", name);
    const key = `${type}||${id}||${name}`;
    if (!this.#hosting.hosted.idleMs.has(type)) refuse(`can't create timer for actor ${type}||${id}: actor type not registered`);
    const timer = readTimer(type, id, name, asked, this.#clock.now());
    const before = this.#timers.get(key);
    if (before === undefined && this.#timers.size >= this.#max) refuse(`${this.#max} timers are registered, which is as many as may be`);
    clearTimeout(before?.alarm);
    this.#timers.set(key, timer);
    this.#arm(key, timer);
    return nothing;
  }

  #delete(call: Call): Answer {
    takeNoBody(call);
    const key = call.params.join("||");
    clearTimeout(this.#timers.get(key)?.alarm);
    this.#timers.delete(key);
    return nothing;
  }

  #arm(key: string, timer: Timer): void {
    const left = timer.at - this.#clock.now();
    const then = left > limits.sidecar_reminder_look_ms ? () => this.#arm(key, timer) : () => void this.#fire(key, timer);
    timer.alarm = setTimeout(then, Math.min(Math.max(left, 0), limits.sidecar_reminder_look_ms));
    timer.alarm.unref();
  }

  async #fire(key: string, timer: Timer): Promise<void> {
    const { callback, data, dueTime, period } = timer.asked;
    const shown = data === undefined ? "" : `"data":${data},`;
    const body = `{${shown}"callback":${goString(callback)},"dueTime":${goString(dueTime)},"period":${goString(period)}}`;
    try {
      await this.#actors.fire(timer.type, timer.id, `timer/${timer.name}`, body);
    } catch {
      // A timer's tick is told once, whatever comes of it.
    }
    if (this.#timers.get(key) !== timer) return;
    if (this.#advance(timer)) this.#arm(key, timer);
    else this.#timers.delete(key);
  }

  #advance(timer: Timer): boolean {
    const { period } = timer;
    if (timer.repeats > 0) timer.repeats--;
    if (period === undefined || timer.repeats === 0) return false;
    if (period.years === 0 && period.months === 0 && period.days === 0 && period.ms === 0) return false;
    timer.at = addIso(timer.at, period);
    return timer.expiresAt === undefined || timer.at < timer.expiresAt;
  }
}

function refuse(message: string): never {
  throw new Refused(refused(500, "ERR_ACTOR_TIMER_CREATE", `error creating actor timer: ${message}`));
}

function readTimer(type: string, id: string, name: string, asked: Asked, now: number): Timer {
  const due = asked.dueTime === "" ? { at: now, repeats: -1 } : timeFrom(asked.dueTime, now);
  if (due === undefined) return refuse(`error parsing timer due time: unsupported time/duration format: ${asked.dueTime}`);
  if (due.repeats !== -1) return refuse("error parsing timer due time: repetitions are not allowed");
  const period = asked.period === "" ? undefined : periodFrom(asked.period);
  if (asked.period !== "" && period === undefined) return refuse(`invalid timer period: unsupported duration format: ${asked.period}`);
  if (period?.repeats === 0) return refuse("invalid timer period: has zero repetitions");
  const end = asked.ttl === "" ? undefined : timeFrom(asked.ttl, due.at);
  if (asked.ttl !== "" && (end === undefined || end.repeats !== -1))
    return refuse("error parsing timer TTL: unsupported time/duration format");
  if (end !== undefined && (now > end.at || due.at > end.at)) return refuse(`timer ${type}||${id}||${name} has already expired`);
  const repeats = period?.repeats ?? -1;
  return { type, id, name, asked, period, expiresAt: end?.at, repeats, at: due.at, alarm: undefined };
}
