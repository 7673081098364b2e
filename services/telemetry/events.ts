// Every event that is reported: one function each, so that a counter and its log line cannot drift apart. Attributes of metrics have few values;
// ids go to the log only; content goes nowhere (P5).

import { metrics } from "@opentelemetry/api";
import type { Events } from "../../actors/ports.ts";
import { ContextError } from "../../protocol/errors.ts";

export type Level = "debug" | "info" | "warn" | "error";
export type Log = (level: Level, message: string, fields: Readonly<Record<string, string | number>>) => void;

export function makeEvents(log: Log): Events {
  const meter = metrics.getMeter("strata");
  const turns = meter.createCounter("strata.turns", { description: "calls of actors, by method and outcome" });
  const turnMs = meter.createHistogram("strata.turn.duration", { unit: "ms", description: "time in the actor, its queue included" });
  const queue = meter.createHistogram("strata.queue.length", { description: "turns of the context that a call found before it" });
  const activations = meter.createCounter("strata.activations", { description: "contexts read from the store" });
  const commits = meter.createCounter("strata.commits", { description: "records written" });
  const groups = meter.createHistogram("strata.group.size", { description: "records in one call to the store" });
  const groupMs = meter.createHistogram("strata.group.duration", { unit: "ms", description: "time of one call to the store" });
  const unknowns = meter.createCounter("strata.unknowns", { description: "writes that were not answered with success, by what was found" });
  const ghosts = meter.createCounter("strata.ghosts", { description: "records that were written too late to count" });
  const ends = meter.createCounter("strata.ends", { description: "names that ended" });
  const tends = meter.createCounter("strata.tends", { description: "reminders served, by what was left" });
  const failures = meter.createCounter("strata.failures", { description: "calls that failed inside Strata or for want of the store" });

  return {
    turn(id, method, outcome, took) {
      turns.add(1, { method: known(method), outcome });
      turnMs.record(took, { method: known(method) });
      if (outcome !== "ok") log("info", "call refused", { id: idOf(id), method: known(method), code: outcome });
    },
    queued: (_id, length) => queue.record(length),
    activated(id, version, took) {
      activations.add(1);
      log("debug", "context activated", { id, version, ms: Math.round(took) });
    },
    committed(id, version) {
      commits.add(1);
      log("debug", "version committed", { id, version });
    },
    group(records, outcome, took) {
      groups.record(records, { outcome });
      groupMs.record(took, { outcome });
    },
    unknown(id, version, settled) {
      unknowns.add(1, { settled });
      log("warn", "a write was not confirmed", { id, version, settled });
    },
    ghost(id, version) {
      ghosts.add(1);
      log("warn", "a record was written too late to count", { id, version });
    },
    ended(id, version) {
      ends.add(1);
      log("info", "a name ended", { id, version });
    },
    tended: (_id, work) => tends.add(1, { work }),
    failed(id, doing, reason) {
      const code = reason instanceof ContextError ? reason.code : "internal";
      failures.add(1, { code });
      log(code === "internal" ? "error" : "warn", "a call failed", { id: idOf(id), doing: known(doing), ...told(reason) });
    },
  };
}

/** What may be said of a failure: our own messages hold no content; of others only their kind and where they arose. */
function told(reason: unknown): Record<string, string> {
  if (reason instanceof ContextError) return { code: reason.code, reason: reason.message };
  if (!(reason instanceof Error)) return { reason: typeof reason };
  const at =
    reason.stack
      ?.split("\n")
      .find((line) => line.includes(".ts:"))
      ?.trim() ?? "";
  return { reason: reason.name, at };
}

/** Names from outside are reported only where they look like names. */
const known = (name: string): string => (/^[a-z][a-z/.-]{0,31}$/.test(name) ? name : "(other)");
const idOf = (id: string): string => (/^[a-z0-9.-]{1,127}$/.test(id) ? id : "(malformed)");
