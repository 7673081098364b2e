// How a history ends: nothing goes wrong any more, everything comes to rest, and then all of it must be as it should.

import type { ContextId } from "../../protocol/ids.ts";
import { type Chronicle, isOf } from "./chronicle.ts";
import { Host } from "./host.ts";
import { judgeList } from "./replies.ts";
import type { Arguments, Request } from "./request.ts";
import { rest } from "./schedule.ts";
import { TENANT_NAME, type World } from "./world.ts";

/** Versions that are read back in the end, of each context. */
const MOST_READS = 6;
/** Enough for every reminder to find that there is nothing left to do: one fires for D after the last record of which nothing is known. */
const MOST_STEPS = 20_000;
const STEPS_PER_FIRE = 40;
const mostSteps = ({ faults: { contexts, settings } }: World): number =>
  MOST_STEPS + (STEPS_PER_FIRE * contexts * settings.dropDelayMs) / settings.tendMs;

export async function finish(world: World): Promise<void> {
  const { oracle, store } = world;
  if (!(await comeToRest(world))) return;
  if (!world.clients.quiet) return oracle.violate("stuck", "a caller waits for ever");
  for (const truth of oracle.contexts.values()) checkPublished(world, truth);
  // The heads are hints: whoever comes next may find them or not (V7).
  if (world.random.chance(0.5)) for (const key of [...store.rows.keys()]) if (key.endsWith("/head")) store.apply({ do: "drop", key });
  const stranger = new Host(world, "stranger", world.hosts.length);
  for (const truth of [...oracle.contexts.values()]) await examine(world, stranger, truth);
  if (!(await comeToRest(world))) return;
  for (const truth of oracle.contexts.values()) checkRemains(world, truth);
  await askList(world, stranger);
}

/** Lets everything happen that is still to happen; false where something was found wrong, or it does not end. */
async function comeToRest(world: World): Promise<boolean> {
  const { oracle, schedule } = world;
  const most = mostSteps(world);
  for (let i = 0; i < most; i++) {
    if (oracle.violations.length > 0) return false;
    if (!(await schedule.step())) return true;
  }
  oracle.violate("C7", `it does not come to rest; next are ${schedule.upcoming(6).join("; ")}`);
  return false;
}

/** A host that has seen nothing of it reads the context back, at the head and before, and can go on with it. */
async function examine(world: World, host: Host, truth: Chronicle): Promise<void> {
  const { length } = truth.log;
  const ended = truth.endedAt !== undefined;
  const alive = length > 0 && !ended;
  await expectReply(world, host, truth.id, { method: "read" }, alive);
  if (alive) {
    for (let i = 0; i < MOST_READS; i++)
      await expectReply(world, host, truth.id, { method: "read", at: 1 + world.random.below(length) }, true);
    await expectReply(world, host, truth.id, { method: "history" }, true);
    await expectReply(world, host, truth.id, { method: "diff", from: 0, to: length }, true);
    await expectReply(world, host, truth.id, { method: "verify" }, true);
    const [first] = truth.requests.filter((request) => request.acknowledged !== undefined);
    if (first !== undefined) await expectReply(world, host, truth.id, first.asked, true, first);
  }
  const last: Arguments = { method: "append", key: "the last", items: [{ role: "note", content: "the end" }], expect: length };
  await expectReply(world, host, truth.id, last, !ended);
}

async function expectReply(
  world: World,
  host: Host,
  context: ContextId,
  asked: Arguments,
  ok: boolean,
  request: Request = { context, asked, deliveries: [], acknowledged: undefined },
): Promise<void> {
  const { oracle, schedule, grant } = world;
  if (oracle.violations.length > 0) return;
  if (!oracle.of(context).requests.includes(request)) oracle.asked(request);
  const { method, ...content } = asked;
  const body = Buffer.from(JSON.stringify({ grant, ...content }));
  const delivery = { host, began: schedule.now, outcome: undefined };
  request.deliveries.push(delivery);
  let text: string | undefined;
  void host.contexts.invoke(context, method, body, {}).then((answer) => {
    text = answer;
  });
  await rest();
  for (let i = 0; i < MOST_STEPS && text === undefined && (await schedule.step()); i++);
  if (text === undefined) return oracle.violate("stuck", `${method} ${context} is never answered`);
  oracle.answered(request, text, delivery);
  const said = JSON.parse(text) as { readonly ok: boolean };
  if (said.ok !== ok) oracle.violate("liveness", `in a world at peace, ${method} ${context} ${JSON.stringify(asked)} was answered ${text}`);
}

/** Every event is out, though nobody has asked for anything since (C7). Of a record that landed D after it was sent, the next turn tells. */
function checkPublished({ oracle, faults, store }: World, { id, log, published }: Chronicle): void {
  if (!faults.settings.events) return;
  for (const { entry } of log)
    if (!published.has(entry.version) && !store.overdue.has(`${id}/rec/${entry.version}`))
      oracle.violate("C7", `the event of ${id}/${entry.version} was never published`);
}

/** What must be true when nothing is left to be done. */
function checkRemains(world: World, truth: Chronicle): void {
  const { oracle, store, runtime } = world;
  const { id } = truth;
  checkPublished(world, truth);
  const reminders = runtime.reminders.names.filter((name) => name.includes(`/${id}/`));
  if (reminders.length > 0) oracle.violate("C7", `reminders without work: ${reminders.join(", ")}`);
  if (truth.endedAt !== undefined) {
    if (truth.buriedAt === undefined) oracle.violate("C1", `${id} has ended, and there is no tombstone`);
    // What lands when the contents are gone opens under no key; where both key and record landed, they go as well.
    if (truth.opens(store.rows)) oracle.violate("C1", `${id} has ended, and what was written since can be read`);
    const left = [...store.rows.keys()].filter(
      (key) => key.startsWith(`${id}/`) && key !== `${id}/tombstone` && (store.written.get(key) ?? 0) < truth.clearedAt,
    );
    if (left.length > 0) oracle.violate("C1", `${id} has ended, and there are still ${left.join(", ")}`);
  }
  for (const { entry } of truth.log) {
    const asked = truth.requests.filter((request) => isOf(request, entry) && truth.versionOf(request) === entry.version);
    const tries = asked.flatMap(({ deliveries }) => deliveries);
    if (tries.length > 0 && tries.every(({ outcome }) => outcome === "none"))
      oracle.violate("V3", `${id}: every try of ${JSON.stringify(asked[0]?.asked)} was refused, and it stands as version ${entry.version}`);
  }
}

async function askList(world: World, host: Host): Promise<void> {
  const { oracle, schedule, grant } = world;
  if (oracle.violations.length > 0) return;
  const began = schedule.now;
  void host.tenants.invoke(TENANT_NAME, "list", Buffer.from(JSON.stringify({ grant })), {}).then((text) => {
    judgeList(text, began, oracle.contexts, true, oracle);
  });
  await rest();
  await comeToRest(world);
}
