// Service invocation would reach the host past the runtime's lock and without the marks of an actor call. While a turn runs, it is tried at the host's
// own sidecar and at another application's. Whoever tries holds a good grant.

import { setTimeout as pause } from "node:timers/promises";
import { until } from "../../tools/run/polling.ts";
import type { Heard } from "./doors.ts";
import { knock, knockByGrpc } from "./doors.ts";
import { persist } from "./load.ts";
import { type Fault, type Stage, TENANT } from "./stage.ts";

const HOST = "strata-host";
const FOUND_MS = 30_000;
/** So long the turn runs on beside them: who got in would wait behind it, or beside it. */
const BESIDE_MS = 100;
const UNIMPLEMENTED = 12;

export const pastTheLock: Fault = {
  name: "past-the-lock",
  about: "turns are forged by service invocation, at the host's own sidecar and at another application's",
  cures: [
    { without: ["api-allowed"], fires: 5, finds: /must not: it was forged through the host's own sidecar/ },
    { without: ["access-control"], fires: 5, finds: /must not: it was forged through another application's sidecar/ },
  ],
  excess: 8,
  async run(stage) {
    const foreign = await stage.site.foreign();
    // Until the foreign sidecar has found the host it proves nothing.
    await until("the foreign sidecar finds the host", FOUND_MS, async () => {
      const heard = await knock(foreign, invoke("healthz"), { method: "GET" });
      return heard === undefined || /failed to resolve|couldn't find/i.test(heard.text) ? undefined : true;
    });
    const context = stage.context("l");
    let head = await persist(stage.caller, context, "first", stage.signal);
    for (let round = 0; !stage.enough; round++) {
      const { gate } = stage.site.first;
      gate.close();
      const running = stage.caller.append(context, `a${round}`, { expect: head });
      await gate.arrives();
      const forging = forge(stage, foreign, context, round);
      await pause(BESIDE_MS);
      gate.open();
      await forging;
      const answer = await running;
      head = answer.kind === "ok" ? answer.version : await persist(stage.caller, context, `a${round}`, stage.signal, head);
      await stage.goOn();
    }
  },
};

const invoke = (method: string): string => `/v1.0/invoke/${HOST}/method/${method}`;

async function forge(stage: Stage, foreign: string, context: string, round: number): Promise<void> {
  const { site, history } = stage;
  const { sidecar } = site.first.host;
  const token = site.cluster.secrets.daprApiToken;
  const method = `actors/Context/${TENANT}.${context}/method/append`;
  const own = { headers: { "dapr-api-token": token } };
  const doors: readonly [string, number, (body: object) => Promise<Heard>][] = [
    ["the host's own sidecar", 404, (body) => knock(sidecar.url, invoke(method), { ...own, body })],
    ["the host's own sidecar, without its token", 401, (body) => knock(sidecar.url, invoke(method), { body })],
    [
      "the host's own sidecar over gRPC",
      UNIMPLEMENTED,
      (body) => knockByGrpc(`http://127.0.0.1:${sidecar.app.daprGRPCPort}`, HOST, method, body, token),
    ],
    ["the callers' sidecar", 404, (body) => knock(site.url, invoke(method), { body })],
    ["another application's sidecar", 403, (body) => knock(foreign, invoke(method), { body })],
  ];
  await Promise.all(
    doors.map(async ([through, status, door], i) => {
      const key = `forged${round}-${i}`;
      history.add({ op: "forbidden", context, key, why: `it was forged through ${through}` });
      stage.fire(`${key}: invocation through ${through}`, site.first.gate.underWay);
      const heard = await door({ grant: site.grant, key, items: [{ role: "user", content: key }] });
      const seen = heard === undefined ? "nothing in time" : `${heard.status} ${heard.text}`;
      stage.claim(heard?.status === status, `${through} answers an invocation with ${status}; it answered ${seen}`);
    }),
  );
}
