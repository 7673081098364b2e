// The host as a process.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const program = fileURLToPath(new URL("../../services/host/main.ts", import.meta.url));

/** Writes on standard error when it is told to, as a log does, and then says so. */
const writer = `data:text/javascript,${encodeURIComponent(`
  process.on("SIGUSR2", () => process.stderr.write("a line\\n", () => process.stdout.write("written\\n")));
`)}`;

test("whoever reads the log may go, and the host stays", async () => {
  // A sidecar that is never ready, and that is asked again for as long as the host is there.
  const sidecar = createServer((_, response) => void response.writeHead(500).end()).listen(0, "127.0.0.1");
  await once(sidecar, "listening");
  onTestFinished(() => void sidecar.close().closeAllConnections());
  const address = sidecar.address();
  const port = String(typeof address === "object" ? address?.port : "");
  const env = { PATH: process.env.PATH, DAPR_HTTP_PORT: port, STRATA_PORT: "0", STRATA_ROOT_KEY: Buffer.alloc(32, 7).toString("base64") };
  const child = spawn(process.execPath, ["--import", writer, program], { env, stdio: "pipe" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit").then(([code]) => `ended with ${code}`);
  const asked = () => Promise.race([once(sidecar, "request").then(() => "asked"), ended]);
  expect(await asked()).toBe("asked");
  child.stderr.destroy();
  const written = once(child.stdout, "data");
  child.kill("SIGUSR2");
  expect(await Promise.race([written.then(() => "written"), ended])).toBe("written");
  for (let times = 0; times < 3; times++) expect(await asked()).toBe("asked");
}, 60_000);
