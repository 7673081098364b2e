// The floor: the least that an actor application can do on the same path. It is a node:http server with none of our code in it, and answers
//   write    one create-only write of FLOOR_BYTES random bytes, as base64 in JSON, under a key of its own: what a record costs at rest, and nothing else
//   load     the reads of a cold load, one after another, undecoded: body {"steps":[{"keys":[…]} or {"key":…}, …],"answer":index of the step whose answer goes back}
//   answer   no store at all: body {"bytes":n}, answered with that many
// Its actor type is Floor, its sidecar its own; the callers' sidecar and the store component are the ones that Strata uses in the same run.
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Pool } from "undici";

const { APP_PORT = "0", DAPR_HTTP_PORT = "3501", DAPR_API_TOKEN, FLOOR_STORE = "store", FLOOR_BYTES = "1024" } = process.env;
const PATH = /^\/actors\/Floor\/([^/]+)\/method\/(write|load|answer)$/;
/** SQLite answers "database is locked" under load; whoever wants the write done asks again. */
const ATTEMPTS = 20;
const CONNECTIONS = 128;

type Step = { readonly keys: readonly string[] } | { readonly key: string };
type Answer = { readonly status: number; readonly body: Buffer };

const state = `/v1.0/state/${FLOOR_STORE}`;
const headers = { "content-type": "application/json", ...(DAPR_API_TOKEN === undefined ? {} : { "dapr-api-token": DAPR_API_TOKEN }) };
const sidecar = new Pool(`http://127.0.0.1:${DAPR_HTTP_PORT}`, { connections: CONNECTIONS, keepAliveTimeout: 60_000 });
const values = Array.from({ length: 64 }, () => randomBytes(Number(FLOOR_BYTES)).toString("base64"));
const written = new Map<string, number>();

async function ask(method: "GET" | "POST", path: string, body: string | null): Promise<Answer> {
  const answer = await sidecar.request({ method, path, body, headers });
  return { status: answer.statusCode, body: Buffer.from(await answer.body.arrayBuffer()) };
}

async function write(id: string): Promise<string> {
  const version = (written.get(id) ?? 0) + 1;
  written.set(id, version);
  const row = `[{"key":"${id}/rec/${version}","value":"${values[version % values.length]}","options":{"concurrency":"first-write"}}]`;
  for (let attempt = 1; ; attempt++) {
    const { status, body } = await ask("POST", state, row);
    if (status === 204) return `{"ok":true,"version":${version}}`;
    if (attempt === ATTEMPTS) return JSON.stringify({ ok: false, status, message: body.toString().slice(0, 500) });
  }
}

async function load(steps: readonly Step[], wanted: number): Promise<Buffer> {
  let kept: Buffer = Buffer.alloc(0);
  for (const [i, step] of steps.entries()) {
    const { body } =
      "key" in step
        ? await ask("GET", `${state}/${encodeURIComponent(step.key)}`, null)
        : await ask("POST", `${state}/bulk`, JSON.stringify({ keys: step.keys, parallelism: 10 }));
    if (i === wanted) kept = body;
  }
  return kept;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, id = "", method] = PATH.exec(request.url ?? "") ?? [];
  const body = await bodyOf(request);
  if (method === "write") return send(response, await write(id));
  if (method === "load") {
    const { steps, answer } = JSON.parse(body.toString()) as { steps: Step[]; answer: number };
    return send(response, await load(steps, answer));
  }
  if (method === "answer") return send(response, `"${"x".repeat((JSON.parse(body.toString()) as { bytes: number }).bytes)}"`);
  const config = { entities: ["Floor"], actorIdleTimeout: "30m", drainOngoingCallTimeout: "7s", drainRebalancedActors: true };
  send(response, JSON.stringify(request.url === "/dapr/config" ? config : request.url === "/dapr/subscribe" ? [] : {}));
}

function send(response: ServerResponse, text: string | Buffer): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

const server = createServer({ keepAliveTimeout: 100_000 }, (request, response) => {
  serve(request, response).catch((reason: unknown) => {
    console.error(reason);
    response.writeHead(500).end();
  });
});
server.listen(Number(APP_PORT), "127.0.0.1");
process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
  void sidecar.destroy();
});
