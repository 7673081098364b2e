import type { Bus } from "../actors/ports.ts";
import type { ContextEvent } from "../core/record.ts";
import { tenantOf } from "../protocol/ids.ts";
import { iso } from "../protocol/units.ts";
import type { Sidecar } from "./sidecar.ts";

/** The topic of what contexts tell. */
export const EVENTS = "events";

/** Publishes through the sidecar, several events in one call. Each is a CloudEvent whose id is the version it tells of, so that one told twice is known. */
export class SidecarBus implements Bus {
  readonly #sidecar: Sidecar;
  readonly #path: string;

  constructor(sidecar: Sidecar, component: string) {
    this.#sidecar = sidecar;
    this.#path = `/v1.0-alpha1/publish/bulk/${encodeURIComponent(component)}/${EVENTS}`;
  }

  async publish(events: readonly ContextEvent[]): Promise<boolean> {
    const entries = events.map((event, i) => ({
      entryId: String(i),
      event: cloudEvent(event),
      contentType: "application/cloudevents+json",
    }));
    const { status } = await this.#sidecar.call("POST", this.#path, JSON.stringify(entries));
    return status === 204 || status === 200;
  }
}

export function cloudEvent(event: ContextEvent) {
  const { type, context, version, digest, at, author } = event;
  return {
    specversion: "1.0",
    id: `${context}/${version}`,
    source: `/strata/${tenantOf(context)}`,
    type,
    subject: context,
    time: iso(at),
    datacontenttype: "application/json",
    data: { context, version, digest, at: iso(at), author },
  };
}
