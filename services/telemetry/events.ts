// Every event that is reported: one function each, so that a counter and its log line cannot drift apart. Attributes of metrics have few values;
// ids go to the log only; content goes nowhere (P5). Names and units follow OpenTelemetry's conventions; docs/telemetry.md lists them all.

import { metrics } from "@opentelemetry/api";
import type { Events } from "../../actors/ports.ts";
import { ContextError } from "../../protocol/errors.ts";
import { deedOf, idOf, methodOf } from "./names.ts";

export type Level = "debug" | "info" | "warn" | "error";
export type Log = (level: Level, message: string, fields: Readonly<Record<string, string | number>>) => void;

/** Beside what actors report. */
export type MoreEvents = {
  /** Something went wrong in the embedded sidecar that no caller hears of. `what` is our own text, never a caller's. */
  problem(what: string, cause?: unknown): void;
  /** The state component is a Redis, and nobody has said where to look whether it forgets (C9). */
  unexamined(component: string): void;
};

export function makeEvents(log: Log): Events & MoreEvents {
  const m = instruments();
  return {
    turn(id, method, outcome, took) {
      const named = methodOf(id, method);
      m.turns.add(1, { "strata.method": named, "strata.outcome": outcome });
      m.turnDuration.record(took / 1_000, { "strata.method": named });
      if (outcome === "conflict") m.conflicts.add(1, { "strata.conflict": "refused" });
      if (outcome === "ok") log("debug", "call answered", { id: idOf(id), method: named, ms: Math.round(took) });
      else log("info", "call refused", { id: idOf(id), method: named, code: outcome, ms: Math.round(took) });
    },
    queued(id, length) {
      m.queueLength.record(length);
      if (length > 0) log("debug", "call queued", { id: idOf(id), length });
    },
    activated(id, version, took) {
      m.activations.add(1);
      m.activationDuration.record(took / 1_000);
      log("debug", "context activated", { id, version, ms: Math.round(took) });
    },
    committed(id, version) {
      m.commits.add(1);
      log("debug", "version committed", { id, version });
    },
    group(records, outcome, took) {
      m.groupSize.record(records, { "strata.outcome": outcome });
      m.groupDuration.record(took / 1_000, { "strata.outcome": outcome });
      log("debug", "records sent", { records, outcome, ms: Math.round(took) });
    },
    unknown(id, version, settled) {
      m.unknowns.add(1, { "strata.settled": settled });
      if (settled === "other") m.conflicts.add(1, { "strata.conflict": "lost" });
      log("warn", "a write was not confirmed", { id, version, settled });
    },
    ghost(id, version) {
      m.ghosts.add(1);
      log("warn", "a record was written too late to count", { id, version });
    },
    ended(id, version) {
      m.ends.add(1);
      log("info", "a name ended", { id, version });
    },
    tended(id, work) {
      m.tends.add(1, { "strata.work": work });
      log("debug", "a context was tended", { id, work });
    },
    failed(id, doing, reason) {
      const code = codeOf(reason);
      m.failures.add(1, { "error.type": code });
      log(code === "internal" ? "error" : "warn", "a call failed", { id: idOf(id), doing: deedOf(id, doing), ...told(reason) });
    },
    problem(what, cause) {
      m.failures.add(1, { "error.type": "sidecar" });
      log("warn", "the embedded sidecar has a problem", { what, ...(cause === undefined ? {} : told(cause)) });
    },
    unexamined(component) {
      log("warn", "whether the Redis behind the store forgets was not looked at; set STRATA_REDIS_URL", { component });
    },
  };
}

/** Bounds of histograms: seconds, and numbers of things. */
const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const things = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256];

function instruments() {
  const meter = metrics.getMeter("strata");
  const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description });
  const duration = (name: string, description: string) =>
    meter.createHistogram(name, { unit: "s", description, advice: { explicitBucketBoundaries: seconds } });
  const size = (name: string, unit: string, description: string) =>
    meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: things } });
  return {
    turns: counter("strata.turns", "{turn}", "Calls of actors, by method and by what they were answered"),
    turnDuration: duration("strata.turn.duration", "Time in the actor, its queue included"),
    queueLength: size("strata.queue.length", "{turn}", "Turns of the same context that a call found before it"),
    activations: counter("strata.activations", "{activation}", "Contexts read from the store"),
    activationDuration: duration("strata.activation.duration", "Time to read a context from the store"),
    commits: counter("strata.commits", "{record}", "Records that were written and count"),
    groupSize: size("strata.group.size", "{record}", "Records in one call to the store, and key tables of new contexts"),
    groupDuration: duration("strata.group.duration", "Time of one call to the store"),
    unknowns: counter("strata.unknowns", "{write}", "Writes that were not answered with success, by what was found afterwards"),
    conflicts: counter("strata.conflicts", "{conflict}", "Turns that met another: refused to the caller, or lost to another activation"),
    ghosts: counter("strata.ghosts", "{record}", "Records that were written too late to count"),
    ends: counter("strata.ends", "{context}", "Names that ended"),
    tends: counter("strata.tends", "{reminder}", "Reminders served, by what was left to do"),
    failures: counter("strata.failures", "{failure}", "Calls that failed inside Strata or for want of the store, by code"),
  };
}

const codeOf = (reason: unknown): string => (reason instanceof ContextError ? reason.code : "internal");

/** What may be said of a failure: our own messages hold no content; of others only their kind and where they arose. */
function told(reason: unknown): Record<string, string> {
  if (reason instanceof ContextError) return { code: reason.code, reason: reason.message };
  if (!(reason instanceof Error)) return { reason: typeof reason };
  return { reason: /^[A-Za-z]{1,64}$/.test(reason.name) ? reason.name : "Error", at: placeOf(reason) };
}

/** Where it was thrown. Not from its message, which may quote what was being read, and may look like a place in the code. */
function placeOf({ stack = "", message }: Error): string {
  const from = stack.indexOf(message);
  const frames = from < 0 ? [] : stack.slice(from + message.length).split("\n");
  return frames.find((line) => /^ {4}at (?:[\w.#<>[\] ]{1,80} \()?(?:file:\/\/)?\/[^\s()]+\.ts:\d+:\d+\)?$/.test(line))?.trim() ?? "";
}
