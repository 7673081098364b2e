import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { findBinaries } from "../../tools/run/binaries.ts";
import { temporaryFolder } from "./folders.ts";

/** A folder of programs that answer --version with what is given. */
function folderWith(programs: Readonly<Record<string, string>>, folder = temporaryFolder()): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, version] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho ${version}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

const whole = { daprd: "1.18.2", placement: "1.18.2", scheduler: "1.18.2" };
/** Beyond it, tools/dapr/bin would be looked in, where real ones may lie. */
const elsewhere = (): Readonly<Record<string, string>> => ({ HOME: temporaryFolder(), PATH: dirname("/bin/sh") });

test("DAPR_BIN is taken before PATH", async () => {
  const [chosen, onPath] = [folderWith(whole), folderWith(whole)];
  const found = await findBinaries({ env: { ...elsewhere(), DAPR_BIN: chosen, PATH: onPath } });
  expect(found).toMatchObject({ ok: true, binaries: { daprd: join(chosen, "daprd"), version: "1.18.2" } });
});

test("PATH is taken before ~/.dapr/bin, and that before tools/dapr/bin", async () => {
  const [home, onPath] = [temporaryFolder(), folderWith(whole)];
  const inHome = folderWith(whole, join(home, ".dapr", "bin"));
  expect(await findBinaries({ env: { HOME: home, PATH: `/bin:${onPath}` } })).toMatchObject({ binaries: { daprd: join(onPath, "daprd") } });
  expect(await findBinaries({ env: { HOME: home, PATH: "/bin" } })).toMatchObject({ binaries: { scheduler: join(inHome, "scheduler") } });
});

test("a DAPR_BIN without them is a mistake that is told, not worked around", async () => {
  const found = await findBinaries({ env: { ...elsewhere(), DAPR_BIN: "/nowhere", PATH: folderWith(whole) } });
  expect(found).toEqual({ ok: false, why: "there is no daprd in DAPR_BIN (/nowhere)" });
});

test.each(["1.17.4", "1.19.0", "2.18.2", "edge"])("a daprd of version %s is refused, and the range is told", async (version) => {
  const folder = folderWith({ ...whole, daprd: version });
  const found = await findBinaries({ env: { DAPR_BIN: folder } });
  expect(found).toMatchObject({ ok: false, why: `${join(folder, "daprd")} is ${version}, and Strata supports 1.18.x (tested: 1.18.2)` });
});

test("an unsupported one on PATH does not hide a supported one behind it", async () => {
  const [old, good] = [folderWith({ ...whole, daprd: "1.14.0" }), folderWith({ ...whole, daprd: "1.18.0" })];
  const found = await findBinaries({ env: { ...elsewhere(), PATH: `${old}:${good}` } });
  expect(found).toMatchObject({ ok: true, binaries: { daprd: join(good, "daprd"), version: "1.18.0" } });
});

test("daprd alone is enough where placement and scheduler run already, as `dapr init` leaves it", async () => {
  const folder = folderWith({ daprd: "1.18.2" });
  expect(await findBinaries({ env: { DAPR_BIN: folder }, needs: ["daprd"] })).toMatchObject({
    ok: true,
    binaries: { placement: undefined },
  });
  expect(await findBinaries({ env: { DAPR_BIN: folder } })).toMatchObject({
    ok: false,
    why: expect.stringMatching(/no placement and no scheduler/),
  });
});

test("a daprd that does not run is told, with the reason", async () => {
  const folder = folderWith(whole);
  writeFileSync(join(folder, "daprd"), "#!/bin/sh\nexit 3\n");
  expect(await findBinaries({ env: { DAPR_BIN: folder } })).toMatchObject({ ok: false, why: expect.stringMatching(/of no known version/) });
});
