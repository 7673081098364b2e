// The least that the host's sidecar takes for a host of contexts: it answers every turn with what it was told. For tests of the plumbing alone.
import { createServer } from "node:http";
import { json } from "node:stream/consumers";

const { STRATA_PORT, STRATA_HOST = "127.0.0.1", APP_API_TOKEN } = process.env;
const subscriptions = JSON.parse(process.env.STAND_IN_SUBSCRIPTIONS ?? "[]");
const delivered: unknown[] = [];

const server = createServer(async (request, response) => {
  const answer = (status: number, body: unknown): void =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  const { method, url = "/" } = request;
  if (url === "/healthz") return answer(200, {});
  if (url === "/delivered") return answer(200, delivered);
  if (request.headers["dapr-api-token"] !== APP_API_TOKEN) return answer(401, { message: "not from my sidecar" });
  if (url === "/dapr/config") return answer(200, { entities: ["Context"], drainOngoingCallTimeout: "2s" });
  if (url === "/dapr/subscribe") return answer(200, subscriptions);
  const told = method === "PUT" || method === "POST" ? await json(request).catch(() => null) : null;
  if (url.startsWith("/deliver/")) delivered.push({ url, told });
  return answer(
    200,
    url.startsWith("/deliver/fail") ? { status: "RETRY" } : { pid: process.pid, method, url, headers: request.headers, told },
  );
});
server.keepAliveTimeout = 95_000;
server.listen(Number(STRATA_PORT), STRATA_HOST);
process.on("SIGTERM", () => server.close().closeAllConnections());
