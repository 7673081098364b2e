// One turn, read downwards: load, decide, prepare, commit, answer. The only path by which a context changes.

import { type Asked, type Committed, committed, decide, recalled } from "../core/context.ts";
import { ContextError, isUnavailable, type Refusal, refuse } from "../protocol/errors.ts";
import { writeJson } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { type Activation, isYoung } from "./activation.ts";
import { commit } from "./commit.ts";
import { endName } from "./ending.ts";
import { load, proveTail } from "./load.ts";
import { isLate } from "./patience.ts";
import type { Call, ContextKeys } from "./ports.ts";
import { prepare } from "./prepare.ts";
import { readEntry, undefinedIfOutdated } from "./records.ts";
import type { World } from "./world.ts";

type Change = Asked["command"];

/**
 * Decides `command` and, where it changes something, makes it so. Refusals are answers; what could not be decided in time throws. Once a record was
 * sent, no failure says that nothing was written: it may come to stand yet.
 */
export async function turn(a: Activation, command: Change, author: string, world: World, call: Call): Promise<Committed | Refusal> {
  const sent = { any: false };
  try {
    const reply = await decideAndCommit(a, command, author, world, call, sent);
    return sent.any && !reply.ok && reply.code === "unavailable" ? { ...reply, details: UNKNOWN } : reply;
  } catch (cause) {
    if (!sent.any || !isUnavailable(cause)) throw cause;
    throw new ContextError("unavailable", "it is not known whether the turn was written; repeat it with the same key", {
      details: UNKNOWN,
      cause,
    });
  } finally {
    // What the tenant decided for new contexts holds for the turn that asked, and not for one that begins the context later.
    a.defaults = undefined;
  }
}

const UNKNOWN = { outcome: "unknown" };

async function decideAndCommit(
  a: Activation,
  command: Change,
  author: string,
  world: World,
  call: Call,
  sent: { any: boolean },
): Promise<Committed | Refusal> {
  const { ports, hot } = world;
  for (let round = 0; round < limits.decisions_per_turn && !isLate(call, ports.clock); round++) {
    const loaded = await load(a, ports, hot, call);
    if (loaded.state.ended) await endName(a, world, call);
    const asked = ask(a, loaded.keys, command, author, world);
    const decision = decide(loaded.state, asked, limits);
    if (decision.do === "refuse") {
      if (!decision.proof || (await proveTail(a, loaded, ports, call, 0))) return decision.reply;
    } else if (decision.do === "recall") {
      const proven = await proveTail(a, loaded, ports, call, ports.settings.dropDelayMs / 2);
      const entry = proven && (await readEntry(a, proven, decision.version, world, call).catch(undefinedIfOutdated));
      // The answer of a repeated key is an acknowledgement too (C5).
      if (entry && isYoung(proven.proven, ports)) return recalled(entry, asked.request, proven.state.version);
    } else if (decision.do === "end") {
      await endName(a, world, call);
    } else {
      const ready = await prepare(a, loaded, decision.draft, world, call);
      if (ready === "again") continue;
      if (ready !== "ready") return ready;
      if (call.signal?.aborted)
        return refuse("unavailable", "the caller went away before the turn was written", { details: { outcome: "none" } });
      sent.any = true;
      const entry = await commit(a, loaded, decision.draft, decision.contents, world, call);
      if (entry === undefined) continue;
      world.committed(a, entry);
      return committed(entry);
    }
  }
  return refuse("unavailable", "the turn could not be decided in time; repeat it with the same key", { details: { outcome: "none" } });
}

function ask(a: Activation, keys: ContextKeys, command: Change, author: string, { ports }: World): Asked {
  const { method, key, ...content } = command;
  return {
    command,
    author,
    key: keys.pseudonym("key", key),
    request: keys.pseudonym("request", writeJson({ method, ...content })),
    now: ports.clock.now(),
    observed: a.observed,
    published: a.published,
    defaults: a.defaults ?? {},
    pseudonym: (subject) => keys.pseudonym("subject", subject),
  };
}
