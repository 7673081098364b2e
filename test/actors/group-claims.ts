import type { Group } from "../../actors/group.ts";
import type { Call, Clock, Events, Store, Stored, Tracing } from "../../actors/ports.ts";
import { instant, millis } from "../../protocol/units.ts";
import { assert, type Claim, settle } from "./claims.ts";

type Part = { readonly Group: typeof Group };
type Create = {
  readonly keys: readonly string[];
  readonly call: Call | undefined;
  readonly answer: (outcome: "created" | "unknown") => void;
};

const limits = { records_per_group: 3, bytes_per_group: 10, gather_share: 1, gather_fade: 0.75, gather_ms: 20 };
const bytes = (length: number): Uint8Array => new Uint8Array(length);

/** A store whose answers are given by the test. */
class HeldStore implements Pick<Store, "create" | "read"> {
  readonly creates: Create[] = [];
  readonly reads: string[][] = [];
  readonly standing = new Set<string>();
  readable = true;

  create(entries: readonly { readonly key: string }[], call?: Call): Promise<"created" | "unknown"> {
    const keys = entries.map(({ key }) => key);
    return new Promise((answer) => this.creates.push({ keys, call, answer }));
  }

  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    this.reads.push([...keys]);
    if (!this.readable) throw new Error("the store does not answer");
    return keys.map((key) => (this.standing.has(key) ? { value: bytes(1), etag: "1" } : undefined));
  }

  /** The keys of each call so far. */
  get calls(): string[] {
    return this.creates.map(({ keys }) => keys.join(" "));
  }

  async answer(call: number, outcome: "created" | "unknown"): Promise<void> {
    this.creates[call]?.answer(outcome);
    await settle();
  }
}

/** Nobody is waited for, unless `sleep` takes its time. Each look at the clock takes 5 ms, so the call of a group takes 15 beside what `pass` adds. */
function open(part: Part, sleep: Clock["sleep"] = async () => {}) {
  const store = new HeldStore();
  const told: string[] = [];
  let time = 0;
  const elapsed = () => {
    time += 5;
    return millis(time);
  };
  const pass = (ms: number): void => {
    time += ms;
  };
  const clock = { now: () => instant(0), elapsed, sleep } satisfies Clock;
  const events = { group: (records: number, outcome: string, took: number) => told.push(`${records} ${outcome} ${took}`) };
  const spans: string[] = [];
  const tracing: Tracing = {
    span: async (name, call, work, about) => {
      const result = await work(call);
      const also = about?.also?.map(({ traceparent }) => traceparent).join();
      spans.push(`${name} ${about?.kind} ${JSON.stringify(about?.attributes)} ${about?.outcome?.(result)} ${also}`);
      return result;
    },
  };
  const group = new part.Group({ store: store as unknown as Store, clock, events: events as unknown as Events, tracing }, limits);
  return { store, group, told, spans, pass };
}

/** With sleeps that the test ends, and records that come together. */
function watched(part: Part) {
  const sleeps: { readonly ms: number; readonly wake: () => void }[] = [];
  const sleep: Clock["sleep"] = (ms, signal) =>
    new Promise((wake) => {
      sleeps.push({ ms, wake });
      signal?.addEventListener("abort", () => wake());
    });
  const opened = open(part, sleep);
  const done: Promise<unknown>[] = [];
  const come = async (...keys: readonly string[]): Promise<void> => {
    done.push(...keys.map((key) => opened.group.create(key, bytes(1), {})));
    await settle();
  };
  return { ...opened, sleeps, come, done };
}

export const groupClaims: readonly Claim<Part>[] = [
  [
    "a record alone goes at once, and its answer is the store's",
    async (part) => {
      for (const outcome of ["created", "unknown"] as const) {
        const { store, group, told } = open(part);
        const done = group.create("a", bytes(1), {});
        assert.deepEqual(store.calls, ["a"]);
        await store.answer(0, outcome);
        assert.equal(await done, outcome);
        assert.deepEqual([store.calls, store.reads, told], [["a"], [], [`1 ${outcome} 5`]]);
      }
    },
  ],
  [
    "those for whom it became too late while others were in flight are not sent any more, and hear that it is unknown",
    async (part) => {
      const { store, group } = open(part);
      const calls: readonly Call[] = [{}, { deadline: millis(1) }, { deadline: millis(10_000) }, { deadline: millis(1) }];
      const done = calls.map((call, i) => group.create("abcd".charAt(i), bytes(1), call));
      await store.answer(0, "created");
      assert.deepEqual(store.calls, ["a", "c"]);
      await store.answer(1, "created");
      assert.deepEqual(await Promise.all(done), ["created", "unknown", "created", "unknown"]);
      const late = group.create("e", bytes(1), { deadline: millis(1) });
      assert.deepEqual([await late, store.calls.length], ["unknown", 2]);
    },
  ],
  [
    "one call is in flight at a time; what comes meanwhile goes together, sorted by key, when it is back",
    async (part) => {
      const { store, group, told } = open(part);
      const done = ["d", "c", "a", "b"].map((key) => group.create(key, bytes(1), {}));
      await settle();
      assert.deepEqual(store.calls, ["d"]);
      await store.answer(0, "created");
      assert.deepEqual(store.calls, ["d", "a b c"]);
      await store.answer(1, "created");
      assert.deepEqual(await Promise.all(done), ["created", "created", "created", "created"]);
      assert.deepEqual(told, ["1 created 5", "3 created 5"]);
    },
  ],
  [
    "once a group is back the next one waits for half of those whom the last two held, and leaves when they are there",
    async (part) => {
      const { store, sleeps, come, done } = watched(part);
      await come("a", "b", "c", "d");
      // Of none and one there are enough.
      await store.answer(0, "created");
      assert.deepEqual([store.calls, sleeps.length], [["a", "b c d"], 0]);
      // Of one and three, half is two.
      await store.answer(1, "created");
      await come("e");
      assert.deepEqual([store.calls.length, sleeps.length], [2, 1]);
      await come("f");
      assert.deepEqual([store.calls.slice(2), sleeps.length], [["e f"], 1]);
      // Of three and two, two are too few.
      await come("g", "h");
      await store.answer(2, "created");
      assert.deepEqual([store.calls.length, sleeps.length], [3, 2]);
      await come("i");
      assert.deepEqual([store.calls.slice(3), sleeps.length], [["g h i"], 2]);
      // Of two and three, three are there already: half of five, and nobody is waited for. Of three and three they are just enough.
      await come("j", "k", "l");
      await store.answer(3, "created");
      await come("m", "n", "o");
      await store.answer(4, "created");
      assert.deepEqual([store.calls.slice(4), sleeps.length], [["j k l", "m n o"], 2]);
      await store.answer(5, "created");
      assert.equal((await Promise.all(done)).length, 15);
    },
  ],
  [
    "behind a smaller group it goes on waiting for nearly as many, and behind the next for fewer",
    async (part) => {
      const { store, sleeps, come, done } = watched(part);
      await come("a", "b", "c", "d");
      await store.answer(0, "created");
      await come("e", "f", "g");
      await store.answer(1, "created");
      assert.deepEqual(store.calls, ["a", "b c d", "e f g"]);
      // Six were about, and one of them came.
      await store.answer(2, "created");
      await come("h");
      sleeps[0]?.wake();
      await settle();
      assert.deepEqual(store.calls.slice(3), ["h"]);
      // Of three and one, half is two; but of six just before more are missed.
      await come("i", "j");
      await store.answer(3, "created");
      assert.deepEqual([store.calls.slice(4), sleeps.length], [[], 2]);
      await come("k");
      assert.deepEqual(store.calls.slice(4), ["i j k"]);
      await come("l", "m");
      await store.answer(4, "created");
      assert.deepEqual([store.calls.slice(5), sleeps.length], [["l m"], 2]);
      await store.answer(5, "created");
      assert.equal((await Promise.all(done)).length, 13);
    },
  ],
  [
    "it waits no longer than the last one took, and never longer than it may; then it goes with who is there, if anybody is",
    async (part) => {
      const { store, group, sleeps, pass } = watched(part);
      const done = ["a", "b", "c", "d"].map((key) => group.create(key, bytes(1), {}));
      await store.answer(0, "created");
      await store.answer(1, "created");
      assert.deepEqual(
        sleeps.map(({ ms }) => ms),
        [15],
      );
      sleeps[0]?.wake();
      await settle();
      // Nobody came: the next one goes at once, and counts as one of those who may be coming.
      done.push(...["e", "f", "g"].map((key) => group.create(key, bytes(1), {})));
      assert.deepEqual(store.calls, ["a", "b c d", "e"]);
      await store.answer(2, "created");
      pass(30);
      await store.answer(3, "created");
      assert.deepEqual(
        sleeps.map(({ ms }) => ms),
        [15, 20],
      );
      sleeps[1]?.wake();
      await settle();
      assert.deepEqual(store.calls, ["a", "b c d", "e", "f g"]);
      assert.equal((await Promise.all(done)).length, 7);
    },
  ],
  [
    "behind a record that was alone, and left nobody waiting, the next goes at once; behind one that left somebody it may have to wait, and behind two",
    async (part) => {
      const { store, group, sleeps } = watched(part);
      const done = [group.create("a", bytes(1), {})];
      await store.answer(0, "created");
      done.push(...["b", "c", "d", "e"].map((key) => group.create(key, bytes(1), {})));
      assert.deepEqual(store.calls, ["a", "b"]);
      await store.answer(1, "created");
      // Nobody comes but one: it goes when the wait is over.
      await store.answer(2, "created");
      done.push(group.create("f", bytes(1), {}));
      sleeps[0]?.wake();
      await settle();
      done.push(group.create("g", bytes(1), {}));
      await store.answer(3, "created");
      assert.deepEqual([store.calls, sleeps.length], [["a", "b", "c d e", "f"], 2]);
      sleeps[1]?.wake();
      await settle();
      await store.answer(4, "created");
      done.push(group.create("h", bytes(1), {}));
      assert.deepEqual([store.calls.slice(4), sleeps.length], [["g", "h"], 2]);
      await store.answer(5, "created");
      assert.equal((await Promise.all(done)).length, 8);
    },
  ],
  [
    "a group holds no more records than it may, and the rest goes next, in the order it came",
    async (part) => {
      const { store, group } = open(part);
      const done = ["0", "1", "2", "3", "4", "5"].map((key) => group.create(key, bytes(1), {}));
      for (let call = 0; call < 3; call++) await store.answer(call, "created");
      assert.deepEqual(store.calls, ["0", "1 2 3", "4 5"]);
      assert.equal((await Promise.all(done)).length, 6);
    },
  ],
  [
    "a group holds no more bytes than it may, but at least one record",
    async (part) => {
      const { store, group } = open(part);
      const done = [1, 6, 4, 1, 25, 2].map((size, i) => group.create(String(i), bytes(size), {}));
      for (let call = 0; call < 5; call++) await store.answer(call, "created");
      assert.deepEqual(store.calls, ["0", "1 2", "3", "4", "5"]);
      assert.equal((await Promise.all(done)).length, 6);
    },
  ],
  [
    "a record that is to go alone goes alone, and what waited before it goes before it",
    async (part) => {
      const { store, group } = open(part);
      const done = ["0", "1", "2!", "3", "4"].map((key) => group.create(key, bytes(1), {}, key.endsWith("!")));
      for (let call = 0; call < 4; call++) await store.answer(call, "created");
      assert.deepEqual(store.calls, ["0", "1", "2!", "3 4"]);
      assert.equal((await Promise.all(done)).length, 5);
    },
  ],
  [
    "when a call of several fails, those that stand look for themselves, and the others go once more, together",
    async (part) => {
      for (const outcome of ["created", "unknown"] as const) {
        const { store, group } = open(part);
        const done = ["0", "a", "b", "c"].map((key) => group.create(key, bytes(1), {}));
        await store.answer(0, "created");
        store.standing.add("b");
        await store.answer(1, "unknown");
        assert.deepEqual([store.calls, store.reads], [["0", "a b c", "a c"], [["a", "b", "c"]]]);
        await store.answer(2, outcome);
        assert.deepEqual(await Promise.all(done), ["created", outcome, "unknown", outcome]);
      }
    },
  ],
  [
    "when a call of several fails and all of them stand, nothing is written again",
    async (part) => {
      const { store, group } = open(part);
      const done = ["0", "a", "b"].map((key) => group.create(key, bytes(1), {}));
      await store.answer(0, "created");
      store.standing.add("a").add("b");
      await store.answer(1, "unknown");
      assert.deepEqual(await Promise.all(done), ["created", "unknown", "unknown"]);
      assert.deepEqual(store.calls, ["0", "a b"]);
    },
  ],
  [
    "when a call of several fails and the store does not answer either, every record is unknown and nothing is written again",
    async (part) => {
      const { store, group } = open(part);
      const done = ["0", "a", "b"].map((key) => group.create(key, bytes(1), {}));
      await store.answer(0, "created");
      store.readable = false;
      await store.answer(1, "unknown");
      assert.deepEqual(await Promise.all(done), ["created", "unknown", "unknown"]);
      assert.deepEqual(store.calls, ["0", "a b"]);
    },
  ],
  [
    "those that go once more are a call in flight too: what came meanwhile waits for it",
    async (part) => {
      const { store, group } = open(part);
      const done = ["0", "a", "b"].map((key) => group.create(key, bytes(1), {}));
      await store.answer(0, "created");
      await store.answer(1, "unknown");
      done.push(group.create("c", bytes(1), {}));
      await settle();
      assert.deepEqual(store.calls, ["0", "a b", "a b"]);
      await store.answer(2, "created");
      assert.deepEqual(store.calls.slice(3), ["c"]);
      await store.answer(3, "created");
      assert.deepEqual(await Promise.all(done), ["created", "created", "created", "created"]);
    },
  ],
  [
    "after a quiet time a record goes at once again",
    async (part) => {
      const { store, group } = open(part);
      for (const call of [0, 1, 2]) {
        const done = group.create(String(call), bytes(1), {});
        assert.equal(store.calls.length, call + 1);
        await store.answer(call, "created");
        assert.equal(await done, "created");
      }
    },
  ],
  [
    "a call carries a trace of one of its records, one that is recorded if there is any, and nobody's signal: who goes away must not fail the others",
    async (part) => {
      const { store, group, spans } = open(part);
      const signal = AbortSignal.abort();
      const calls = [{ signal, traceparent: "a-00" }, { signal, traceparent: "b-00" }, { signal, traceparent: "c-01" }, { signal }];
      const done = calls.map((call, i) => group.create(String(i), bytes(1), call));
      await store.answer(0, "created");
      await store.answer(1, "created");
      const last = group.create("5", bytes(1), { signal });
      await store.answer(2, "unknown");
      assert.deepEqual(await Promise.all([...done, last]), ["created", "created", "created", "created", "unknown"]);
      assert.deepEqual(
        store.creates.map(({ call }) => call),
        [{ traceparent: "a-00" }, { traceparent: "c-01" }, {}],
      );
      assert.deepEqual(spans, [
        'group commit call {"strata.group.size":1} created ',
        'group commit call {"strata.group.size":3} created b-00,',
        'group commit call {"strata.group.size":1} unknown ',
      ]);
    },
  ],
];
