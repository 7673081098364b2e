import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { limits } from "../../protocol/limits.ts";

const cacheKiB = limits.sidecar_bytes_of_page_cache / 1_024;

type Waiting = {
  readonly work: () => unknown;
  /** Several statements that stand or fall together need a savepoint; one statement is atomic by itself. */
  readonly together: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
};

/**
 * The SQLite file. What is written during one turn of the event loop is written in one transaction: one fsync serves them all, and each
 * request keeps its own outcome. Reads see only what is on disk.
 */
export class Disk {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #waiting: Waiting[] = [];
  #scheduled = false;
  #closed = false;

  /** Throws when the file cannot be opened, or is open in another process. */
  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    // Two sidecars on one file would each believe that the turn locks, reminders and messages are theirs alone.
    this.#db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0");
    // What is deleted or overwritten is gone from its page, not just from sight; contents are deleted because somebody wants them gone.
    this.#db.exec("PRAGMA secure_delete = ON");
    try {
      this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${cacheKiB}; BEGIN EXCLUSIVE; COMMIT`);
    } catch (cause) {
      this.#db.close();
      throw new Error(`${file} cannot be opened: is another process using it?`, { cause });
    }
    this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#db.prepare("COMMIT");
  }

  /** For creating tables, before anything else runs. */
  define(schema: string): void {
    this.#db.exec(schema);
  }

  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql);
  }

  /**
   * Runs `work` in the next group and resolves with its value when the group is on disk. What `work` throws rejects this promise only;
   * with `together`, what it changed before is undone. Once the file is closed it rejects: whoever still works then came too late.
   */
  write<T>(work: () => T, together = false): Promise<T> {
    if (this.#closed) return Promise.reject(new Error("the file is closed"));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, together, resolve: (value) => resolve(value as T), reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    });
  }

  close(): void {
    while (this.#waiting.length > 0) this.#flush();
    this.#closed = true;
    this.#db.close();
  }

  #flush(): void {
    if (this.#closed) return;
    const group = this.#waiting.splice(0, limits.sidecar_writes_per_group);
    this.#scheduled = this.#waiting.length > 0;
    if (this.#scheduled) setImmediate(() => this.#flush());
    const settle: (() => void)[] = [];
    try {
      this.#begin.run();
      for (const one of group) settle.push(this.#run(one));
      this.#commit.run();
    } catch (reason) {
      // Whatever the single requests came to, nothing of this group is on disk.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      for (const one of group) one.reject(reason);
      return;
    }
    for (const tell of settle) tell();
  }

  #run(one: Waiting): () => void {
    if (one.together) this.#db.exec("SAVEPOINT one");
    try {
      const value = one.work();
      if (one.together) this.#db.exec("RELEASE one");
      return () => one.resolve(value);
    } catch (reason) {
      // A full disk and its like end the whole transaction: then it is the group that failed.
      if (!this.#db.isTransaction) throw reason;
      if (one.together) this.#db.exec("ROLLBACK TO one; RELEASE one");
      return () => one.reject(reason);
    }
  }
}

export type Row = Readonly<Record<string, SQLInputValue>>;

// Columns come back as whatever SQLite holds; these say what the schema promised, and fail where it lied.
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new Error(`column ${column} holds ${typeof value}, not text`);
  return value;
}

export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw new Error(`column ${column} holds ${typeof value}, not a number`);
  return value;
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new Error(`column ${column} holds ${typeof value}, not bytes`);
  return value;
}

export function optionalNumber(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : number(row, column);
}

export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}
