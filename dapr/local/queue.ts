import type { StatementSync } from "node:sqlite";
import type { Limits } from "../../protocol/limits.ts";
import { bytes, type Disk, number, text } from "./disk.ts";

export type Message = {
  readonly seq: number;
  readonly pubsub: string;
  readonly topic: string;
  readonly data: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
};
export type NewMessage = Omit<Message, "seq">;
type Topic = { readonly pubsub: string; readonly topic: string };
/** How many messages, and how large they are together. */
type Amount = { readonly count: number; readonly bytes: number };

type QueueLimits = Pick<
  Limits,
  | "sidecar_topics"
  | "sidecar_messages_waiting"
  | "sidecar_messages_unread"
  | "sidecar_dead_letters"
  | "sidecar_bytes_of_messages"
  | "sidecar_bytes_of_kept"
>;

/** There is no room for more messages: their subscriber does not keep up, or is not there. */
export class QueueFull extends Error {
  override readonly name = "QueueFull";
}

const schema = `
  CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    pubsub TEXT NOT NULL, topic TEXT NOT NULL, data BLOB NOT NULL, metadata TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS messages_topic ON messages (pubsub, topic, seq);
  CREATE TABLE IF NOT EXISTS subscribed (pubsub TEXT NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (pubsub, topic)) STRICT, WITHOUT ROWID;
`;

const size = "octet_length(data) + octet_length(metadata)";
const statements = {
  insert: "INSERT INTO messages (pubsub, topic, data, metadata) VALUES (?, ?, ?, ?)",
  after: "SELECT * FROM messages WHERE pubsub = ? AND topic = ? AND seq > ? ORDER BY seq LIMIT ?",
  remove: "DELETE FROM messages WHERE seq = ?",
  amounts: `SELECT pubsub, topic, count(*) AS count, sum(${size}) AS bytes FROM messages GROUP BY pubsub, topic`,
  // Counted from the newest, which is kept whatever its size.
  newestGone: `SELECT max(seq) AS seq FROM (
    SELECT seq, row_number() OVER newest AS place, sum(${size}) OVER newest AS bytes
    FROM messages WHERE pubsub = ? AND topic = ? WINDOW newest AS (ORDER BY seq DESC)
  ) WHERE place > 1 AND (place > ? OR bytes > ?)`,
  trim: `DELETE FROM messages WHERE pubsub = ? AND topic = ? AND seq <= ? RETURNING ${size} AS bytes`,
  subscribed: "SELECT pubsub, topic FROM subscribed",
  subscribe: "INSERT INTO subscribed (pubsub, topic) VALUES (?, ?)",
  forget: "DELETE FROM subscribed",
} as const;

/** The messages of all topics, at rest until they are delivered. */
export class Queue {
  readonly #disk: Disk;
  readonly #limits: QueueLimits;
  readonly #sql: Readonly<Record<keyof typeof statements, StatementSync>>;
  readonly #onProblem: (what: string, cause?: unknown) => void;
  /** At rest or on their way there, by component and topic; and of all topics. */
  readonly #amounts = new Map<string, Amount>();
  #bytes = 0;
  /** Topics whose oldest messages are being thrown out. */
  readonly #trimming = new Set<string>();
  /** Topics that the app read when it was last seen. At rest too: while it is away, nothing of theirs may be thrown out. */
  #subscribed = new Set<string>();

  constructor(options: { disk: Disk; limits: QueueLimits; onProblem: (what: string, cause?: unknown) => void }) {
    const { disk } = options;
    disk.define(schema);
    this.#disk = disk;
    this.#limits = options.limits;
    this.#onProblem = options.onProblem;
    const prepared = Object.entries(statements).map(([name, sql]) => [name, disk.prepare(sql)]);
    this.#sql = Object.fromEntries(prepared) as Record<keyof typeof statements, StatementSync>;
    for (const row of this.#sql.subscribed.all()) this.#subscribed.add(keyOf({ pubsub: text(row, "pubsub"), topic: text(row, "topic") }));
    for (const row of this.#sql.amounts.all())
      this.#add({ pubsub: text(row, "pubsub"), topic: text(row, "topic") }, { count: number(row, "count"), bytes: number(row, "bytes") });
  }

  /** From now on these topics are read, and no others. */
  async subscribe(topics: readonly Topic[]): Promise<void> {
    this.#subscribed = new Set(topics.map(keyOf));
    const unique = new Map(topics.map((one) => [keyOf(one), one]));
    await this.#disk.write(() => {
      this.#sql.forget.run();
      for (const { pubsub, topic } of unique.values()) this.#sql.subscribe.run(pubsub, topic);
    }, true);
  }

  /**
   * Resolves when the messages, all of one topic, are on disk. A topic that is read refuses (QueueFull) what it cannot hold; of one that
   * nobody reads the newest are kept.
   */
  async put(topic: Topic, messages: readonly NewMessage[]): Promise<void> {
    const amount = { count: messages.length, bytes: messages.reduce((sum, message) => sum + sizeOf(message), 0) };
    const isRead = this.#subscribed.has(keyOf(topic));
    const why = this.#whyFull(topic, amount, isRead);
    if (why !== undefined) throw new QueueFull(why);
    // Before they are written, so that those who publish at the same time are not all let in.
    this.#add(topic, amount);
    try {
      await this.#disk.write(() => {
        for (const message of messages) this.#insert(message);
      }, messages.length > 1);
    } catch (reason) {
      this.#add(topic, { count: -amount.count, bytes: -amount.bytes });
      throw reason;
    }
    if (!isRead) await this.#keepNewest(topic, this.#limits.sidecar_messages_unread);
  }

  after(pubsub: string, topic: string, seq: number, limit: number): Message[] {
    return this.#sql.after.all(pubsub, topic, seq, limit).map((row) => ({
      seq: number(row, "seq"),
      pubsub: text(row, "pubsub"),
      topic: text(row, "topic"),
      data: bytes(row, "data"),
      metadata: JSON.parse(text(row, "metadata")) as Readonly<Record<string, string>>,
    }));
  }

  /** Ends a message; where it goes on as another one, a dead letter, both happen or neither does. Of dead letters the newest are kept. */
  async finish(message: Message, becomes?: NewMessage): Promise<void> {
    const removed = await this.#disk.write(() => {
      const { changes } = this.#sql.remove.run(message.seq);
      if (becomes !== undefined) this.#insert(becomes);
      return Number(changes);
    }, becomes !== undefined);
    // It may have been thrown out while it was delivered.
    if (removed > 0) this.#add(message, { count: -1, bytes: -sizeOf(message) });
    if (becomes === undefined) return;
    this.#add(becomes, { count: 1, bytes: sizeOf(becomes) });
    const gone = await this.#keepNewest(becomes, this.#limits.sidecar_dead_letters);
    if (gone > 0) this.#onProblem(`the ${gone} oldest dead letters of ${becomes.topic} are thrown out: it holds as many as it may`);
  }

  #insert(message: NewMessage): void {
    this.#sql.insert.run(message.pubsub, message.topic, message.data, JSON.stringify(message.metadata));
  }

  #whyFull(topic: Topic, more: Amount, isRead: boolean): string | undefined {
    const { sidecar_topics, sidecar_messages_waiting, sidecar_bytes_of_messages } = this.#limits;
    const held = this.#amounts.get(keyOf(topic));
    if (this.#bytes + more.bytes > sidecar_bytes_of_messages)
      return `the messages of all topics have ${this.#bytes} bytes, and ${sidecar_bytes_of_messages} is as many as they may; their subscribers are behind`;
    if (held === undefined && this.#amounts.size >= sidecar_topics)
      return `messages of ${sidecar_topics} topics wait, which is as many as may`;
    if (isRead && (held?.count ?? 0) + more.count > sidecar_messages_waiting)
      return `topic ${topic.topic} holds up to ${sidecar_messages_waiting} messages, and has no room for ${more.count} more; its subscriber is behind`;
    return undefined;
  }

  /** Throws out the oldest when a quarter too many are held: each time is a walk over all. Resolves with how many that were. */
  async #keepNewest(topic: Topic, most: number): Promise<number> {
    const key = keyOf(topic);
    const held = this.#amounts.get(key) ?? { count: 0, bytes: 0 };
    const { sidecar_bytes_of_kept: bytesKept } = this.#limits;
    if (this.#trimming.has(key) || (held.count <= most * 1.25 && held.bytes <= bytesKept * 1.25)) return 0;
    this.#trimming.add(key);
    try {
      const gone = await this.#disk.write(() => {
        const row = this.#sql.newestGone.get(topic.pubsub, topic.topic, most, bytesKept);
        return row === undefined || row.seq === null ? [] : this.#sql.trim.all(topic.pubsub, topic.topic, number(row, "seq"));
      }, true);
      this.#add(topic, { count: -gone.length, bytes: -gone.reduce((sum, row) => sum + number(row, "bytes"), 0) });
      return gone.length;
    } catch (cause) {
      this.#onProblem(`the oldest messages of ${topic.topic} could not be thrown out; it is tried again`, cause);
      return 0;
    } finally {
      this.#trimming.delete(key);
    }
  }

  #add(topic: Topic, { count, bytes }: Amount): void {
    const key = keyOf(topic);
    const held = this.#amounts.get(key) ?? { count: 0, bytes: 0 };
    this.#bytes += bytes;
    if (held.count + count === 0) this.#amounts.delete(key);
    else this.#amounts.set(key, { count: held.count + count, bytes: held.bytes + bytes });
  }
}

const keyOf = ({ pubsub, topic }: Topic): string => JSON.stringify([pubsub, topic]);
const sizeOf = ({ data, metadata }: NewMessage): number => data.length + Buffer.byteLength(JSON.stringify(metadata));
