// A process for killing: writes keys through an embedded sidecar as fast as they are acknowledged, and prints each that was.

import { startLocalSidecar } from "../../dapr/local.ts";
import { send } from "../suites/sidecar/client.ts";

const [dataFile = "", life = ""] = process.argv.slice(2);
const sidecar = await startLocalSidecar({
  appId: "host",
  // Nobody answers there, and nobody is asked.
  appPort: 9,
  port: 0,
  dataFile,
  hostToken: "host",
  components: { stateStores: ["store"], pubsubs: [] },
});
const write = async (writer: number): Promise<void> => {
  for (let number = 0; ; number++) {
    const keys = [`${life}-${writer}-${number}-a`, `${life}-${writer}-${number}-b`];
    const operations = keys.map((key) => ({ operation: "upsert", request: { key, value: key, options: { concurrency: "first-write" } } }));
    const sent = { headers: { "dapr-api-token": "host" }, body: JSON.stringify({ operations }) };
    const { status } = await send(sidecar.host.url, "/v1.0/state/store/transaction", sent);
    if (status === 204) process.stdout.write(`${keys.join("\n")}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
