// What contexts tell their tenant's directory after a commit: gathered, so that many turns of a context are one line, and many contexts one write.

import { expiryOf, type State } from "../core/state.ts";
import type { Report } from "../protocol/contract.ts";
import { type ContextId, nameOf, tenantOf } from "../protocol/ids.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Activation } from "./activation.ts";
import type { Clock, Directory } from "./ports.ts";

export const reportOf = (id: ContextId, state: State): Report => ({
  name: nameOf(id),
  version: state.version,
  at: state.at,
  expires: expiryOf(state) ?? null,
  ended: state.ended,
});

export class Reporter {
  readonly #ports: { readonly directory: Directory; readonly clock: Clock };
  readonly #limits: Pick<Limits, "report_delay_ms" | "reports_per_call">;
  readonly #waiting = new Map<Activation, Report>();
  /** Of those that wait, who is told of next: neighbours by name, which stand in one leaf of the directory. */
  #round: Activation[] = [];
  #flying: Promise<void> | undefined;
  #stopped = new AbortController();

  constructor(
    ports: { readonly directory: Directory; readonly clock: Clock },
    reportLimits: Pick<Limits, "report_delay_ms" | "reports_per_call">,
  ) {
    this.#ports = ports;
    this.#limits = reportLimits;
  }

  /** The latest of a context counts. It is told within `report_delay_ms`, or found again by the context's reminder. */
  tell(a: Activation, report: Report): void {
    this.#waiting.set(a, report);
    this.#flying ??= this.#fly().finally(() => {
      this.#flying = undefined;
    });
  }

  /** Tells what waits, now; resolves when that is done or has failed. */
  async settled(): Promise<void> {
    this.#stopped.abort();
    while (this.#flying !== undefined) await this.#flying;
    this.#stopped = new AbortController();
  }

  async #fly(): Promise<void> {
    while (this.#waiting.size > 0) {
      await this.#ports.clock.sleep(this.#limits.report_delay_ms, this.#stopped.signal);
      const batch = this.#take();
      const told = await Promise.all(batch.map(([a, report]) => this.#ports.directory.report(tenantOf(a.id), report)));
      for (const [i, [a, report]] of batch.entries()) if (told[i]) a.reported = Math.max(a.reported, report.version);
    }
  }

  #take(): (readonly [Activation, Report])[] {
    if (this.#round.length === 0) this.#round = [...this.#waiting.keys()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const batch = this.#round.splice(0, this.#limits.reports_per_call);
    return batch.flatMap((a) => {
      const report = this.#waiting.get(a);
      this.#waiting.delete(a);
      return report === undefined ? [] : [[a, report] as const];
    });
  }
}
