import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkLimits, type Limits, limits } from "../../protocol/limits.ts";
import { filesUnder } from "./source.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("every limit is used somewhere: a bound that nobody looks at is none", () => {
  const words = new Set(
    filesUnder(root, ".ts")
      .filter((path) => /^(protocol|core|actors|stores|dapr|services)\//.test(path) && path !== "protocol/limits.ts")
      .flatMap((path) => readFileSync(join(root, path), "utf8").match(/\w+/g) ?? []),
  );
  expect(Object.keys(limits).filter((limit) => !words.has(limit))).toEqual([]);
});

test("the limits agree with each other, and each relation between them is checked", () => {
  expect(() => checkLimits()).not.toThrow();
  const broken: Partial<Limits>[] = [
    { bytes_per_turn: limits.bytes_per_body + 1 },
    { bytes_per_group: limits.bytes_per_turn - 1 },
    { bytes_per_reply: limits.bytes_per_turn - 1 },
    { hot_ms: limits.drop_delay_ms },
    { store_call_ms: limits.turn_deadline_ms },
    { head_every_versions: limits.head_every_versions_max + 1 },
    { head_every_versions_max: limits.key_window_versions + 1 },
    { keys_per_context: limits.key_window_versions },
    { keys_per_context: limits.keys_per_context * 2 },
    { host_bytes_held: limits.bytes_per_body - 1 },
    { json_members: limits.items_per_append },
    { list_default: limits.contexts_per_list + 1 },
    { history_default: limits.versions_per_history + 1 },
    { headers_ms: limits.request_ms + 1 },
    { sidecar_bytes_per_body: limits.bytes_per_body - 1 },
    { sidecar_bytes_held: limits.sidecar_bytes_per_body - 1 },
    { sidecar_bytes_of_messages: limits.sidecar_bytes_of_kept - 1 },
    { import_values_of_fields_and_item: limits.json_values_per_body + 1 },
    { import_bytes_at_once: limits.import_bytes_per_line - 1 },
    { import_contexts_at_once: limits.import_contexts_at_once_max + 1 },
    { caller_attempts_at_first: limits.caller_attempts + 1 },
  ];
  for (const change of broken) expect(() => checkLimits({ ...limits, ...change }), JSON.stringify(change)).toThrow(/^limits: /);
});
