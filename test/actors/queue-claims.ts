import type { Queue } from "../../actors/queue.ts";
import { assert, type Claim, type Held, hold, isSettled, settle } from "./claims.ts";

type Part = { readonly Queue: typeof Queue };

const limits = { queue_per_context: 2, queue_retry_after_ms: 40 };

export const queueClaims: readonly Claim<Part>[] = [
  [
    "turns run one after another, in the order they came",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      const held = [hold<string>(), hold<string>(), hold<string>()];
      const done = held.map(({ work }) => queue.run(work));
      for (const [i, turn] of held.entries()) {
        await settle();
        assert.deepEqual(
          held.map(({ began }) => began),
          held.map((_, j) => j <= i),
        );
        turn.end(`turn ${i}`);
        assert.equal(await done[i], `turn ${i}`);
      }
    },
  ],
  [
    "a turn that comes the moment another ends does not slip in before those who wait",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      const [first, second, third] = [hold<void>(), hold<void>(), hold<void>()] as const;
      const late = queue.run(first.work).then(() => queue.run(third.work));
      const waiting = queue.run(second.work);
      first.end();
      await settle();
      assert.deepEqual([second.began, third.began], [true, false]);
      second.end();
      third.end();
      await Promise.all([late, waiting]);
    },
  ],
  [
    "its length counts who runs and who waits, and is 0 in the end",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      assert.equal(queue.length, 0);
      const held = [hold<void>(), hold<void>(), hold<void>()];
      const done = held.map(({ work }) => queue.run(work));
      assert.equal(queue.length, 3);
      for (const { end } of held) end();
      await Promise.all(done);
      assert.equal(queue.length, 0);
    },
  ],
  [
    "a turn that throws hands on to the next, and its caller hears why",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      const [first, second] = [hold<string>(), hold<string>()] as const;
      const failed = queue.run(first.work);
      const next = queue.run(second.work);
      first.fail(new Error("as told"));
      await assert.rejects(failed, /as told/);
      second.end("went on");
      assert.equal(await next, "went on");
    },
  ],
  [
    "as many wait as may, the next is refused at once and told when to come back",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      const running = hold<string>();
      const done = [queue.run(running.work), queue.run(async () => "a"), queue.run(async () => "b")];
      const refused = await queue.run(async () => "one too many");
      assert.ok(typeof refused === "object");
      assert.equal(refused.code, "overloaded");
      assert.equal(refused.retryAfterMs, limits.queue_retry_after_ms);
      assert.match(refused.message, /\b2 turns wait\b.*at most 2\b.*after 40 ms/);
      running.end("ran");
      assert.deepEqual(await Promise.all(done), ["ran", "a", "b"]);
      assert.equal(await queue.run(async () => "again"), "again");
    },
  ],
  [
    "who went away before it came does not run, and the queue is free",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      const turn = hold<string>();
      const refused = await queue.run(turn.work, AbortSignal.abort());
      assert.ok(typeof refused === "object");
      assert.deepEqual([refused.code, refused.details, turn.began, queue.length], ["unavailable", { outcome: "none" }, false, 0]);
    },
  ],
  [
    "who goes away while it waits hears so at once and never runs; the others keep their order",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      const gone = new AbortController();
      const [running, left, last] = [hold<string>(), hold<string>(), hold<string>()] as const;
      const done = [queue.run(running.work), queue.run(last.work)];
      const leaving = queue.run(left.work, gone.signal);
      gone.abort();
      const refused = await leaving;
      assert.ok(typeof refused === "object");
      assert.deepEqual([refused.code, refused.details], ["unavailable", { outcome: "none" }]);
      assert.equal(queue.length, 2);
      running.end("ran");
      last.end("ran last");
      assert.deepEqual(await Promise.all(done), ["ran", "ran last"]);
      assert.deepEqual([left.began, queue.length], [false, 0]);
    },
  ],
  [
    "who goes away while its turn runs changes nothing: it ends, and the next waits for it",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      const gone = new AbortController();
      const [running, next] = [hold<string>(), hold<string>()] as const;
      const done = queue.run(running.work, gone.signal);
      const after = queue.run(next.work);
      gone.abort();
      await settle();
      assert.deepEqual([next.began, queue.length, await isSettled(done)], [false, 2, false]);
      running.end("ran");
      next.end("ran after");
      assert.deepEqual([await done, await after], ["ran", "ran after"]);
    },
  ],
  [
    "a caller who waited and was served may go away later; nothing listens to its signal any more",
    async ({ Queue }) => {
      const queue = new Queue(limits, "context");
      const signal = new CountingSignal();
      const [first, second] = [hold<string>(), hold<string>()] as const;
      const done = [queue.run(first.work), queue.run(second.work, signal as unknown as AbortSignal)];
      assert.equal(signal.listening, 1);
      first.end("first");
      await settle();
      assert.equal(signal.listening, 0);
      second.end("second");
      assert.deepEqual(await Promise.all(done), ["first", "second"]);
    },
  ],
  [
    "hundreds of turns, some of whose callers leave, run one at a time and none is forgotten",
    async ({ Queue }) => {
      const queue = new Queue({ ...limits, queue_per_context: 500 }, "context");
      let running = 0;
      let ran = 0;
      const turns = Array.from({ length: 300 }, (_, i) => {
        const gone = new AbortController();
        const held: Held<void> = hold();
        const done = queue.run(async () => {
          assert.equal(++running, 1);
          ran++;
          await held.work();
          running--;
        }, gone.signal);
        return { i, gone, held, done };
      });
      for (const { i, gone } of turns) if (i % 3 === 1) gone.abort();
      for (const { held } of turns) held.end();
      await Promise.all(turns.map(({ done }) => done));
      assert.deepEqual([ran, queue.length], [200, 0]);
    },
  ],
];

/** As much of an AbortSignal as a queue needs, which counts who listens. */
class CountingSignal {
  readonly aborted = false;
  readonly #listeners = new Set<unknown>();

  get listening(): number {
    return this.#listeners.size;
  }
  addEventListener(_: string, listener: unknown): void {
    this.#listeners.add(listener);
  }
  removeEventListener(_: string, listener: unknown): void {
    this.#listeners.delete(listener);
  }
}
