import { expect, test } from "vitest";
import { isHeadDue } from "../../actors/tending.ts";
import { Keys } from "../../core/state.ts";
import { limits } from "../../protocol/limits.ts";
import { instant } from "../../protocol/units.ts";

/** The first version behind which a head belongs in a context that remembers so many keys. */
function firstDue(count: number, stagger = 0): number {
  const keys = new Keys();
  for (let i = 0; i < count; i++) keys.add(String(i), i, instant(i));
  let version = 1;
  while (!isHeadDue({ version, keys }, stagger)) version++;
  return version;
}

test("the more keys a head says, the less often it is written, and never less than every so many versions", () => {
  const { head_every_versions: every, head_every_versions_max: max, keys_per_head_step: step } = limits;
  expect([0, step - 1, step, 2 * step - 1, 2 * step].map(firstDue)).toEqual([every, every, 2 * every, 2 * every, 3 * every]);
  expect([max / every - 1, max / every, 20].map((steps) => firstDue(steps * step))).toEqual([max, max, max]);
});

test("a context's share of the way to the next head goes off the first, whatever the keys", () => {
  const { head_every_versions: every, keys_per_head_step: step } = limits;
  expect([0.25, 0.5, 0.999].map((stagger) => firstDue(0, stagger))).toEqual([(every * 3) / 4, every / 2, 1]);
  expect([0.25, 0.5].map((stagger) => firstDue(step, stagger))).toEqual([(every * 3) / 2, every]);
});
