import type { Clock, Die } from "../../actors/ports.ts";
import { limits } from "../../protocol/limits.ts";
import { type Answer, BodyTooLarge, refused } from "./answers.ts";
import { type AppChannel, AppError, type AppReply, type AppRequest, passedOn } from "./app.ts";
import { refusalOfCall, refusalOfReply } from "./between.ts";
import { drawn, type Faults } from "./faults.ts";
import type { Hosting } from "./hosting.ts";
import { CallerGone, Leaver, type Leaving, LockClosed, stays, TurnLock } from "./lock.ts";
import { appPath, checkName, cleanMethod } from "./paths.ts";
import type { Call, Route } from "./server.ts";

/** One actor that is (or was lately) in use. */
type Activation = {
  readonly type: string;
  readonly id: string;
  lock: TurnLock;
  /** ms of the clock's elapsed time */
  idleAt: number;
  /** Ends the running turn, where `idleCancelsTurns` may. */
  running: Leaver | undefined;
  /** Set while the app is told that the actor is let go. */
  leaving: Promise<void> | undefined;
};

/** Headers of a call that are written anew on the way to the app, or that a caller may not write at all. */
const ours = new Set([
  "host",
  "content-length",
  "expect",
  "dapr-api-token",
  "dapr-caller-app-id",
  "dapr-caller-namespace",
  "dapr-api-call",
]);
const ofReply = new Set(["content-length", "date", "content-type"]);
const counted = new Set(["content-length"]);

export class Actors {
  readonly #app: AppChannel;
  readonly #hosting: Hosting;
  readonly #clock: Clock;
  readonly #die: Die;
  readonly #faults: () => Faults;
  readonly #appId: string;
  readonly #maxActivations: number;
  readonly #maxBytes: number;
  /** By type, then by id, the longest unused first. */
  readonly #types = new Map<string, Map<string, Activation>>();
  #size = 0;
  readonly #look: NodeJS.Timeout;
  #deactivating = 0;

  constructor(options: {
    app: AppChannel;
    hosting: Hosting;
    clock: Clock;
    die: Die;
    faults: () => Faults;
    appId: string;
    maxActivations: number;
    maxBytes: number;
  }) {
    this.#app = options.app;
    this.#hosting = options.hosting;
    this.#clock = options.clock;
    this.#die = options.die;
    this.#faults = options.faults;
    this.#appId = options.appId;
    this.#maxActivations = options.maxActivations;
    this.#maxBytes = options.maxBytes;
    this.#look = setInterval(() => this.#deactivateIdle(), limits.sidecar_idle_look_ms);
    this.#look.unref();
  }

  get routes(): readonly Route[] {
    return [
      {
        verbs: ["GET", "POST", "DELETE", "PUT"],
        pattern: "/v1.0/actors/{}/{}/method/{}",
        for: "callers",
        tooLarge: (_, byOne) =>
          byOne ? failed(cut) : refused(400, "ERR_BAD_REQUEST", `invalid request: failed to read body: ${new BodyTooLarge().message}`),
        handle: (call) => this.#invoke(call),
      },
    ];
  }

  /** Actors in use, by type. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const type of this.#hosting.hosted.idleMs.keys()) counts.set(type, this.#types.get(type)?.size ?? 0);
    return counts;
  }

  /** The app is gone, and its actors with it. Turns that still run end on their own. */
  forget(): void {
    for (const actors of this.#types.values()) for (const activation of actors.values()) activation.lock.close();
    this.#types.clear();
    this.#size = 0;
  }

  close(): void {
    clearInterval(this.#look);
    this.forget();
  }

  /**
   * One turn of the sidecar's own: a reminder or timer that fires. Throws AppError when the app cannot be reached; other answers than 200
   * are the app's failure.
   */
  async fire(type: string, id: string, method: string, body: string): Promise<AppReply> {
    return await this.#turn(type, id, stays, {
      verb: "PUT",
      path: appPath(`/actors/${type}/${id}/method/${method}`) ?? "/",
      headers: { "content-type": "application/json" },
      body,
    });
  }

  async #invoke(call: Call): Promise<Answer> {
    const [type = "", id = "", raw = ""] = call.params;
    checkName("invalid actorType: ", type);
    checkName("invalid actorId: ", id);
    const method = cleanMethod(raw);
    const path = appPath(`/actors/${type}/${id}/method/${method}`);
    if (path === undefined) return failed("parse: invalid URL escape");
    const marks = call.headers["dapr-api-call"];
    const headers = {
      ...passedOn(call.headers, ours),
      // Appended, not set: a caller's own mark stays visible beside ours.
      "dapr-api-call": marks === undefined ? "true" : [String(marks), "true"],
      "dapr-caller-app-id": this.#appId,
      "dapr-caller-namespace": "default",
    };
    const { body, query } = call;
    if (Number(call.headers["content-length"] ?? 0) > body.length) return failed(cut);
    const sent = { ...call.headers, host: undefined, "dapr-api-call": headers["dapr-api-call"] };
    const stopped = call.host ? undefined : refusalOfCall({ type, id, method, query, headers: sent, body }, this.#maxBytes);
    if (stopped !== undefined) return failed(stopped);
    const asked = query === "" ? path : `${path}?${query}`;
    try {
      const reply = await this.#turn(type, id, call.caller, { verb: "PUT", path: asked, headers, body });
      return this.#answerOf(call, reply, `actors/${type}/${id}/method/${method}`);
    } catch (reason) {
      if (reason instanceof AppError || reason instanceof CallerGone || reason instanceof LockClosed) return failed(reason.message);
      throw reason;
    }
  }

  #answerOf(call: Call, { status, headers, body }: AppReply, method: string): Answer {
    if (status === 404) return failed(`actor method not found: ${method}`);
    if (status !== 200) return failed(`error from actor service: (${status}) ${body.toString()}`);
    const lost = call.host ? undefined : refusalOfReply({ headers: passedOn(headers, counted), body }, this.#maxBytes);
    if (lost !== undefined) return failed(lost);
    const type = headers["content-type"];
    return {
      status,
      headers: { ...passedOn(headers, ofReply), "content-type": type === undefined || type === "" ? "application/json" : type },
      body,
    };
  }

  /** Throws AppError, CallerGone. */
  async #turn(type: string, id: string, caller: Leaving, request: AppRequest): Promise<AppReply> {
    for (let attempt = 0; ; attempt++) {
      if (!this.#hosting.healthy) await this.#hosting.settled(limits.sidecar_host_wait_ms);
      if (!this.#hosting.hosted.idleMs.has(type))
        throw new AppError(`failed to lookup actor: did not find address for actor '${type}/${id}'`);
      const activation = this.#activate(type, id);
      // Only what is true afterwards may go on: another call may have begun to let the actor go meanwhile.
      if (activation.leaving !== undefined) {
        await activation.leaving;
        continue;
      }
      try {
        return await this.#locked(activation, caller, request);
      } catch (reason) {
        if (!(reason instanceof LockClosed) || attempt >= limits.sidecar_call_retries) throw reason;
        await new Promise((resolve) => setTimeout(resolve, limits.sidecar_call_retry_ms));
      }
    }
  }

  async #locked(activation: Activation, caller: Leaving, request: AppRequest): Promise<AppReply> {
    const faults = this.#faults();
    const leave = await activation.lock.enter(caller, faults.queuedCallerFreesLock);
    this.#touch(activation);
    try {
      if (!faults.idleCancelsTurns && !faults.runningCallerFreesLock && faults.turnTwice === 0) return await this.#app.call(request);
      return await this.#cancellable(activation, caller, request, faults);
    } finally {
      leave();
      if (!faults.idleCancelsTurns) this.#touch(activation);
    }
  }

  /** A turn under the runtime's dangers: it may be cut off at the app while its handler still runs there. */
  async #cancellable(activation: Activation, caller: Leaving, request: AppRequest, faults: Faults): Promise<AppReply> {
    const until = new Leaver();
    if (faults.idleCancelsTurns) activation.running = until;
    const stay = faults.runningCallerFreesLock ? caller.onLeave(() => until.leave()) : () => {};
    try {
      if (drawn(faults.turnTwice, this.#die)) await this.#cutOff(request, faults.turnTwiceAfterMs);
      return await this.#app.call({ ...request, until });
    } catch (reason) {
      throw until.left ? new AppError("context canceled", { cause: reason }) : reason;
    } finally {
      stay();
      if (activation.running === until) activation.running = undefined;
    }
  }

  /** The first of two runs: sent, and hung up on. */
  async #cutOff(request: AppRequest, afterMs: number): Promise<void> {
    try {
      await this.#app.call({ ...request, within: afterMs });
    } catch {
      // It was cut off, as it was meant to be; an answer that came sooner is thrown away.
    }
  }

  #activate(type: string, id: string): Activation {
    const known = this.#types.get(type)?.get(id);
    if (known !== undefined) return known;
    const activation: Activation = { type, id, lock: new TurnLock(), idleAt: 0, running: undefined, leaving: undefined };
    let actors = this.#types.get(type);
    if (actors === undefined) {
      actors = new Map();
      this.#types.set(type, actors);
    }
    actors.set(id, activation);
    this.#size++;
    this.#touch(activation);
    if (this.#size > this.#maxActivations) this.#deactivateOldest(actors);
    return activation;
  }

  #touch(activation: Activation): void {
    const idleMs = this.#hosting.hosted.idleMs.get(activation.type);
    const actors = this.#types.get(activation.type);
    if (idleMs === undefined || actors?.get(activation.id) !== activation) return;
    activation.idleAt = this.#clock.elapsed() + idleMs;
    // To the end of the map, which is kept in order of last use.
    actors.delete(activation.id);
    actors.set(activation.id, activation);
  }

  #deactivateIdle(): void {
    const now = this.#clock.elapsed();
    for (const actors of this.#types.values()) {
      for (const activation of actors.values()) {
        if (activation.idleAt > now || this.#deactivating >= limits.sidecar_deactivations_at_once) break;
        if (activation.leaving !== undefined) continue;
        if (activation.lock.length === 0 || this.#faults().idleCancelsTurns) this.#deactivate(activation);
      }
    }
  }

  #deactivateOldest(actors: ReadonlyMap<string, Activation>): void {
    for (const activation of actors.values()) {
      if (activation.lock.length > 0 || activation.leaving !== undefined) continue;
      this.#deactivate(activation);
      return;
    }
  }

  #deactivate(activation: Activation): void {
    activation.lock.close();
    activation.running?.leave();
    this.#deactivating++;
    activation.leaving = this.#tell(activation).finally(() => {
      this.#deactivating--;
      const actors = this.#types.get(activation.type);
      if (actors?.get(activation.id) === activation && actors.delete(activation.id)) this.#size--;
    });
  }

  async #tell(activation: Activation): Promise<void> {
    const path = appPath(`/actors/${activation.type}/${activation.id}`);
    if (path === undefined || !this.#hosting.healthy) return;
    try {
      await this.#app.call({
        verb: "DELETE",
        path,
        headers: { "content-type": "application/x-protobuf" },
        within: limits.sidecar_deactivate_ms,
      });
    } catch {
      // The actor is gone here whatever the app says; it answers for ids that it does not know as well.
    }
  }
}

const failed = (message: string): Answer => refused(500, "ERR_ACTOR_INVOKE_METHOD", `error invoke actor method: ${message}`);
/** A body is announced as one byte more than daprd takes of it: it hands on what it has, and that is not what was announced. */
const cut = "the body's content-length is one byte more than is handed on of it";
