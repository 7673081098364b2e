import type { StatementSync } from "node:sqlite";
import { bytes, type Disk, number, text } from "./disk.ts";

export type Message = {
  readonly seq: number;
  readonly pubsub: string;
  readonly topic: string;
  readonly data: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
};
export type NewMessage = Omit<Message, "seq">;

/** The topic holds as many messages as it may: its subscriber does not keep up. */
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

/** The messages of all topics, at rest until they are delivered. */
export class Queue {
  readonly #disk: Disk;
  readonly #limits: { readonly backlog: number; readonly unread: number };
  readonly #sql: Record<"insert" | "after" | "remove" | "counts" | "trim" | "subscribed" | "subscribe" | "forget", StatementSync>;
  readonly #onProblem: (what: string, cause?: unknown) => void;
  /** Messages at rest, by component and topic. */
  readonly #counts = new Map<string, number>();
  /** Topics that the app read when it was last seen. At rest too: while it is away, nothing of theirs may be thrown out. */
  #subscribed = new Set<string>();

  constructor(options: {
    disk: Disk;
    limits: { readonly backlog: number; readonly unread: number };
    onProblem: (what: string, cause?: unknown) => void;
  }) {
    const { disk } = options;
    disk.define(schema);
    this.#disk = disk;
    this.#limits = options.limits;
    this.#onProblem = options.onProblem;
    this.#sql = {
      insert: disk.prepare("INSERT INTO messages (pubsub, topic, data, metadata) VALUES (?, ?, ?, ?)"),
      after: disk.prepare("SELECT * FROM messages WHERE pubsub = ? AND topic = ? AND seq > ? ORDER BY seq LIMIT ?"),
      remove: disk.prepare("DELETE FROM messages WHERE seq = ?"),
      counts: disk.prepare("SELECT pubsub, topic, count(*) AS held FROM messages GROUP BY pubsub, topic"),
      trim: disk.prepare(
        "DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE pubsub = ? AND topic = ? ORDER BY seq LIMIT ?)",
      ),
      subscribed: disk.prepare("SELECT pubsub, topic FROM subscribed"),
      subscribe: disk.prepare("INSERT INTO subscribed (pubsub, topic) VALUES (?, ?)"),
      forget: disk.prepare("DELETE FROM subscribed"),
    };
    for (const row of this.#sql.subscribed.all()) this.#subscribed.add(keyOf(text(row, "pubsub"), text(row, "topic")));
    for (const row of this.#sql.counts.all()) this.#counts.set(keyOf(text(row, "pubsub"), text(row, "topic")), number(row, "held"));
  }

  /** From now on these topics are read, and no others. */
  async subscribe(topics: readonly { readonly pubsub: string; readonly topic: string }[]): Promise<void> {
    this.#subscribed = new Set(topics.map(({ pubsub, topic }) => keyOf(pubsub, topic)));
    const unique = new Map(topics.map((one) => [keyOf(one.pubsub, one.topic), one]));
    await this.#disk.write(() => {
      this.#sql.forget.run();
      for (const { pubsub, topic } of unique.values()) this.#sql.subscribe.run(pubsub, topic);
    }, true);
  }

  /**
   * Resolves when the messages, all of one topic, are on disk. A topic that is read refuses (QueueFull) what it cannot hold; of one that
   * nobody reads the newest are kept.
   */
  async put(pubsub: string, topic: string, messages: readonly NewMessage[]): Promise<void> {
    const isRead = this.#subscribed.has(keyOf(pubsub, topic));
    if (isRead && this.#count(pubsub, topic) + messages.length > this.#limits.backlog)
      throw new QueueFull(`topic ${topic} holds ${this.#limits.backlog} messages, which is as many as it may; its subscriber is behind`);
    await this.#disk.write(() => {
      for (const message of messages) this.#insert(message);
    }, messages.length > 1);
    const held = this.#add(pubsub, topic, messages.length);
    if (!isRead && held > this.#limits.unread * 1.25) this.#trim(pubsub, topic, held - this.#limits.unread);
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

  /** Ends a message; where it goes on as another one (a dead letter), both happen or neither does. */
  async finish(message: Message, becomes?: NewMessage): Promise<void> {
    await this.#disk.write(() => {
      this.#sql.remove.run(message.seq);
      if (becomes !== undefined) this.#insert(becomes);
    }, becomes !== undefined);
    this.#add(message.pubsub, message.topic, -1);
    if (becomes !== undefined) this.#add(becomes.pubsub, becomes.topic, 1);
  }

  #insert(message: NewMessage): void {
    this.#sql.insert.run(message.pubsub, message.topic, message.data, JSON.stringify(message.metadata));
  }

  #trim(pubsub: string, topic: string, count: number): void {
    this.#add(pubsub, topic, -count);
    this.#disk
      .write(() => this.#sql.trim.run(pubsub, topic, count))
      .catch((cause) => this.#onProblem(`the oldest messages of ${topic}, which nobody reads, could not be deleted`, cause));
  }

  #count(pubsub: string, topic: string): number {
    return this.#counts.get(keyOf(pubsub, topic)) ?? 0;
  }

  #add(pubsub: string, topic: string, by: number): number {
    const held = this.#count(pubsub, topic) + by;
    if (held === 0) this.#counts.delete(keyOf(pubsub, topic));
    else this.#counts.set(keyOf(pubsub, topic), held);
    return held;
  }
}

const keyOf = (pubsub: string, topic: string): string => JSON.stringify([pubsub, topic]);
