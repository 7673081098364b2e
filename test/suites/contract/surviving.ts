// One kill -9 under load, while nothing could be published, and all that must hold after it.

import { beforeAll, expect, test } from "vitest";
import { RawJson } from "../../../protocol/json.ts";
import { instant, iso } from "../../../protocol/units.ts";
import { type Caller, type Reply, type Setting, text, texts } from "../caller.ts";
import { everything, exact } from "./appending.ts";
import { expectGone, onlyTombstone } from "./living.ts";
import { eventsOf, told } from "./telling.ts";

const raw = Object.fromEntries(exact.map((value, i) => [`slot-${i}`, RawJson.trusted(value)]));
const turns = [
  { key: "first", items: everything },
  { key: "second", items: [text("x")], set: raw },
  { key: "third", items: [], set: { "slot-0": null } },
];
const TTL = { key: "policy", policy: { ttl: { ms: 86_400_000, from: "creation" } } };
/** More versions than one bulk read fetches, and than lie between two heads. */
const MANY = 150;

/** What was seen before the kill. */
type Seen = {
  readonly whole: { readonly id: string; readonly replies: readonly Reply<"append">[]; readonly configured: Reply<"configure"> };
  readonly answers: readonly unknown[];
  readonly many: string;
  readonly long: readonly unknown[];
  readonly then: { readonly id: string; readonly at: string; readonly read: Reply<"read"> };
  readonly mortal: string;
  readonly untold: readonly string[];
  readonly load: Load;
};

/** All that can be asked of a context, at every version. */
async function allOf(caller: Caller, id: string): Promise<unknown[]> {
  const { version } = await caller.call(id, "read", { limit: 1 });
  const answers: unknown[] = [
    await caller.call(id, "history"),
    await caller.call(id, "verify"),
    await caller.call(id, "diff", { from: 0, to: version }),
  ];
  for (let at = 1; at <= version; at++) {
    const reply = await caller.call(id, "read", { at });
    answers.push(reply, await caller.call(id, "read", { at: reply.at }));
  }
  return answers;
}

const allOfMany = async (caller: Caller, id: string): Promise<unknown[]> => [
  await caller.call(id, "read"),
  await caller.call(id, "read", { at: MANY - 1 }),
  await caller.call(id, "history", { limit: 1_000 }),
];

async function writeWhole({ caller, name }: Setting): Promise<Seen["whole"]> {
  const id = name("survive");
  const replies: Reply<"append">[] = [];
  for (const turn of turns) replies.push(await caller.call(id, "append", turn));
  return { id, replies, configured: await caller.call(id, "configure", TTL) };
}

async function writeMany({ caller, name }: Setting): Promise<string> {
  const id = name("survive-many");
  const crowd = Array.from({ length: MANY }, (_, n) => ({ key: `k${n}`, items: texts(1, n), set: { n } }));
  for (let n = 0; n < MANY; n += 50) await Promise.all(crowd.slice(n, n + 50).map((turn) => caller.call(id, "append", turn)));
  return id;
}

async function readAtTime({ caller, name, installation }: Setting): Promise<Seen["then"]> {
  const id = name("survive-time");
  await caller.call(id, "append", { key: "k1", items: texts(1) });
  const at = iso(instant(installation.now()));
  const read = await caller.call(id, "read", { at });
  await caller.call(id, "append", { key: "k2", items: texts(1) });
  return { id, at, read };
}

async function writeMortal({ caller, name }: Setting): Promise<string> {
  const id = name("survive-not");
  await caller.call(id, "append", { key: "k", items: texts(2) });
  await caller.call(id, "configure", { key: "p", policy: { ttl: { ms: 1_000, from: "creation" } } });
  return id;
}

/** Writers on several contexts, who repeat what was not acknowledged until it is. */
class Load {
  readonly ids: readonly string[];
  readonly acknowledged = new Map<string, number>();
  readonly #setting: Setting;
  readonly #writers: Promise<void>[];
  #stopped = false;

  constructor(setting: Setting) {
    this.#setting = setting;
    this.ids = Array.from({ length: 6 }, () => setting.name("load"));
    this.#writers = this.ids.flatMap((id) => ["one", "two"].map((writer) => this.#write(id, writer)));
  }

  async #write(id: string, writer: string): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const content = `${id} ${writer} ${n}`;
      const append = () => this.#setting.caller.call(id, "append", { key: content, items: [text(content)] }).catch(() => undefined);
      const { version } = await this.#setting.installation.until(`${content} is acknowledged`, append);
      this.acknowledged.set(content, version);
    }
  }

  /** Resolves when every writer has had an answer since. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }
}

async function seeAndKill(setting: Setting): Promise<Seen> {
  const { caller, installation } = setting;
  let seen: Seen | undefined;
  await installation.killUnpublished(async () => {
    const [whole, many, then, mortal] = await Promise.all([
      writeWhole(setting),
      writeMany(setting),
      readAtTime(setting),
      writeMortal(setting),
    ]);
    const ids = [whole.id, many, then.id, mortal];
    expect(await eventsOf(setting, ids)).toEqual([]);
    const untold = [...[1, 2, 3, 4].map((version) => `${whole.id}/${version}`), ...texts(MANY).map((_, n) => `${many}/${n + 1}`)];
    const answers = await allOf(caller, whole.id);
    const long = await allOfMany(caller, many);
    const load = new Load(setting);
    await installation.until("there is load", async () => (load.acknowledged.size >= 60 ? true : undefined));
    seen = { whole, answers, many, long, then, mortal, untold, load };
  });
  if (seen === undefined) throw new Error("nothing was seen before the kill");
  await seen.load.stop();
  return seen;
}

export function surviving(the: () => Setting): void {
  let seen: Seen;
  beforeAll(async () => {
    seen = await seeAndKill(the());
  });

  test("V4: everything that was acknowledged is there, to the byte, at every version and time", async () => {
    const { caller } = the();
    expect(await allOf(caller, seen.whole.id)).toEqual(seen.answers);
    expect(await allOfMany(caller, seen.many)).toEqual(seen.long);
    expect(await caller.call(seen.many, "verify")).toMatchObject({ version: MANY });
  });

  test("V5: repeated turns answer as before, and have happened once", async () => {
    const { caller } = the();
    const { id, replies, configured } = seen.whole;
    for (const [i, turn] of turns.entries()) expect(await caller.call(id, "append", turn)).toEqual({ ...replies[i], duplicate: true });
    expect(await caller.call(id, "configure", TTL)).toEqual({ ...configured, duplicate: true });
    expect(await caller.refused(id, "append", { key: "first", items: texts(1) })).toMatchObject({ code: "conflict" });
    expect(await caller.call(id, "append", { key: "next", items: texts(1), expect: 4 })).toMatchObject({ version: 5 });
  });

  test("V2, V4: under load nothing acknowledged was lost or doubled, versions have no gaps, and the chains verify", async () => {
    const found = new Map<string, number>();
    for (const id of seen.load.ids) {
      const { versions } = await the().caller.call(id, "history", { limit: 1_000 });
      expect(versions.map(({ number }) => number)).toEqual(versions.map((_, i) => versions.length - i));
      const { items } = await the().caller.call(id, "read");
      expect(items.length).toBe(versions.length);
      for (const [i, { content }] of items.entries()) if (typeof content === "string") found.set(content, i + 1);
      expect(await the().caller.call(id, "verify")).toMatchObject({ version: versions.length });
    }
    expect(new Map([...found].sort())).toEqual(new Map([...seen.load.acknowledged].sort()));
  });

  test("a time that was read before reads the same, though it was appended to since", async () => {
    const { caller } = the();
    const { id, at, read } = seen.then;
    await caller.call(id, "append", { key: "k3", items: texts(1) });
    expect(await caller.call(id, "read", { at })).toEqual(read);
  });

  test("C7: every version is told, though none was before the kill", async () => {
    const events = await told(the(), [seen.whole.id, seen.many], seen.untold);
    const ids = new Set(events.map(({ id }) => id));
    expect(seen.untold.filter((id) => !ids.has(id))).toEqual([]);
  });

  test("C1: an end that the host did not live to see is made by the next one", async () => {
    await onlyTombstone(the(), seen.mortal, 3);
    await expectGone(the().caller, seen.mortal);
  });
}
