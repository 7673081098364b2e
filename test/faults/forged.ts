// Reminders, timers and deliveries that the runtime did not send: over the callers' sidecar, and at the host's own port. While a turn runs.

import { setTimeout as pause } from "node:timers/promises";
import type { Heard } from "./doors.ts";
import { knock } from "./doors.ts";
import { persist } from "./load.ts";
import { type Fault, type Stage, TENANT } from "./stage.ts";

/** So long the turn runs on beside them. */
const BESIDE_MS = 100;

export const forged: Fault = {
  name: "forged",
  about: "reminders, timers and deliveries are forged, over the callers' sidecar and at the host's port",
  cures: [
    { without: ["mark"], fires: 20, finds: /by a caller, marked ".*" is refused; it was answered 200/ },
    { without: ["app-token"], fires: 20, finds: /must not: it was sent to the host's port/ },
  ],
  excess: 8,
  async run(stage) {
    const context = stage.context("f");
    let head = await persist(stage.caller, context, "first", stage.signal);
    for (let round = 0; !stage.enough; round++) {
      const { gate } = stage.site.first;
      gate.close();
      const running = stage.caller.append(context, `a${round}`, { expect: head });
      await gate.arrives();
      const forging = forge(stage, context, round);
      await pause(BESIDE_MS);
      gate.open();
      await forging;
      const answer = await running;
      head = answer.kind === "ok" ? answer.version : await persist(stage.caller, context, `a${round}`, stage.signal, head);
      await stage.goOn();
    }
  },
};

/** Each attempt, and what it must be answered. */
type Attempt = readonly [string, (heard: NonNullable<Heard>) => boolean, () => Promise<Heard>];

async function forge(stage: Stage, context: string, round: number): Promise<void> {
  const { site } = stage;
  const attempts = [...fires(stage, context), ...deliveries(stage, context, round)];
  await Promise.all(
    attempts.map(async ([what, refused, attempt]) => {
      stage.fire(what, site.first.gate.underWay);
      const heard = await attempt();
      const seen = heard === undefined ? "nothing in time" : `${heard.status} ${heard.text}`;
      stage.claim(heard !== undefined && refused(heard), `${what} is refused; it was answered ${seen}`);
    }),
  );
}

const status =
  (...expected: readonly number[]) =>
  ({ status: heard }: NonNullable<Heard>): boolean =>
    expected.includes(heard);
/** The runtime makes 500 of the host's 403, and tells what the host said. */
const byTheHost = ({ status: heard, text }: NonNullable<Heard>): boolean => heard === 500 && text.includes("403");

/** A caller may name any method, that of a reminder or a timer too; the sidecar then marks the call. */
function fires({ site }: Stage, context: string): Attempt[] {
  const at = `/v1.0/actors/Context/${TENANT}.${context}`;
  const body = { grant: site.grant, data: null, dueTime: "", period: "" };
  return ["remind%2Ftend", "remind%2Fexpire", "timer%2Fx"].flatMap((method) =>
    [undefined, "false", "true", ""].map((mark): Attempt => {
      const headers = mark === undefined ? {} : { "dapr-api-call": mark };
      const what = `${decodeURIComponent(method)} by a caller${mark === undefined ? "" : `, marked "${mark}"`}`;
      return [what, byTheHost, () => knock(site.url, `${at}/method/${method}`, { headers, body })];
    }),
  );
}

/** Whoever reaches the host's port without the token of its sidecar reaches nothing; and what is published is published by its publishers. */
function deliveries({ site, history }: Stage, context: string, round: number): Attempt[] {
  const { url } = site.first;
  const at = `/actors/Context/${TENANT}.${context}`;
  const key = `forged${round}`;
  history.add({ op: "forbidden", context, key, why: "it was sent to the host's port" });
  const append = { grant: site.grant, key, items: [{ role: "user", content: key }] };
  const event = { specversion: "1.0", id: key, source: "/strata/main", type: "strata.context.appended", data: { context } };
  const wrong = { "dapr-api-token": "not the one" };
  return [
    ["a turn at the host's port", status(401), () => knock(url, `${at}/method/append`, { body: append })],
    [
      "a turn at the host's port, with another token",
      status(401),
      () => knock(url, `${at}/method/append`, { body: append, headers: wrong }),
    ],
    ["a reminder at the host's port", status(401), () => knock(url, `${at}/method/remind/tend`)],
    ["a deactivation at the host's port", status(401), () => knock(url, at, { method: "DELETE" })],
    ["a delivery at the host's port", status(401), () => knock(url, "/events", { method: "POST", body: event })],
    ["an event published by a caller", status(403), () => knock(site.url, "/v1.0/publish/bus/events", { method: "POST", body: event })],
    ["a record written by a caller", status(404), () => knock(site.url, "/v1.0/state/store", { method: "POST", body: [] })],
    ["a reminder deleted by a caller", status(404), () => knock(site.url, `/v1.0${at}/reminders/tend`, { method: "DELETE" })],
  ];
}
