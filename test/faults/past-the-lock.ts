// Service invocation would reach the host past the runtime's lock and without the marks of an actor call. While a turn runs, it is tried at the host's
// own sidecar and at another application's. Whoever tries holds a good grant.

import type { Heard } from "./doors.ts";
import { knock, knockByGrpc } from "./doors.ts";
import { claimRefused, foreignSidecar, invocation, rounds } from "./rounds.ts";
import { type Fault, type Stage, TENANT } from "./stage.ts";

const UNIMPLEMENTED = 12;

export const pastTheLock: Fault = {
  name: "past-the-lock",
  about: "turns are forged by service invocation, at the host's own sidecar and at another application's",
  cures: [
    { without: ["api-allowed"], fires: 1, finds: /must not: it was forged through the host's own sidecar/ },
    { without: ["access-control"], fires: 1, finds: /must not: it was forged through another application's sidecar/ },
  ],
  async run(stage) {
    const foreign = await foreignSidecar(stage);
    const context = stage.context("l");
    await rounds(stage, context, (round) => forge(stage, foreign, context, round));
  },
};

async function forge(stage: Stage, foreign: string, context: string, round: number): Promise<void> {
  const { site, history } = stage;
  const { sidecar } = site.first.host;
  const token = site.cluster.secrets.daprApiToken;
  const method = `actors/Context/${TENANT}.${context}/method/append`;
  const path = invocation(method);
  const own = { headers: { "dapr-api-token": token } };
  const grpc = `http://127.0.0.1:${sidecar.app.daprGRPCPort}`;
  const doors: readonly [string, number, (body: object) => Promise<Heard>][] = [
    ["the host's own sidecar", 404, (body) => knock(sidecar.url, path, { ...own, body })],
    ["the host's own sidecar, without its token", 401, (body) => knock(sidecar.url, path, { body })],
    ["the host's own sidecar over gRPC", UNIMPLEMENTED, (body) => knockByGrpc(grpc, "strata-host", method, body, token)],
    ["the callers' sidecar", 404, (body) => knock(site.url, path, { body })],
    ["another application's sidecar", 403, (body) => knock(foreign, path, { body })],
  ];
  await Promise.all(
    doors.map(async ([through, status, door], i) => {
      const key = `forged${round}-${i}`;
      history.add({ op: "forbidden", context, key, why: `it was forged through ${through}` });
      const heard = await door({ grant: site.grant, key, items: [{ role: "user", content: key }] });
      claimRefused(stage, `an invocation through ${through}`, heard, (answer) => answer.status === status);
    }),
  );
}
