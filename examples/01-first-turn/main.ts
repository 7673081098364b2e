// What was appended is read back: items, slots, and who wrote it.

import assert from "node:assert/strict";
import { call } from "../call.ts";

const name = `main.first-turn-${Date.now()}`;

const appended = await call(name, "append", {
  key: "turn-1", // Makes the turn repeatable; any text that is new for a new turn.
  items: [
    { role: "user", content: "What is the weather in Bern?" },
    { role: "assistant", content: [{ type: "tool_call", id: "c1", name: "weather", arguments: { city: "Bern" } }] },
    { role: "tool", content: [{ type: "tool_result", id: "c1", content: "12 degrees, rain" }] },
  ],
  set: { city: "Bern" },
});
assert.equal(appended.ok, true, appended.message);
assert.equal(appended.version, 1);

const read = await call(name, "read", {});
assert.equal(read.items.length, 3);
assert.deepEqual(read.items[1]?.content, [{ type: "tool_call", id: "c1", name: "weather", arguments: { city: "Bern" } }]);
assert.deepEqual(read.slots, { city: "Bern" });
assert.equal(read.digest, appended.digest);

const { versions } = await call(name, "history", {});
console.log(`${name}: version ${read.version} of ${versions.length}, ${read.items.length} items, written by ${versions[0]?.author}`);
