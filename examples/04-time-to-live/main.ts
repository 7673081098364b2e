// A context with a time to live ends when it has run out, and its name is never used again.

import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { call } from "../call.ts";

const name = `main.short-lived-${Date.now()}`;

await call(name, "append", { key: "turn-1", items: [{ role: "user", content: "Remember this for two seconds." }] });
const configured = await call(name, "configure", { key: "policy-1", policy: { ttl: { ms: 2_000, from: "lastAppend" } } });
assert.equal(configured.version, 2, "a policy is a version like any other");
assert.equal((await call(name, "read", {})).items.length, 1);

await wait(2_100);
const late = await call(name, "read", {});
assert.equal(late.code, "expired");
const write = await call(name, "append", { key: "turn-2", items: [{ role: "user", content: "Do you remember?" }] });
assert.equal(write.code, "expired", "a late write is refused: the name has ended");

console.log(`${name}: ${late.message}`);
