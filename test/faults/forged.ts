// Reminders, timers and deliveries that the runtime did not send: over the callers' sidecar, through another application's, and at the host's own
// port. While a turn runs.

import type { Heard } from "./doors.ts";
import { knock } from "./doors.ts";
import { claimRefused, foreignSidecar, invocation, rounds } from "./rounds.ts";
import { type Fault, type Stage, TENANT } from "./stage.ts";

export const forged: Fault = {
  name: "forged",
  about: "reminders, timers and deliveries are forged, over the callers' sidecar, through another application's and at the host's port",
  cures: [
    { without: ["mark"], fires: 1, finds: /by a caller, marked ".*" is refused; it was answered 200/ },
    { without: ["app-token"], fires: 1, finds: /must not: it was sent to the host's port/ },
    {
      without: ["access-control"],
      fires: 1,
      finds: /remind\/tend invoked through another application's sidecar is refused; it was answered 200/,
    },
  ],
  async run(stage) {
    const foreign = await foreignSidecar(stage);
    const context = stage.context("f");
    await rounds(stage, context, (round) => forge(stage, foreign, context, round));
  },
};

/** Each attempt, and what it must be answered. */
type Attempt = readonly [string, (heard: NonNullable<Heard>) => boolean, () => Promise<Heard>];

async function forge(stage: Stage, foreign: string, context: string, round: number): Promise<void> {
  const attempts = [...fires(stage, context), ...invocations(stage, foreign, context, round), ...deliveries(stage, context, round)];
  await Promise.all(attempts.map(async ([what, refused, attempt]) => claimRefused(stage, what, await attempt(), refused)));
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

/** An invocation carries the token of the host's sidecar and no mark: by it a fire or a delivery could not be told from a real one. */
function invocations({ site }: Stage, foreign: string, context: string, round: number): Attempt[] {
  const at = `actors/Context/${TENANT}.${context}`;
  const through = "invoked through another application's sidecar";
  const fires = ["remind/tend", "remind/expire", "timer/x"].map((method): Attempt => {
    const path = invocation(`${at}/method/${method}`);
    return [`${method} ${through}`, status(403), () => knock(foreign, path, { body: { data: null, dueTime: "", period: "" } })];
  });
  const event = eventOf(context, `foreign${round}`);
  return [
    ...fires,
    [`a delivery ${through}`, status(403), () => knock(foreign, invocation("events"), { method: "POST", body: event })],
    [`a deactivation ${through}`, status(403), () => knock(foreign, invocation(at), { method: "DELETE" })],
    // At its own sidecar it is a caller like any other.
    [
      "remind/tend by another application, as a caller",
      byTheHost,
      () => knock(foreign, `/v1.0/${at}/method/remind%2Ftend`, { body: { grant: site.grant } }),
    ],
  ];
}

const eventOf = (context: string, id: string) => ({
  specversion: "1.0",
  id,
  source: "/strata/main",
  type: "strata.context.appended",
  data: { context },
});

/** Whoever reaches the host's port without the token of its sidecar reaches nothing; and what is published is published by its publishers. */
function deliveries({ site, history }: Stage, context: string, round: number): Attempt[] {
  const { url } = site.first;
  const at = `/actors/Context/${TENANT}.${context}`;
  const key = `forged${round}`;
  history.add({ op: "forbidden", context, key, why: "it was sent to the host's port" });
  const append = { grant: site.grant, key, items: [{ role: "user", content: key }] };
  const event = eventOf(context, key);
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
