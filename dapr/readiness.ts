// Whether what a host stands on is there: its sidecar, and the store behind it. For those who watch hosts; the runtime must not hear of it, since it
// takes the actors away from a host that says that it is unwell, and a store that is away is away for all of them.

import type { Clock } from "../actors/ports.ts";
import { limits } from "../protocol/limits.ts";
import type { Sidecar } from "./sidecar.ts";

export type Standing = { readonly sidecar: "ok" | "away"; readonly store: "ok" | "away" };

/** What is found shows as it is found; `awaited` resolves when all of it is, or patience is over. */
type Look = { readonly standing: () => Standing; readonly awaited: Promise<unknown>; readonly began: number };

export class Readiness {
  readonly #sidecar: Sidecar;
  readonly #path: string;
  readonly #clock: Pick<Clock, "elapsed" | "sleep">;
  #last: Look | undefined;
  #looking = false;

  constructor(sidecar: Sidecar, component: string, clock: Pick<Clock, "elapsed" | "sleep">) {
    this.#sidecar = sidecar;
    this.#path = `/v1.0/state/${encodeURIComponent(component)}/strata-probe%2Freadiness`;
    this.#clock = clock;
  }

  /** What was found less than a second ago, or is found now. However many ask, one look is under way. Never throws. */
  async ask(): Promise<Standing> {
    const known = this.#last;
    const look =
      known !== undefined && (this.#looking || this.#clock.elapsed() - known.began < limits.readiness_fresh_ms) ? known : this.#begin();
    await look.awaited;
    return look.standing();
  }

  #begin(): Look {
    let [sidecar, store]: [Standing["sidecar"], Standing["store"]] = ["away", "away"];
    this.#looking = true;
    const done = Promise.all([
      this.#answers("/v1.0/healthz/outbound").then((ok) => {
        if (ok) sidecar = "ok";
      }),
      this.#answers(this.#path).then((ok) => {
        if (ok) store = "ok";
      }),
    ]).finally(() => {
      this.#looking = false;
    });
    const awaited = Promise.race([done, this.#clock.sleep(limits.readiness_wait_ms)]);
    this.#last = { standing: () => ({ sidecar, store }), awaited, began: this.#clock.elapsed() };
    return this.#last;
  }

  async #answers(path: string): Promise<boolean> {
    const { status } = await this.#sidecar.call("GET", path, undefined);
    return status === 200 || status === 204;
  }
}
