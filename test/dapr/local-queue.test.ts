// What the embedded sidecar's queue counts, where no timing of requests is in the way.

import { expect, test } from "vitest";
import { Disk } from "../../dapr/local/disk.ts";
import { Queue, QueueFull } from "../../dapr/local/queue.ts";
import { type Limits, limits } from "../../protocol/limits.ts";

const topic = { pubsub: "bus", topic: "t" };
const message = (text: string) => ({ ...topic, data: Buffer.from(text), metadata: {} });

async function open(changed: Partial<Limits>) {
  const problems: string[] = [];
  const queue = new Queue({ disk: new Disk(":memory:"), limits: { ...limits, ...changed }, onProblem: (what) => problems.push(what) });
  await queue.subscribe([topic]);
  return { queue, problems };
}

test("limits: those who publish at the same time are not all let in, and what could not be written gives its room back", async () => {
  const { queue } = await open({ sidecar_messages_waiting: 20 });
  const puts = await Promise.allSettled(Array.from({ length: 60 }, (_, n) => queue.put(topic, [message(`m${n}`)])));
  expect(puts.filter(({ status }) => status === "fulfilled")).toHaveLength(20);
  for (const put of puts) if (put.status === "rejected") expect(put.reason).toBeInstanceOf(QueueFull);
  const { queue: other } = await open({ sidecar_messages_waiting: 1 });
  // No statement takes such a text for bytes.
  await expect(other.put(topic, [{ ...topic, data: "text" as unknown as Buffer, metadata: {} }])).rejects.toThrow();
  await other.put(topic, [message("m")]);
});

test("a message that ends twice makes room for one", async () => {
  const { queue } = await open({ sidecar_messages_waiting: 2 });
  for (const text of ["a", "b"]) await queue.put(topic, [message(text)]);
  const [first] = queue.after(topic.pubsub, topic.topic, 0, 1);
  if (first === undefined) throw new Error("the queue does not hold what was put there");
  await queue.finish(first);
  await queue.finish(first);
  await queue.put(topic, [message("c")]);
  await expect(queue.put(topic, [message("d")])).rejects.toThrow("holds up to 2 messages");
});
