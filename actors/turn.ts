// One turn, read downwards: load, decide, prepare, commit, answer. The only path by which a context changes.

import { type Asked, type Committed, committed, decide, recalled } from "../core/context.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import { writeJson } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { Activation } from "./activation.ts";
import { commit } from "./commit.ts";
import { endName } from "./ending.ts";
import { isYoung, load, proveTail } from "./load.ts";
import type { Call, ContextKeys } from "./ports.ts";
import { prepare } from "./prepare.ts";
import { readEntry } from "./records.ts";
import type { World } from "./world.ts";

type Change = Asked["command"];

/** Decides `command` and, where it changes something, makes it so. Refusals are answers; what could not be decided in time throws. */
export async function turn(a: Activation, command: Change, author: string, world: World, call: Call): Promise<Committed | Refusal> {
  const { ports, hot } = world;
  const deadline = ports.clock.elapsed() + limits.turn_deadline_ms;
  for (let round = 0; round < limits.decisions_per_turn && ports.clock.elapsed() < deadline; round++) {
    const loaded = await load(a, ports, hot, call);
    if (loaded.state.ended && !loaded.buried) await endName(a, world, call, deadline);
    const asked = ask(a, loaded.keys, command, author, world);
    const decision = decide(loaded.state, asked, limits);
    if (decision.do === "refuse") {
      if (!decision.proof || (await proveTail(a, loaded, ports, call, 0))) return decision.reply;
    } else if (decision.do === "recall") {
      const proven = await proveTail(a, loaded, ports, call, ports.settings.dropDelayMs / 2);
      const entry = proven && (await readEntry(a, proven, decision.version, world, call));
      // The answer of a repeated key is an acknowledgement too (C5).
      if (entry && isYoung(proven.proven, ports)) return recalled(entry, asked.request);
    } else if (decision.do === "end") {
      await endName(a, world, call, deadline);
    } else {
      const ready = await prepare(a, loaded, decision.draft, world, call);
      if (ready !== "ready" && ready !== "again") return ready;
      const entry = ready === "ready" ? await commit(a, loaded, decision.draft, decision.contents, world, call, deadline) : undefined;
      if (entry !== undefined) {
        world.committed(a, entry);
        return committed(entry);
      }
    }
  }
  return refuse("unavailable", "the turn could not be decided in time; nothing was written. Repeat it with the same key", {
    details: { outcome: "none" },
  });
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
