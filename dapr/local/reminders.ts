import type { StatementSync } from "node:sqlite";
import type { Clock, Die } from "../../actors/ports.ts";
import { limits } from "../../protocol/limits.ts";
import type { Actors } from "./actors.ts";
import { type Answer, BodyTooLarge, json, nothing, Refused, refused, unaskedTooLarge } from "./answers.ts";
import { AppError } from "./app.ts";
import { notUtf8 } from "./between.ts";
import { type Disk, number, optionalNumber, optionalText, type Row, text } from "./disk.ts";
import { periodFrom, pointInTime, timeFrom, writeGoDuration } from "./durations.ts";
import { drawn, type Faults } from "./faults.ts";
import { GoJsonError, goString, isObject, member, parsePrecisely, writeGoJson } from "./go-json.ts";
import type { Hosting } from "./hosting.ts";
import { LockClosed } from "./lock.ts";
import { checkName } from "./paths.ts";
import { begin, failed, type Progress, type Schedule, succeeded } from "./schedule.ts";
import type { Call, Route } from "./server.ts";

/** What the body of a reminder or timer says. Absent strings are empty. */
export type Asked = {
  readonly dueTime: string;
  readonly period: string;
  readonly ttl: string;
  readonly callback: string;
  readonly overwrite: boolean;
  /** JSON text */
  readonly data: string | undefined;
};

type Reminder = {
  readonly generation: number;
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly data: string | undefined;
  readonly schedule: Schedule;
  readonly progress: Progress;
};

const schema = `
  CREATE TABLE IF NOT EXISTS reminders (
    generation INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
    data TEXT, due TEXT, ttl TEXT,
    begin_at REAL NOT NULL, fires_at_begin INTEGER NOT NULL, every_ms REAL, repeats INTEGER, expires_at REAL,
    count INTEGER NOT NULL, last_at REAL, attempts INTEGER NOT NULL, next_at REAL NOT NULL,
    UNIQUE (type, id, name)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS reminders_next ON reminders (next_at);
`;

export class Reminders {
  readonly #disk: Disk;
  readonly #actors: Actors;
  readonly #hosting: Hosting;
  readonly #clock: Clock;
  readonly #die: Die;
  readonly #faults: () => Faults;
  readonly #onProblem: (what: string, cause?: unknown) => void;
  readonly #sql: Record<"find" | "insert" | "remove" | "due" | "one" | "next" | "progress" | "done", StatementSync>;
  readonly #firing = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  constructor(options: {
    disk: Disk;
    actors: Actors;
    hosting: Hosting;
    clock: Clock;
    die: Die;
    faults: () => Faults;
    onProblem: (what: string, cause?: unknown) => void;
  }) {
    this.#disk = options.disk;
    this.#actors = options.actors;
    this.#hosting = options.hosting;
    this.#clock = options.clock;
    this.#die = options.die;
    this.#faults = options.faults;
    this.#onProblem = options.onProblem;
    this.#disk.define(schema);
    const hosted = "type IN (SELECT value FROM json_each(?))";
    // Left to itself SQLite goes through all reminders of the types, at every look.
    const byTime = "reminders INDEXED BY reminders_next";
    this.#sql = {
      find: this.#disk.prepare("SELECT * FROM reminders WHERE type = ? AND id = ? AND name = ?"),
      insert: this.#disk.prepare(
        "INSERT INTO reminders (type, id, name, data, due, ttl, begin_at, fires_at_begin, every_ms, repeats, expires_at, count, last_at, attempts, next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ),
      remove: this.#disk.prepare("DELETE FROM reminders WHERE type = ? AND id = ? AND name = ?"),
      // Without what they bear: each is read when it fires.
      due: this.#disk.prepare(`SELECT generation FROM ${byTime} WHERE next_at <= ? AND ${hosted} ORDER BY next_at LIMIT ?`),
      one: this.#disk.prepare("SELECT * FROM reminders WHERE generation = ?"),
      next: this.#disk.prepare(`SELECT min(next_at) AS at FROM ${byTime} WHERE next_at > ? AND ${hosted}`),
      progress: this.#disk.prepare("UPDATE reminders SET count = ?, last_at = ?, attempts = ?, next_at = ? WHERE generation = ?"),
      done: this.#disk.prepare("DELETE FROM reminders WHERE generation = ?"),
    };
  }

  get routes(): readonly Route[] {
    const pattern = "/v1.0/actors/{}/{}/reminders/{}";
    return [
      { verbs: ["POST", "PUT"], pattern, for: "host", tooLarge: () => malformed(new BodyTooLarge()), handle: (call) => this.#create(call) },
      { verbs: ["GET"], pattern, for: "host", handle: (call) => this.#get(call) },
      { verbs: ["DELETE"], pattern, for: "host", tooLarge: unaskedTooLarge, handle: (call) => this.#delete(call) },
    ];
  }

  /** Fires what is due, and sets the alarm for what comes next. To be called when the app appears, too. */
  look(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.look(), Math.min(limits.sidecar_reminder_look_ms, this.#fireDue()));
    this.#timer.unref();
  }

  /** Answers in how many ms the next one is due, as far as it is known. */
  #fireDue(): number {
    if (!this.#hosting.healthy) return limits.sidecar_reminder_look_ms;
    const now = this.#clock.now();
    const types = JSON.stringify([...this.#hosting.hosted.idleMs.keys()]);
    try {
      const free = limits.sidecar_reminders_firing - this.#firing.size;
      const due = free === 0 ? [] : this.#sql.due.all(now, types, free + this.#firing.size).map((row) => number(row, "generation"));
      for (const generation of due.filter((one) => !this.#firing.has(one)).slice(0, free)) {
        const row = this.#sql.one.get(generation);
        if (row !== undefined) void this.#fire(readReminder(row));
      }
      const next = this.#sql.next.get(now, types);
      const at = next === undefined ? undefined : optionalNumber(next, "at");
      return at === undefined ? limits.sidecar_reminder_look_ms : Math.ceil(at - now);
    } catch (cause) {
      this.#onProblem("reminders that are due could not be read; they are looked for again", cause);
      return limits.sidecar_reminder_look_ms;
    }
  }

  /** One look serves all fires that end in the same turn of the event loop. */
  #lookSoon(): void {
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      this.look();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #fire(reminder: Reminder): Promise<void> {
    this.#firing.add(reminder.generation);
    try {
      const faults = this.#faults();
      if (drawn(faults.remindLate, this.#die)) await new Promise((resolve) => setTimeout(resolve, faults.remindLateMs));
      const took = await this.#tell(reminder);
      if (took && drawn(faults.remindTwice, this.#die)) await this.#tell(reminder);
      // Without a host it could not be delivered at all, which is no failure of this tick.
      if (this.#closed || (!took && !this.#hosting.healthy)) return;
      await this.#settle(reminder, took);
    } catch (cause) {
      this.#onProblem("a reminder's progress could not be written; it will fire again", cause);
      await new Promise((resolve) => setTimeout(resolve, limits.sidecar_reminder_look_ms));
    } finally {
      this.#firing.delete(reminder.generation);
      this.#lookSoon();
    }
  }

  async #tell(reminder: Reminder): Promise<boolean> {
    const data = reminder.data === undefined ? "" : `"data":${reminder.data},`;
    const method = `remind/${reminder.name}`;
    try {
      const reply = await this.#actors.fire(reminder.type, reminder.id, method, `{${data}"dueTime":"","period":""}`);
      return reply.status === 200;
    } catch (reason) {
      if (reason instanceof AppError || reason instanceof LockClosed) return false;
      throw reason;
    }
  }

  async #settle(reminder: Reminder, took: boolean): Promise<void> {
    const next = (took ? succeeded : failed)(reminder.schedule, reminder.progress);
    if (!took && (next?.attempts ?? 0) === 0)
      this.#onProblem(`reminder ${reminder.name} of ${reminder.type}/${reminder.id} failed and is dropped for this tick`);
    // By generation: a reminder that was replaced or deleted meanwhile is another one.
    await this.#disk.write(() => {
      if (next === undefined) this.#sql.done.run(reminder.generation);
      else this.#sql.progress.run(next.count, next.lastAt ?? null, next.attempts, next.nextAt, reminder.generation);
    });
  }

  async #create(call: Call): Promise<Answer> {
    const asked = readAsked(call.body);
    const [type = "", id = "", name = ""] = call.params;
    checkName("", name);
    this.#checkHosted(type);
    checkUtf8(id, name, "CREATE", "creating actor reminder");
    const now = this.#clock.now();
    const schedule = readSchedule(asked, now);
    checkJobName(type, id, name);
    const created = await this.#disk.write(() => {
      if (!asked.overwrite && this.#sql.find.get(type, id, name) !== undefined) return false;
      this.#sql.remove.run(type, id, name);
      this.#insert(type, id, name, asked, schedule);
      return true;
    }, true);
    if (!created) return refused(409, "ERR_ACTOR_REMINDER_ALREADY_EXISTS", `actor reminder already exists: ${name}`);
    this.#lookSoon();
    return nothing;
  }

  #insert(type: string, id: string, name: string, asked: Asked, schedule: Schedule): void {
    const first = begin(schedule);
    if (first === undefined) return;
    const { beginAt, firesAtBegin, everyMs, repeats, expiresAt } = schedule;
    const what = [type, id, name, asked.data ?? null, asked.dueTime, asked.ttl];
    const when = [beginAt, firesAtBegin ? 1 : 0, everyMs ?? null, repeats ?? null, expiresAt ?? null];
    this.#sql.insert.run(...what, ...when, first.count, first.lastAt ?? null, first.attempts, first.nextAt);
  }

  #get(call: Call): Answer {
    const [type = "", id = "", name = ""] = call.params;
    this.#checkHosted(type);
    checkUtf8(id, name, "GET", "getting actor reminder: api error: code = Internal desc = failed to get job due to");
    const row = this.#sql.find.get(type, id, name);
    if (row === undefined) return refused(404, "ERR_ACTOR_REMINDER_NOT_FOUND", `actor reminder not found: ${name}`);
    const due = optionalText(row, "due");
    const ttl = optionalText(row, "ttl") ?? "";
    const every = optionalNumber(row, "every_ms");
    const data = optionalText(row, "data");
    const members = [`"actorID":${goString(id)}`, `"actorType":${goString(type)}`];
    if (data !== undefined) members.push(`"data":${data}`);
    if (due !== undefined && due !== "") members.push(`"dueTime":${goString(due)}`);
    if (every !== undefined) members.push(`"period":"@every ${writeGoDuration(every)}"`);
    // A ttl that was given as a duration is not shown: daprd reads it back as a point in time, and fails silently.
    if (pointInTime(ttl) !== undefined) members.push(`"ttl":${goString(ttl)}`);
    return json(200, `{${members.join(",")}}\n`);
  }

  async #delete(call: Call): Promise<Answer> {
    const [type = "", id = "", name = ""] = call.params;
    takeNoBody(call);
    this.#checkHosted(type);
    checkUtf8(id, name, "DELETE", "deleting actor reminder");
    await this.#disk.write(() => this.#sql.remove.run(type, id, name));
    return nothing;
  }

  #checkHosted(type: string): void {
    if (this.#hosting.hosted.idleMs.has(type)) return;
    const message = "operations on actor reminders are only possible on hosted actor types";
    throw new Refused(refused(403, "ERR_ACTOR_REMINDER_NON_HOSTED", message));
  }
}

export const malformed = (reason: Error): Answer =>
  refused(400, "ERR_MALFORMED_REQUEST", `failed deserializing HTTP body: ${reason.message}`);

/** Throws Refused. */
export function readAsked(body: Buffer): Asked {
  try {
    const asked = parsePrecisely(body.toString("utf8")) ?? {};
    if (!isObject(asked)) throw new GoJsonError("json: cannot unmarshal into Go value of type CreateReminderRequest");
    const field = (name: string): string => {
      const value = member(asked, name) ?? "";
      if (typeof value !== "string") throw new GoJsonError(`json: cannot unmarshal ${typeof value} into ${name} of type string`);
      return value;
    };
    const overwrite = member(asked, "overwrite") ?? true;
    if (typeof overwrite !== "boolean") throw new GoJsonError(`json: cannot unmarshal ${typeof overwrite} into overwrite of type bool`);
    const data = member(asked, "data");
    return {
      dueTime: field("dueTime"),
      period: field("period"),
      ttl: field("ttl"),
      callback: field("callback"),
      overwrite,
      data: data === undefined ? undefined : writeGoJson(data, "kept"),
    };
  } catch (reason) {
    if (reason instanceof GoJsonError) throw new Refused(malformed(reason));
    throw reason;
  }
}

/** What an API takes that asks for no body: none, or an object whose members nobody knows. Throws Refused. */
export function takeNoBody({ body }: Call): void {
  try {
    if (body.length === 0 || isObject(JSON.parse(body.toString("utf8")))) return;
  } catch {
    // Neither is what is no JSON at all.
  }
  throw new Refused(malformed(new Error("it is no JSON object")));
}

/** The scheduler takes names as UTF-8 alone. Throws Refused. */
function checkUtf8(id: string, name: string, code: string, doing: string): void {
  if (!id.isWellFormed() || !name.isWellFormed())
    throw new Refused(refused(500, `ERR_ACTOR_REMINDER_${code}`, `error ${doing}: ${notUtf8}`));
}

function refuse(message: string): never {
  throw new Refused(refused(500, "ERR_ACTOR_REMINDER_CREATE", `error creating actor reminder: ${message}`));
}

function readSchedule(asked: Asked, now: number): Schedule {
  const period = asked.period === "" ? undefined : periodFrom(asked.period);
  const invalid = "rpc error: code = Unknown desc = job failed validation";
  if (asked.period !== "" && (period === undefined || period.years > 0 || period.months > 0 || period.days > 0))
    return refuse(`unsupported period format: ${asked.period}`);
  if (asked.dueTime === "" && period === undefined) return refuse(`${invalid}: job must have either a due time or a schedule`);
  if (asked.ttl !== "" && period === undefined) return refuse(`${invalid}: job must have a schedule to have a ttl`);
  const due = asked.dueTime === "" ? { at: now, repeats: -1 } : timeFrom(asked.dueTime, now);
  if (due === undefined) return refuse(`${invalid}: due time format not recognized`);
  if (due.repeats > 0) return refuse(`${invalid}: repeats not supported for due time`);
  const end = asked.ttl === "" ? undefined : timeFrom(asked.ttl, due.at);
  if (asked.ttl !== "" && (end === undefined || end.repeats > 0)) return refuse(`${invalid}: ttl format not recognized`);
  if (end !== undefined && asked.dueTime !== "" && due.at > end.at) return refuse(`${invalid}: ttl must be greater than due time`);
  return {
    beginAt: due.at,
    firesAtBegin: asked.dueTime !== "",
    everyMs: period?.ms,
    repeats: period !== undefined && period.repeats > 0 ? period.repeats : undefined,
    expiresAt: end?.at,
  };
}

function checkJobName(type: string, id: string, name: string): void {
  const job = `actorreminder||default||${type}||${id}||${name}`;
  if (Buffer.byteLength(job) > limits.sidecar_bytes_of_job_name)
    refuse(`job name is invalid: must be at most ${limits.sidecar_bytes_of_job_name} characters`);
  for (const character of job) {
    const code = character.charCodeAt(0);
    if ("#?/\\".includes(character) || code < 0x20 || (code >= 0x7f && code < 0xa0))
      refuse("job name is invalid: must not contain '/', '\\', '#', '?' or control characters");
  }
}

function readReminder(row: Row): Reminder {
  return {
    generation: number(row, "generation"),
    type: text(row, "type"),
    id: text(row, "id"),
    name: text(row, "name"),
    data: optionalText(row, "data"),
    schedule: {
      beginAt: number(row, "begin_at"),
      firesAtBegin: number(row, "fires_at_begin") === 1,
      everyMs: optionalNumber(row, "every_ms"),
      repeats: optionalNumber(row, "repeats"),
      expiresAt: optionalNumber(row, "expires_at"),
    },
    progress: {
      count: number(row, "count"),
      lastAt: optionalNumber(row, "last_at"),
      attempts: number(row, "attempts"),
      nextAt: number(row, "next_at"),
    },
  };
}
