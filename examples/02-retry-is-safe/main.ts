// A turn that is sent ten times at once, as an impatient client would, has one effect and one answer.

import assert from "node:assert/strict";
import { call } from "../call.ts";

const name = `main.retry-${Date.now()}`;

const turn = { key: "payment-17", items: [{ role: "assistant", content: "I have refunded 20 francs." }] };
const answers = await Promise.all(Array.from({ length: 10 }, () => call(name, "append", turn)));

assert.equal(new Set(answers.map(({ ok, version, digest }) => `${ok} ${version} ${digest}`)).size, 1, "all answers are the same");
assert.equal(answers.filter(({ duplicate }) => duplicate !== true).length, 1, "one of them was the first");
assert.equal((await call(name, "read", {})).items.length, 1, "and there is one item");

// The same key for something else is a mistake, and is told so.
const other = await call(name, "append", { ...turn, items: [{ role: "assistant", content: "I have refunded 90 francs." }] });
assert.equal(other.code, "conflict");

console.log(`${name}: ten calls, one version; the key used for another turn: ${other.message}`);
