// The context actor: one agent's context. Who asks is judged, what is asked waits for its turn, and what a turn leaves behind is tended.

import { eventOf } from "../core/record.ts";
import { memoryOf } from "../core/state.ts";
import type { Command } from "../protocol/contract.ts";
import { ContextError, type Refusal, refuse } from "../protocol/errors.ts";
import { ContextId } from "../protocol/ids.ts";
import { type Limits, limits } from "../protocol/limits.ts";
import { Activation, drawStagger } from "./activation.ts";
import { type ActorType, aborted, answer } from "./actor.ts";
import { expire } from "./ending.ts";
import { Group } from "./group.ts";
import { Hot } from "./hot.ts";
import { judgeContext } from "./judge.ts";
import { Live } from "./live.ts";
import { Outbox } from "./outbox.ts";
import { forOneTurn } from "./patience.ts";
import type { Call, Ports } from "./ports.ts";
import { ask } from "./reading.ts";
import { CONTEXT, dutyOf } from "./reminding.ts";
import { Reporter, reportOf } from "./reporter.ts";
import { type Aftermath, catchUp, isHeadDue, tend, writeHead } from "./tending.ts";
import { turn } from "./turn.ts";
import type { World } from "./world.ts";

export class ContextActor implements ActorType {
  static readonly type = CONTEXT;
  readonly name = ContextActor.type;
  readonly #world: World;
  readonly #aftermath: Aftermath;
  readonly #live: Live<Activation>;
  /** Turns that run or wait, of all contexts. */
  #turns = 0;

  constructor(ports: Ports, { live_contexts: most, bytes_live: bytes }: Pick<Limits, "live_contexts" | "bytes_live"> = limits) {
    const weigh = ({ loaded }: Activation): number => (loaded === undefined ? 0 : memoryOf(loaded.state));
    this.#live = new Live({ most, bytes, weigh, left: (a) => void a.queue.run(() => this.#leave(a)) });
    this.#aftermath = { outbox: new Outbox(ports, limits), reporter: new Reporter(ports, limits) };
    this.#world = {
      ports,
      group: new Group(ports, limits),
      hot: new Hot(limits),
      committed: (a, entry) => this.#committed(a, eventOf(a.id, entry)),
    };
  }

  invoke(id: string, method: string, body: Uint8Array, call: Call): Promise<string> {
    const { ports } = this.#world;
    return answer(ports, this.name, id, method, call, async (call) => {
      const judged = judgeContext(id, method, body, ports);
      if (!judged.ok) return judged;
      if (this.#turns >= limits.turns_per_host) return busy();
      const a = this.#activate(id as ContextId); // Who asks for what is no id was refused.
      ports.events.queued(id, a.queue.length);
      this.#turns++;
      const run = () => this.#run(a, judged.command, judged.claims.subject, forOneTurn(call, ports.clock));
      const done = a.queue.run(run, call.signal);
      return done.finally(() => {
        this.#turns--;
        this.#live.used(a);
      });
    });
  }

  async #run(a: Activation, command: Command, author: string, call: Call): Promise<string | Refusal> {
    if (command.method !== "append" && command.method !== "configure") return ask(a, command, this.#world, call);
    const reply = await turn(a, command, author, this.#world, call);
    return reply.ok ? JSON.stringify(reply) : reply;
  }

  async remind(id: string, reminder: string, call: Call): Promise<void> {
    const parsed = ContextId.safeParse(id);
    if (!parsed.success) return;
    const { ports } = this.#world;
    const a = this.#activate(parsed.data);
    const duty = dutyOf(reminder);
    const work = (call: Call) =>
      a.queue.run(async () => {
        const timed = forOneTurn(call, ports.clock);
        if (duty === "tend") await tend(a, reminder, this.#world, this.#aftermath, timed);
        if (duty === "expire") await expire(a, reminder, this.#world, this.#aftermath, timed);
      }, call.signal);
    const attributes = { "strata.reminder": duty ?? "(other)" };
    const done = ports.tracing.span(`${CONTEXT} reminder`, call, work, { attributes });
    const refused = await done.finally(() => this.#live.used(a));
    if (refused !== undefined) throw new ContextError("unavailable", refused.message);
  }

  async deactivate(id: string): Promise<void> {
    const a = this.#live.get(id);
    if (a === undefined) return;
    await a.queue.run(() => this.#leave(a));
    if (a.queue.length === 0) this.#live.delete(a.id);
  }

  /** How many contexts are live here. */
  get live(): number {
    return this.#live.size;
  }

  async drain(signal: AbortSignal): Promise<void> {
    const told = () => Promise.all([this.#aftermath.outbox.settled(), this.#aftermath.reporter.settled()]);
    // What others wait for comes first. Heads only make the next loads cheaper; turns that end meanwhile have something to tell once more.
    const all = told()
      .then(() => this.#leaveAll())
      .then(told);
    await Promise.race([all, aborted(signal)]);
  }

  /** Behind the turns that still run. A head that is little behind costs more to write than it spares whoever loads next. */
  async #leaveAll(): Promise<void> {
    const rest = this.#live.members().values();
    const several = Array.from({ length: limits.heads_at_once }, async () => {
      for (const a of rest) {
        const behind = (a.loaded?.state.version ?? 0) - a.head;
        if (a.queue.length > 0 || behind > limits.records_beyond_head) await a.queue.run(() => this.#leave(a));
      }
    });
    await Promise.all(several);
  }

  #activate(id: ContextId): Activation {
    const live = this.#live.get(id);
    if (live !== undefined) return live;
    const a = new Activation(id, drawStagger(this.#world.ports.die));
    this.#live.add(a);
    return a;
  }

  /** What makes the next activation cheap. */
  async #leave(a: Activation): Promise<void> {
    if (a.loaded !== undefined && a.head < a.loaded.state.version) await writeHead(a, a.loaded, this.#world, {});
    this.#world.hot.forget(a.id);
  }

  #committed(a: Activation, event: ReturnType<typeof eventOf>): void {
    const { ports } = this.#world;
    a.committed = ports.clock.elapsed();
    if (ports.settings.events && !this.#aftermath.outbox.add(a, event)) this.#catchUp(a);
    if (a.loaded === undefined) return;
    this.#aftermath.reporter.tell(a, reportOf(a.id, a.loaded.state));
    if (isHeadDue(a.loaded.state, a.stagger)) void this.#checkpoint(a);
  }

  /** In the context's own order, and once for all turns that wait. What fails is left to the reminder. */
  #catchUp(a: Activation): void {
    if (a.catchingUp || !this.#aftermath.outbox.open) return;
    a.catchingUp = true;
    void a.queue
      .run(() => catchUp(a, this.#world, this.#aftermath.outbox))
      .catch(() => {})
      .finally(() => {
        a.catchingUp = false;
      });
  }

  /** In the context's own order, behind the turn that has just ended. */
  async #checkpoint(a: Activation): Promise<void> {
    await a.queue.run(async () => {
      if (a.loaded !== undefined) await writeHead(a, a.loaded, this.#world, {});
    });
  }
}

const busy = (): Refusal =>
  refuse(
    "overloaded",
    `this host has all ${limits.turns_per_host} turns that it may have; try again after ${limits.queue_retry_after_ms} ms`,
    {
      retryAfterMs: limits.queue_retry_after_ms,
    },
  );
