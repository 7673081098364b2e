import type { StatementSync } from "node:sqlite";
import type { Clock, Die } from "../../actors/ports.ts";
import { limits } from "../../protocol/limits.ts";
import { type Disk, optionalNumber, text } from "./disk.ts";
import { uuid } from "./uuid.ts";

export type Upsert = {
  readonly kind: "upsert";
  readonly key: string;
  /** JSON text */
  readonly value: string;
  readonly etag: string | undefined;
  readonly createOnly: boolean;
  readonly ttlSeconds: number | undefined;
};
export type Delete = { readonly kind: "delete"; readonly key: string; readonly etag: string | undefined };

/** A value at rest; `expiresAt` in ms since the epoch, on a whole second. */
export type Held = { readonly value: string; readonly etag: string; readonly expiresAt: number | undefined };

/** The value is not the one that the writer saw, or not absent where it had to be. */
export class EtagMismatch extends Error {
  override readonly name = "EtagMismatch";
  constructor() {
    super("possible etag mismatch. error from state store");
  }
}

const schema = `
  CREATE TABLE IF NOT EXISTS state (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    etag TEXT NOT NULL,
    expires_at INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS state_expiry ON state (expires_at) WHERE expires_at IS NOT NULL;
`;

type RowsWorld = { readonly clock: Clock; readonly die: Die; readonly onProblem: (what: string, cause?: unknown) => void };

/** The state stores' one table, with the outcomes of daprd's SQLite component. */
export class Rows {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #die: Die;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #create: StatementSync;
  readonly #swap: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteIf: StatementSync;
  readonly #sweep: StatementSync;
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor(disk: Disk, { clock, die, onProblem }: RowsWorld) {
    disk.define(schema);
    this.#disk = disk;
    this.#clock = clock;
    this.#die = die;
    const insert = "INSERT INTO state (key, value, etag, expires_at) VALUES (?, ?, ?, ?)";
    const overwrite = "ON CONFLICT (key) DO UPDATE SET value = excluded.value, etag = excluded.etag, expires_at = excluded.expires_at";
    this.#get = disk.prepare("SELECT value, etag, expires_at FROM state WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)");
    this.#put = disk.prepare(`${insert} ${overwrite}`);
    // A row that has expired counts as absent, deleted or not.
    this.#create = disk.prepare(`${insert} ${overwrite} WHERE state.expires_at <= ?`);
    this.#swap = disk.prepare(
      "UPDATE state SET value = ?, etag = ?, expires_at = ? WHERE key = ? AND etag = ? AND (expires_at IS NULL OR expires_at > ?)",
    );
    this.#delete = disk.prepare("DELETE FROM state WHERE key = ?");
    this.#deleteIf = disk.prepare("DELETE FROM state WHERE key = ? AND etag = ?");
    this.#sweep = disk.prepare("DELETE FROM state WHERE rowid IN (SELECT rowid FROM state WHERE expires_at <= ? LIMIT ?)");
    const sweep = () => this.sweep().catch((cause) => onProblem("expired values could not be deleted; it is tried again", cause));
    this.#timer = setInterval(sweep, limits.sidecar_sweep_ms);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  get(key: string): Held | undefined {
    // No key that was written is like that, and SQLite would take it for another one.
    const row = key.isWellFormed() ? this.#get.get(key, this.#second()) : undefined;
    return row === undefined
      ? undefined
      : { value: text(row, "value"), etag: text(row, "etag"), expiresAt: optionalNumber(row, "expires_at") };
  }

  /** Runs inside a group of the disk. Throws EtagMismatch. */
  apply(change: Upsert | Delete): void {
    const changed = change.kind === "upsert" ? this.#upsert(change) : this.#remove(change);
    if (changed === 0) throw new EtagMismatch();
  }

  /** Deletes what has expired, a bounded number of rows at a time; daprd's SQLite store never does it by itself. */
  async sweep(): Promise<void> {
    for (let swept: number = limits.sidecar_swept_at_once; swept === limits.sidecar_swept_at_once && !this.#closed; )
      swept = await this.#disk.write(() => Number(this.#sweep.run(this.#second(), limits.sidecar_swept_at_once).changes));
  }

  #upsert(change: Upsert): number {
    const { key, value, etag } = change;
    const now = this.#second();
    const expiresAt = change.ttlSeconds === undefined || change.ttlSeconds <= 0 ? null : now + change.ttlSeconds * 1_000;
    const fresh = uuid(this.#die);
    if (etag !== undefined) return Number(this.#swap.run(value, fresh, expiresAt, key, etag, now).changes);
    if (change.createOnly) return Number(this.#create.run(key, value, fresh, expiresAt, now).changes);
    return Number(this.#put.run(key, value, fresh, expiresAt).changes);
  }

  #remove(change: Delete): number {
    if (!change.key.isWellFormed()) return change.etag === undefined ? 1 : 0;
    if (change.etag !== undefined) return Number(this.#deleteIf.run(change.key, change.etag).changes);
    this.#delete.run(change.key);
    return 1;
  }

  /** Times to live end on whole seconds, as with SQLite's CURRENT_TIMESTAMP. */
  #second(): number {
    return Math.floor(this.#clock.now() / 1_000) * 1_000;
  }
}
