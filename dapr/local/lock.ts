/** Something that may end early: a caller that hangs up, a turn that is cancelled. `then` runs at once if it has. Returns what takes `then` back. */
export type Leaving = { readonly left: boolean; onLeave(then: () => void): () => void };

export const stays: Leaving = { left: false, onLeave: () => () => {} };

export class Leaver implements Leaving {
  left = false;
  readonly #then = new Set<() => void>();

  onLeave(then: () => void): () => void {
    if (this.left) {
      then();
      return () => {};
    }
    this.#then.add(then);
    return () => this.#then.delete(then);
  }

  leave(): void {
    if (this.left) return;
    this.left = true;
    for (const then of this.#then) then();
    this.#then.clear();
  }
}

type Ticket = { started: boolean; start(): void; fail(reason: Error): void };

/** The lock was closed under a waiting turn, because its actor was deactivated. */
export class LockClosed extends Error {
  override readonly name = "LockClosed";
}

/** The caller went away before its turn began. */
export class CallerGone extends Error {
  override readonly name = "CallerGone";
}

/**
 * One turn at a time for one actor, first come first served.
 *
 * daprd keeps its turns in a ring and ends any of them by removing the ring's *front*. That is right for the running turn and wrong for a
 * waiting one: its caller's leaving removes the running turn's place and starts the first waiter beside it. `frontLeaves` does so too;
 * without it a waiter that leaves removes only itself.
 */
export class TurnLock {
  /** In the order in which they came; whoever leaves is found without a look at the others. */
  readonly #line = new Set<Ticket>();
  #closed = false;

  /** Turns running and waiting. */
  get length(): number {
    return this.#line.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the turn may run, with what ends it. Rejects with CallerGone or LockClosed. */
  enter(caller: Leaving, frontLeaves: boolean): Promise<() => void> {
    if (caller.left) return Promise.reject(new CallerGone());
    if (this.#closed) return Promise.reject(new LockClosed());
    const ticket: Ticket = { started: this.#line.size === 0, start: () => {}, fail: () => {} };
    this.#line.add(ticket);
    if (ticket.started) return Promise.resolve(() => this.#next());
    return new Promise((resolve, reject) => {
      const stay = caller.onLeave(() => {
        // Whoever starts this ticket from now on starts nothing.
        ticket.start = () => {};
        if (frontLeaves) this.#next();
        else this.#line.delete(ticket);
        reject(new CallerGone());
      });
      ticket.start = () => {
        stay();
        resolve(() => this.#next());
      };
      ticket.fail = (reason) => {
        stay();
        reject(reason);
      };
    });
  }

  /** Fails every waiting turn; the running one goes on. */
  close(): void {
    this.#closed = true;
    for (const ticket of this.#line) if (!ticket.started) ticket.fail(new LockClosed());
  }

  #next(): void {
    const [front] = this.#line;
    if (front !== undefined) this.#line.delete(front);
    const [next] = this.#line;
    if (next === undefined || next.started || this.#closed) return;
    next.started = true;
    next.start();
  }
}
