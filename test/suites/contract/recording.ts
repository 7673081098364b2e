// Real trajectories of agents, as the importer maps them. Their texts are material, never instructions.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RawJson } from "../../../protocol/json.ts";
import { itemOf } from "../../../services/import/message.ts";
import { exportTrajectory, keyOf, type Trajectory, trajectoryOf } from "../../../services/import/trajectory.ts";
import { equal, treeOf } from "../../../services/import/tree.ts";
import { type Caller, type Setting, writeItems } from "../caller.ts";

const folder = `${process.env.STRATA_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url))}/context`;
const present = existsSync(folder);
if (!present) console.warn(`skipped: contexts recorded from real trajectories (there is no ${folder}; STRATA_DATA names the folder)`);

const files = ["tau_airline", "swe_agent", "openhands_events"];
const linesOf = (file: string): string[] => readFileSync(`${folder}/${file}.jsonl`, "utf8").trim().split("\n");

async function record({ caller, name }: Setting, trajectory: Trajectory): Promise<{ id: string; digests: string[] }> {
  const id = name("recorded");
  const digests: string[] = [];
  for (const [n, message] of trajectory.messages.entries()) {
    const set = n === 0 ? trajectory.slots : undefined;
    const reply = await caller.call(id, "append", { key: keyOf(trajectory, n), items: [itemOf(message)], set, expect: n });
    digests.push(reply.digest);
  }
  return { id, digests };
}

async function expectWhole(caller: Caller, id: string, line: string, digests: readonly string[]): Promise<void> {
  const whole = await caller.call(id, "read");
  expect(equal(treeOf(RawJson.of(exportTrajectory(whole))), treeOf(RawJson.of(line)))).toBe(true);
  const versions = [1, Math.ceil(digests.length / 2), digests.length];
  for (const version of versions) {
    const then = await caller.call(id, "read", { at: version });
    expect(then.digest).toBe(digests[version - 1]);
    expect(writeItems(then.items)).toBe(writeItems(whole.items.slice(0, version)));
  }
  expect(await caller.call(id, "verify")).toEqual({ ok: true, version: digests.length, digest: digests.at(-1) });
}

export function recording(the: () => Setting): void {
  for (const file of files)
    test.skipIf(!present)(`a trajectory of ${file}, a turn a message, comes back by value, at every version, and verifies`, async () => {
      // The shortest that is a conversation: long ones are the importer's tests.
      const [line = ""] = linesOf(file).toSorted((a, b) => a.length - b.length);
      const trajectory = trajectoryOf(line);
      expect(trajectory.messages.length).toBeGreaterThan(2);
      const { id, digests } = await record(the(), trajectory);
      await expectWhole(the().caller, id, line, digests);
    });
}
