import { CallError, Client } from "../../dapr/client.ts";
import { isClosedPipe, outlive } from "../telemetry/pipes.ts";
import { type Config, readConfig, UsageError, usage } from "./config.ts";
import { exportContext } from "./export.ts";
import { FrameError } from "./frame.ts";
import { importFiles } from "./import.ts";
import { counted, Display } from "./progress.ts";
import { TrajectoryError } from "./trajectory.ts";

const INTERRUPTED = 130;

async function main(args: readonly string[]): Promise<number> {
  const config = readConfig(args);
  if (config === "help") {
    process.stdout.write(usage);
    return 0;
  }
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  const { url, token, traceparent, grant } = config;
  const client = new Client({ url, token, traceparent, grant, signal: interrupt.signal });
  try {
    return config.context === undefined ? await runImport(config, client) : await runExport(config.context, client);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    console.error("interrupted; run the same command again to go on");
    return INTERRUPTED;
  }
}

async function runImport(config: Config, client: Client): Promise<number> {
  const display = new Display(
    {
      isTTY: process.stderr.isTTY,
      columns: process.stderr.columns ?? 80,
      write: (text) => {
        process.stderr.write(text);
      },
    },
    {
      quiet: config.quiet,
      recorded: ({ context, versions }) => {
        if (config.json) console.log(JSON.stringify({ context, versions }));
      },
    },
  );
  try {
    const { contexts, versions, written, failed } = await importFiles(config.files, {
      client,
      tenant: config.tenant,
      concurrency: config.concurrency,
      stdin: process.stdin,
      report: display,
    });
    display.end();
    const problems = failed === 0 ? "" : `, ${counted(failed, "line")} not recorded`;
    if (!config.json && !config.quiet)
      console.log(
        `${counted(contexts, "context")}, ${counted(versions, "version")} (${counted(written, "version")} written now)${problems}`,
      );
    return failed === 0 ? 0 : 1;
  } finally {
    display.end();
  }
}

async function runExport(context: string, client: Client): Promise<number> {
  const write = (text: string) =>
    new Promise<void>((written, failed) =>
      process.stdout.write(text, (cause) => (cause ? failed(new OutputError(cause.message, { cause })) : written())),
    );
  await exportContext(context, client, write);
  await write("\n");
  return 0;
}

/** Standard output takes no more. */
class OutputError extends Error {
  override readonly name = "OutputError";
}

let lost = false;

/** What cannot be written is said once, however much it is; what is being recorded goes on. */
function lose(error: Error): void {
  process.exitCode = 1;
  if (!lost) console.error(`standard output cannot be written: ${error.message}`);
  lost = true;
}

outlive(process.stdout, lose);
outlive(process.stderr);
try {
  const code = await main(process.argv.slice(2));
  if (code !== 0) process.exitCode = code;
} catch (error) {
  if (error instanceof OutputError) {
    if (!isClosedPipe(error.cause)) lose(error);
  } else if (error instanceof UsageError) {
    process.exitCode = 2;
    console.error(`${error.message}\nnpm run import -- --help lists what is allowed`);
  } else if (error instanceof CallError || error instanceof TrajectoryError || error instanceof FrameError) {
    process.exitCode = 1;
    console.error(error.message);
  } else throw error;
}
