// What contexts tell, as the bus keeps it: entries of a Redis stream, each with the CloudEvent under `data`.

import { EVENTS } from "../../dapr/bus.ts";
import { PublishedEvent } from "../suites/installation.ts";

export const STREAM = EVENTS;

/** Throws where an entry holds no CloudEvent. */
export const eventIn = (fields: readonly string[]): PublishedEvent =>
  PublishedEvent.parse(JSON.parse(fields[fields.indexOf("data") + 1] ?? ""));
