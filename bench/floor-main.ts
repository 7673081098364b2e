// The floor as a process: behind a daprd (DAPR_HTTP_PORT), or, where FLOOR_LOCAL names a file, with an embedded sidecar in the same process,
// as `npm start` has it. Prints the address of the embedded one.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { startLocalSidecar } from "../dapr/local.ts";
import { serveFloor } from "./floor.ts";

const {
  APP_PORT = "0",
  DAPR_HTTP_PORT = "0",
  DAPR_API_TOKEN = "",
  FLOOR_STORE = "store",
  FLOOR_BYTES = "1024",
  FLOOR_SEVERAL,
  FLOOR_LOCAL,
} = process.env;

let sidecarUrl = `http://127.0.0.1:${DAPR_HTTP_PORT}`;
const server = serveFloor({
  port: Number(APP_PORT),
  sidecarUrl: () => sidecarUrl,
  sidecarToken: DAPR_API_TOKEN,
  store: FLOOR_STORE,
  recordBytes: Number(FLOOR_BYTES),
  several: FLOOR_SEVERAL === "post" ? "post" : "transaction",
});
await once(server, "listening");
const local = FLOOR_LOCAL === undefined ? undefined : await startLocal(FLOOR_LOCAL);
await once(process, "SIGTERM");
await local?.close();
server.closeAllConnections();
process.exit();

async function startLocal(dataFile: string) {
  const { port: appPort } = server.address() as AddressInfo;
  const sidecar = await startLocalSidecar({
    appId: "strata-floor",
    appPort,
    port: 0,
    dataFile,
    hostToken: DAPR_API_TOKEN,
    maxBodyBytes: 16 * 1024 * 1024,
    components: { stateStores: [FLOOR_STORE], pubsubs: [] },
  });
  sidecarUrl = sidecar.host.url;
  await sidecar.ready();
  console.log(JSON.stringify({ url: sidecar.url }));
  return sidecar;
}
