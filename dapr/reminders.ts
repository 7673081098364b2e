import type { Call, Reminders } from "../actors/ports.ts";
import { ContextError } from "../protocol/errors.ts";
import type { Millis } from "../protocol/units.ts";
import type { Sidecar } from "./sidecar.ts";

/** Reminders rest in the runtime's scheduler and survive everything; timers do not, and are not used. */
export class SidecarReminders implements Reminders {
  readonly #sidecar: Sidecar;

  constructor(sidecar: Sidecar) {
    this.#sidecar = sidecar;
  }

  async register(type: string, id: string, name: string, due: Millis, period: Millis, call: Call = {}): Promise<void> {
    const body = JSON.stringify({ dueTime: duration(due), period: duration(period) });
    const { status } = await this.#sidecar.call("POST", pathOf(type, id, name), body, call);
    if (status === 200 || status === 204) return;
    throw new ContextError(
      "unavailable",
      `a reminder could not be registered: the sidecar answered ${status === 0 ? "nothing in time" : status}`,
      { details: { outcome: "none" } },
    );
  }

  async cancel(type: string, id: string, name: string): Promise<void> {
    // If it is not heard, the reminder fires once more and finds nothing to do.
    await this.#sidecar.call("DELETE", pathOf(type, id, name), undefined);
  }
}

const pathOf = (type: string, id: string, name: string): string => `/v1.0/actors/${type}/${encodeURIComponent(id)}/reminders/${name}`;
/** As Go writes durations. */
const duration = (ms: number): string => `${Math.ceil(ms)}ms`;
