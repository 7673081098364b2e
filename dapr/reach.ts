// Whether calls get to the actors of a host through its own sidecar. A daprd that loses placement in the middle of a round keeps the actor type blocked,
// for good where the next table is the one that it has already: every call waits in it, while all that it says of itself is that it is well
// (docs/decisions/0018). A host that says that it is unwell changes the table, and that lets them go.

import type { Clock, Events } from "../actors/ports.ts";
import { ContextError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Standing } from "./readiness.ts";
import { hostedTypes } from "./runtime.ts";
import type { Sidecar } from "./sidecar.ts";

type Around = { readonly clock: Pick<Clock, "elapsed">; readonly events: Pick<Events, "failed"> };

const PROBE = "strata-probe-";
/** So many that not all of them are on one other host, which may be the one that does not answer. */
const PROBES = 16;
const METHOD = "reach";

/** Calls that are nobody's: the host answers for them at once. No context has such a name, and no actor such a method. */
export const isProbe = (id: string, method: string): boolean => method === METHOD && id.startsWith(PROBE);

export class Reach {
  readonly #sidecar: Pick<Sidecar, "call">;
  readonly #type: string;
  readonly #standing: () => Promise<Standing>;
  readonly #around: Around;
  #began = Number.NEGATIVE_INFINITY;
  #looking = false;
  #unanswered = 0;

  /** `type`: one that the host serves; a round changes all of them or none. `standing`: whether sidecar and store answer otherwise. */
  constructor(sidecar: Pick<Sidecar, "call">, type: string, standing: () => Promise<Standing>, around: Around) {
    this.#sidecar = sidecar;
    this.#type = type;
    this.#standing = standing;
    this.#around = around;
  }

  /** Whether calls got through when it was last looked. Looks again, where that is a second ago, and waits for nothing. Never throws. */
  ask(): boolean {
    const now = this.#around.clock.elapsed();
    if (!this.#looking && now - this.#began >= limits.readiness_fresh_ms) {
      this.#began = now;
      this.#looking = true;
      void this.#look();
    }
    return this.#unanswered < limits.reach_looks;
  }

  async #look(): Promise<void> {
    const through = (await this.#calls(1)) || (await this.#calls(PROBES)) || !(await this.#isBlocked());
    this.#unanswered = through ? 0 : this.#unanswered + 1;
    this.#looking = false;
    if (this.#unanswered === limits.reach_looks) this.#around.events.failed("host", "reach", unreached());
  }

  /** Whether one of so many actors answers, wherever they are; a refusal of the runtime is an answer too. */
  async #calls(count: number): Promise<boolean> {
    const path = `/v1.0/actors/${encodeURIComponent(this.#type)}/${PROBE}`;
    const calls = Array.from({ length: count }, async (_, i) => {
      const { status } = await this.#sidecar.call("PUT", `${path}${i}/method/${METHOD}`, undefined);
      if (status === 0) throw new Error("no answer");
    });
    return Promise.any(calls).then(
      () => true,
      () => false,
    );
  }

  /** Whether it is the actors alone that do not answer. */
  async #isBlocked(): Promise<boolean> {
    // A sidecar that is away, and a store that is, are for /readyz to tell: to place the actors anew mends nothing then.
    const { sidecar, store } = await this.#standing();
    if (sidecar !== "ok" || store !== "ok") return false;
    // A sidecar that has taken the types away waits for them to come back, and they do when the host is well again.
    return (await hostedTypes(this.#sidecar)).includes(this.#type);
  }
}

const unreached = (): ContextError =>
  new ContextError(
    "unavailable",
    "the sidecar answers, but keeps every call for an actor waiting; this host reports itself unwell, so that its actors are placed anew",
  );
