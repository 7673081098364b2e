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
`;

/** The messages of all topics, at rest until they are delivered. */
export class Queue {
  readonly #disk: Disk;
  readonly #limits: { readonly backlog: number; readonly unread: number };
  readonly #sql: Record<"insert" | "after" | "remove" | "counts" | "trim", StatementSync>;
  /** Messages at rest, by component and topic. */
  readonly #counts = new Map<string, number>();

  constructor(disk: Disk, limits: { readonly backlog: number; readonly unread: number }) {
    disk.define(schema);
    this.#disk = disk;
    this.#limits = limits;
    this.#sql = {
      insert: disk.prepare("INSERT INTO messages (pubsub, topic, data, metadata) VALUES (?, ?, ?, ?)"),
      after: disk.prepare("SELECT * FROM messages WHERE pubsub = ? AND topic = ? AND seq > ? ORDER BY seq LIMIT ?"),
      remove: disk.prepare("DELETE FROM messages WHERE seq = ?"),
      counts: disk.prepare("SELECT pubsub, topic, count(*) AS held FROM messages GROUP BY pubsub, topic"),
      trim: disk.prepare(
        "DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE pubsub = ? AND topic = ? ORDER BY seq LIMIT ?)",
      ),
    };
    for (const row of this.#sql.counts.all()) this.#counts.set(keyOf(text(row, "pubsub"), text(row, "topic")), number(row, "held"));
  }

  /**
   * Resolves when the messages are on disk, all of them. A topic that is read refuses (QueueFull) what it cannot hold; of one that nobody
   * reads the newest are kept.
   */
  async put(messages: readonly NewMessage[], isRead: (topic: string) => boolean): Promise<void> {
    for (const { pubsub, topic } of messages)
      if (isRead(topic) && this.#count(pubsub, topic) + messages.length > this.#limits.backlog)
        throw new QueueFull(`topic ${topic} holds ${this.#limits.backlog} messages, which is as many as it may; its subscriber is behind`);
    await this.#disk.write(() => {
      for (const message of messages) this.#insert(message);
    }, messages.length > 1);
    for (const { pubsub, topic } of messages) {
      const held = this.#add(pubsub, topic, 1);
      if (!isRead(topic) && held > this.#limits.unread * 1.25) void this.#trim(pubsub, topic, held - this.#limits.unread);
    }
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

  async #trim(pubsub: string, topic: string, count: number): Promise<void> {
    this.#add(pubsub, topic, -count);
    await this.#disk.write(() => this.#sql.trim.run(pubsub, topic, count));
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
