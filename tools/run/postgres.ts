import { execFile } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { RunError, textOf } from "./errors.ts";
import { type Process, startProcess } from "./processes.ts";
import { isProgram, pathFolders } from "./programs.ts";

const ANSWER_MS = 1_000;
const INIT_MS = 60_000;
const USER = "postgres";

/** A PostgreSQL to keep state. */
export interface PostgresServer {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Undefined when it ran already: then it is not ours to stop. */
  readonly process?: Process;
}

export interface PostgresOptions {
  readonly port: number;
  readonly password: string;
  /** Everything it keeps. Made when it is not there. */
  readonly dir: string;
  readonly logFile: string;
  /** PATH is read from it. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A PostgreSQL of our own on loopback, that keeps what it acknowledged; no unix socket, and nobody gets in without the password.
 * It refuses to run as root: where the runner is root, it runs as `postgres`, or as `nobody`.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer & { readonly process: Process }> {
  const { port, password, dir, logFile, env } = options;
  const bin = findPostgres(env);
  const user = otherThanRoot();
  await initialize(bin, options, user);
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "200",
    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
  };
  const process = await startProcess({
    name: `postgres on ${port}`,
    command: [join(bin, "postgres"), "-D", dir, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    env,
    cwd: dir,
    logFile,
    ready: async () => ((await askPostgres("127.0.0.1", port, USER)) === "password" ? true : undefined),
    // The fast shutdown: SIGTERM would wait for every client to go.
    stopSignal: "SIGINT",
    // After a kill -9, until its last child has noticed.
    again: /pre-existing shared memory block|lock file "postmaster.pid"/,
    ...(user === undefined ? {} : { user }),
  });
  return { url: `postgres://${USER}:${password}@127.0.0.1:${port}/postgres?sslmode=disable`, host: "127.0.0.1", port, process };
}

/** The one that runs there. Throws RunError when the text is no such URL. */
export function postgresAt(url: string): PostgresServer {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol))
    throw new RunError("STRATA_POSTGRES_URL: expected postgres://user:password@host[:port]/database");
  const { hostname, port } = new URL(url);
  return { url, host: hostname, port: port === "" ? 5432 : Number(port) };
}

/** The folder with initdb and postgres: on PATH, or where packages put it (Debian and Homebrew keep it off PATH). Throws RunError. */
function findPostgres(env: Readonly<Record<string, string>>): string {
  const packaged = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"].flatMap((parent) =>
    (existsSync(parent) ? readdirSync(parent) : [])
      .filter((name) => /^(postgresql(@\d+)?|\d+)$/.test(name))
      .sort((a, b) => numberIn(b) - numberIn(a))
      .map((name) => join(parent, name, "bin")),
  );
  const folders = [...pathFolders(env), ...packaged];
  const found = folders.find((folder) => isProgram(join(folder, "initdb")) && isProgram(join(folder, "postgres")));
  if (found === undefined)
    throw new RunError(
      "there is no PostgreSQL: no initdb and postgres on PATH or in /usr/lib/postgresql; install it, or name a running one in STRATA_POSTGRES_URL",
    );
  return found;
}

const numberIn = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? 0);

interface Account {
  readonly uid: number;
  readonly gid: number;
}

function otherThanRoot(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const wanted of ["postgres", "nobody"]) {
    const [, , uid, gid] = accounts.find(([name]) => name === wanted) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new RunError(
    "PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody to run it as; start npm run dapr as another user",
  );
}

async function initialize(bin: string, { dir, password, env }: PostgresOptions, user: Account | undefined): Promise<void> {
  if (existsSync(join(dir, "PG_VERSION"))) return;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const own = (path: string): void => {
    if (user !== undefined) chownSync(path, user.uid, user.gid);
  };
  // Another user must be able to get there, and needs no more than that.
  if (user !== undefined) chmodSync(join(dir, ".."), 0o711);
  own(dir);
  // initdb wants an empty folder, so the password lies beside it.
  const beside = `${dir}.password`;
  writeFileSync(beside, `${password}\n`, { mode: 0o600 });
  own(beside);
  try {
    const args = ["-D", dir, "-U", USER, "-A", "scram-sha-256", `--pwfile=${beside}`, "-E", "UTF8", "--locale=C"];
    await promisify(execFile)(join(bin, "initdb"), args, { env, cwd: dir, timeout: INIT_MS, ...user });
  } catch (reason) {
    rmSync(dir, { recursive: true, force: true });
    throw new RunError(
      `initdb failed in ${dir}${user === undefined ? "" : ` (as user ${user.uid}, which must be able to reach it)`}: ${textOf(reason)}`,
    );
  } finally {
    rmSync(beside, { force: true });
  }
}

export type PostgresAnswer = "trusted" | "password" | "starting" | "closed" | "other";

/** What listens there, asked as that user would ask: "trusted" lets it in without a password, "other" is no PostgreSQL, or refuses the user. */
export async function askPostgres(host: string, port: number, user: string): Promise<PostgresAnswer> {
  const socket = connect({ host, port });
  socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error("timeout")));
  try {
    return await new Promise<PostgresAnswer>((resolve) => {
      socket.once("error", (reason) => resolve(/ECONNREFUSED/.test(String(reason)) ? "closed" : "other"));
      socket.once("close", () => resolve("other"));
      socket.once("connect", () => socket.write(startupMessage(user)));
      socket.once("data", (answer) => resolve(readAnswer(answer)));
    });
  } finally {
    socket.destroy();
  }
}

/** The first message of PostgreSQL's protocol 3.0: its length, the version, then names and values that end in zeros. */
function startupMessage(user: string): Buffer {
  const parameters = Buffer.from(`user\0${user}\0database\0postgres\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, parameters]);
}

function readAnswer(answer: Buffer): PostgresAnswer {
  const kind = String.fromCharCode(answer[0] ?? 0);
  // 'R' asks for authentication, 0 in it means that none is needed; 'E' is an error, 57P03 "cannot connect now".
  if (kind === "R" && answer.length >= 9) return answer.readInt32BE(5) === 0 ? "trusted" : "password";
  return kind === "E" && answer.includes("57P03") ? "starting" : "other";
}
