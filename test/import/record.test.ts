import { expect, test } from "vitest";
import { Client } from "../../dapr/client.ts";
import { ContextId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { exportContext } from "../../services/import/export.ts";
import { type Recorded, record } from "../../services/import/record.ts";
import { trajectoryOf } from "../../services/import/trajectory.ts";
import { Fake, GRANT } from "./fake.ts";

const context = ContextId.parse("main.a");
const clientOf = (fake: Fake) => new Client({ url: fake.url, grant: GRANT });
const recorded = (fake: Fake, line: unknown): Promise<Recorded> =>
  record(context, trajectoryOf(JSON.stringify(line)), clientOf(fake), { wrote: () => {}, holds: () => {} });

const many = (values: number) => Array.from({ length: values }, () => 1);
const share = limits.json_values_per_body * 0.6;
const call = { id: "c", type: "function", function: { name: "f", arguments: JSON.stringify({ scores: many(share) }) } };

test.each([
  ["side by side", { role: "user", content: "hi", scores: many(share) }],
  ["without commas between them", { role: "user", scores: many(share / 2).map((score) => [score]) }],
  ["in a call's arguments", { role: "assistant", content: null, tool_calls: [call] }],
])("fields of many values are not recorded with a message of many values %s", async (_, message) => {
  await using fake = await Fake.start();
  const line = { id: "a", scores: many(share), messages: [message] };
  expect(await recorded(fake, line)).toMatchObject({ versions: 2, written: 2 });
  let text = "";
  await exportContext(context, clientOf(fake), async (piece) => {
    text += piece;
  });
  expect(text).toBe(JSON.stringify(line));
});

test("more values than a body may have are refused, and it is said where they stand", async () => {
  await using fake = await Fake.start();
  const scores = many(limits.json_values_per_body + 1);
  await expect(recorded(fake, { id: "a", scores, messages: [] })).rejects.toThrow(
    /^what the line has beside its messages was refused: \[too_large\] more than 200000 /,
  );
  await expect(recorded(fake, { id: "a", messages: ["hi", { scores }] })).rejects.toThrow(
    /^messages\[1\] was refused: \[too_large\] more than 200000 /,
  );
});
