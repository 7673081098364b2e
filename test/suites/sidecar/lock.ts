import { expect, test } from "vitest";
import { configured, fresh, type Sides } from "./client.ts";

/** The turn lock of one actor: what it holds, and where the runtime lets go of it. */
export function lockSuite(sides: Sides): void {
  queueing(sides);
  leavingWaiters(sides);
  leavingTurns(sides);
}

function linesOf({ on, app }: Sides) {
  /** Calls one after the other, each known to have reached the sidecar before the next: the order of the queue is the order here. */
  const line = async (id: string, count: number) => {
    const gate = app().hold(`/actors/Actor/${id}/method/m`);
    const callers: { readonly hangUp: () => void; readonly answered: Promise<string> }[] = [];
    for (let index = 0; index < count; index++) {
      const abort = new AbortController();
      const call = on().call(`Actor/${id}`, "m", String(index), { signal: abort.signal });
      callers.push({
        hangUp: () => abort.abort(),
        answered: call.then(
          ({ status, body }) => (status === 200 ? body : `${status}: ${body}`),
          (reason: unknown) => (abort.signal.aborted ? "hung up" : String(reason)),
        ),
      });
      if (index === 0) await app().until(() => gate.count() === 1, "the first call inside");
      else await waiting();
    }
    return { gate, callers };
  };
  /** No answer tells that a call waits in the sidecar; round trips of other actors after it do, within reason: several at once, several times. */
  const waiting = async () => {
    for (let round = 0; round < 4; round++) await Promise.all(Array.from({ length: 5 }, () => on().call(`Actor/${fresh("behind")}`, "m")));
  };
  const inside = (id: string) =>
    app()
      .at(`/actors/Actor/${id}/method/m`)
      .map(({ body }) => body);
  /** Long enough for a call that is let in to arrive; that none does is what it shows. */
  const quiet = async () => {
    for (let round = 0; round < 20; round++) await on().call(`Actor/${fresh("quiet")}`, "m");
  };

  return { line, inside, quiet };
}

function queueing(sides: Sides): void {
  const { on, app } = sides;
  const { line, inside, quiet } = linesOf(sides);

  test("lock: turns of one actor run one at a time, in the order in which they came", async () => {
    const id = fresh("turns");
    const { gate, callers } = await line(id, 4);
    for (let index = 0; index < 4; index++) {
      const held = await gate.next();
      await quiet();
      expect(gate.count()).toBe(index + 1);
      held.reply({ body: `answer ${held.heard.body}` });
    }
    expect(await Promise.all(callers.map(({ answered }) => answered))).toEqual(["answer 0", "answer 1", "answer 2", "answer 3"]);
    expect(inside(id)).toEqual(["0", "1", "2", "3"]);
  });

  test("lock: turns of two actors run at once", async () => {
    const [one, two] = [fresh("one"), fresh("two")];
    const first = app().hold(`/actors/Actor/${one}/method/m`);
    const second = app().hold(`/actors/Actor/${two}/method/m`);
    const calls = [on().call(`Actor/${one}`, "m"), on().call(`Actor/${two}`, "m")];
    const held = [await first.next(), await second.next()];
    for (const one of held) one.reply();
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200]);
  });

  test("lock: a failed turn lets the next one in", async () => {
    const id = fresh("fails");
    const { gate, callers } = await line(id, 2);
    (await gate.next()).reply({ status: 500 });
    (await gate.next()).reply({ body: "second" });
    expect(await callers[1]?.answered).toBe("second");
  });
}

function leavingWaiters(sides: Sides): void {
  const { on, app, env } = sides;
  const { line, inside, quiet } = linesOf(sides);

  test("lock: the caller of the second waiter hangs up, and its turn never runs", async () => {
    const id = fresh("second");
    const { gate, callers } = await line(id, 3);
    const running = await gate.next();
    callers[2]?.hangUp();
    expect(await callers[2]?.answered).toBe("hung up");
    if (env().dangers) {
      // daprd lets go of the running turn's place instead: the first waiter runs beside it.
      await app().until(() => gate.count() === 2, "the first waiter beside the running turn");
      expect(inside(id)).toEqual(["0", "1"]);
      (await gate.next()).reply({ body: "first waiter" });
      running.reply();
    } else {
      await quiet();
      expect(inside(id)).toEqual(["0"]);
      running.reply();
      (await gate.next()).reply({ body: "first waiter" });
    }
    expect(await callers[1]?.answered).toBe("first waiter");
    await quiet();
    expect(inside(id)).toEqual(["0", "1"]);
  });

  test("lock: the caller of the first waiter hangs up, and the second one follows the running turn", async () => {
    const id = fresh("first");
    const { gate, callers } = await line(id, 3);
    const running = await gate.next();
    callers[1]?.hangUp();
    await quiet();
    expect(inside(id)).toEqual(["0"]);
    running.reply();
    (await gate.next()).reply({ body: "second waiter" });
    expect(await callers[2]?.answered).toBe("second waiter");
    expect(inside(id)).toEqual(["0", "2"]);
  });

  test("lock: a lock that was let go of by mistake serves all who wait, each once", async () => {
    const id = fresh("after");
    const { gate, callers } = await line(id, 5);
    callers[2]?.hangUp();
    callers[4]?.hangUp();
    // Until the sidecar knows of both: a turn that is let in before its caller has left takes an answer that is meant for another.
    await quiet();
    for (let served = 0; served < 3; served++) (await gate.next()).reply({ body: "served" });
    expect(await Promise.all(callers.map(({ answered }) => answered))).toEqual(["served", "served", "hung up", "served", "hung up"]);
    const again = on().call(`Actor/${id}`, "m", "again");
    (await gate.next()).reply({ body: "and again" });
    expect((await again).body).toBe("and again");
    expect(inside(id).sort()).toEqual(["0", "1", "3", "again"]);
  });
}

function leavingTurns(sides: Sides): void {
  const { on, app, env } = sides;
  const { line, inside, quiet } = linesOf(sides);

  test("lock: the caller of the running turn hangs up, and its handler goes on", async () => {
    const id = fresh("running");
    const { gate, callers } = await line(id, 3);
    const running = await gate.next();
    callers[0]?.hangUp();
    if (env().dangers) {
      // daprd hangs up on the app and starts the next turn, while the handler of the first still runs.
      const second = await gate.next();
      await app().until(() => running.heard.abandoned, "the running turn hung up on");
      second.reply();
    } else {
      await quiet();
      expect([inside(id), running.heard.abandoned]).toEqual([["0"], false]);
      running.reply();
      (await gate.next()).reply();
    }
    (await gate.next()).reply({ body: "third" });
    expect(await callers[2]?.answered).toBe("third");
    expect(inside(id)).toEqual(["0", "1", "2"]);
  });

  test("lock: a turn longer than the idle timeout", async () => {
    const id = fresh("long");
    const gate = app().hold(`/actors/Brief/${id}/method/m`);
    const call = on().call(`Brief/${id}`, "m");
    const running = await gate.next();
    const isLetGo = () =>
      env()
        .app.at(`/actors/Brief/${id}`)
        .some(({ verb }) => verb === "DELETE");
    if (env().dangers) {
      // Counted from the beginning of the turn: daprd cancels it and lets the actor go, while its handler still runs.
      const answer = await call;
      expect([answer.status, answer.code]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
      expect(JSON.parse(answer.body).message).toContain("context canceled");
      await app().until(() => isLetGo() && running.heard.abandoned, "the actor let go, the turn hung up on");
      running.reply();
    } else {
      // Another actor of the type that is idle for as long shows that the time is over.
      const other = fresh("other");
      await on().call(`Brief/${other}`, "m");
      await app().until(
        () =>
          env()
            .app.at(`/actors/Brief/${other}`)
            .some(({ verb }) => verb === "DELETE"),
        "the other actor let go",
      );
      expect([isLetGo(), running.heard.abandoned]).toEqual([false, false]);
      const ended = performance.now();
      running.reply({ body: "after all" });
      expect((await call).body).toBe("after all");
      // Idle from the end of the turn on. Timers may be late, but never early.
      await app().until(isLetGo, "the actor let go");
      const told = app()
        .at(`/actors/Brief/${id}`)
        .find(({ verb }) => verb === "DELETE");
      expect((told?.at ?? 0) - ended).toBeGreaterThan(configured.briefIdleMs - 50);
    }
  });
}
