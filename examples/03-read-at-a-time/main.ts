// What was read at a version or a time is read there ever after.

import assert from "node:assert/strict";
import { call } from "../call.ts";

const name = `main.at-a-time-${Date.now()}`;

const times: string[] = [];
for (const [i, plan] of ["walk", "take the bus", "stay at home"].entries()) {
  const { at } = await call(name, "append", { key: `turn-${i}`, items: [{ role: "note", content: `it is ${i} o'clock` }], set: { plan } });
  times.push(at);
}

const second = await call(name, "read", { at: 2 });
assert.deepEqual(second.slots, { plan: "take the bus" });
assert.equal(second.items.length, 2);

const then = await call(name, "read", { at: times[1] });
assert.deepEqual(then, second, "the time of version 2 names version 2");

await call(name, "append", { key: "turn-3", items: [{ role: "note", content: "it is 3 o'clock" }], set: { plan: "sleep" } });
assert.deepEqual(await call(name, "read", { at: times[1] }), second, "and what came later changes nothing of it");

const tooEarly = await call(name, "read", { at: "2001-01-01T00:00:00Z" });
assert.equal(tooEarly.code, "not_found");
const tooLate = await call(name, "read", { at: "2999-01-01T00:00:00Z" });
assert.equal(tooLate.code, "invalid");

const { slots } = await call(name, "diff", { from: 2, to: 4 });
assert.deepEqual(slots, { plan: { before: "take the bus", after: "sleep" } });
console.log(`${name}: at ${times[1]} the plan was to ${second.slots.plan}; by version 4 it was another`);
