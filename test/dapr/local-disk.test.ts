import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Disk } from "../../dapr/local/disk.ts";
import { temporaryFolder } from "../tools/folders.ts";

const ROWS = 300;
const mark = (row: number): string => `content-of-${row}.`;
/** From a few bytes to several pages. */
const content = (row: number): string => mark(row).repeat(1 + (row % 7) ** 4);

test("disk: what was deleted or overwritten stands nowhere in the files of a sidecar that has closed", async () => {
  const folder = temporaryFolder();
  const disk = new Disk(join(folder, "state.db"));
  disk.define("CREATE TABLE kept (key INTEGER PRIMARY KEY, value TEXT NOT NULL) STRICT");
  const insert = disk.prepare("INSERT INTO kept VALUES (?, ?)");
  const remove = disk.prepare("DELETE FROM kept WHERE key = ?");
  const overwrite = disk.prepare("UPDATE kept SET value = ? WHERE key = ?");
  // By strides, so that rows come between others and pages are split.
  for (let row = 0; row < ROWS; row++) await disk.write(() => insert.run((row * 7) % ROWS, content((row * 7) % ROWS)));
  for (let row = 0; row < ROWS; row++) {
    if (row % 3 === 0) await disk.write(() => remove.run(row));
    if (row % 3 === 1) await disk.write(() => overwrite.run("short", row));
  }
  disk.close();

  const bytes = Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name)))).toString("latin1");
  const found = Array.from({ length: ROWS }, (_, row) => row).filter((row) => bytes.includes(mark(row)));
  expect(found).toEqual(Array.from({ length: ROWS }, (_, row) => row).filter((row) => row % 3 === 2));
});
