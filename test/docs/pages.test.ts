import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";
import { limits } from "../../protocol/limits.ts";
import { filesUnder } from "../tidy/source.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const pages = filesUnder(root, ".md");
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read("package.json")));

/** Headings as the links of a page name them. */
const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );

test("every link between pages leads somewhere", () => {
  const dead: string[] = [];
  for (const page of pages) {
    for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(root, file))) dead.push(`${page}: ${target}`);
      else if (anchor !== undefined && !anchors(read(file)).includes(anchor)) dead.push(`${page}: ${target}`);
    }
  }
  expect(dead).toEqual([]);
});

test("every npm command that a page names exists", () => {
  const unknown = pages.flatMap((page) =>
    [...read(page).matchAll(/\bnpm (?:run )?(?:-s )?(\w+)/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !["ci", "run", "puts", "first", "package", "proxy"].includes(name) && scripts[name] === undefined)
      .map((name) => `${page}: npm run ${name}`),
  );
  expect(unknown).toEqual([]);
});

test("every file of the project that a page names in passing is there", () => {
  const made = ["tools/dapr/bin"]; // Built, not kept.
  const folders = "protocol|core|actors|stores|dapr|services|components|test|tools|bench|docs|examples";
  const gone = pages.flatMap((page) =>
    [...read(page).matchAll(new RegExp(`\`((?:${folders})/[A-Za-z0-9_./-]+)\``, "g"))]
      .map(([, path = ""]) => path)
      .filter((path) => !made.includes(path) && !existsSync(join(root, path)))
      .map((path) => `${page}: ${path}`),
  );
  expect(gone).toEqual([]);
});

test("how far a directory trails is what the limits make it", () => {
  const trailing = (limits.report_delay_ms + limits.tend_period_ms) / 1000;
  expect(read("docs/contract.md")).toContain(`may trail by up to ${trailing} s`);
});

test("every script of package.json is a file that is there", () => {
  const files = Object.values(scripts).flatMap((command) => [...command.matchAll(/node (\S+)/g)].map(([, path = ""]) => path));
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("decisions are numbered without a gap, stand in the list, and say context, decision and consequence", () => {
  const decisions = pages.filter((page) => /^docs\/decisions\/\d/.test(page));
  expect(decisions.length).toBeGreaterThan(0);
  const list = read("docs/decisions/README.md");
  for (const [i, page] of decisions.entries()) {
    const number = String(i + 1).padStart(4, "0");
    expect(page).toMatch(new RegExp(`^docs/decisions/${number}-[a-z0-9-]+\\.md$`));
    const text = read(page);
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(["Context", "Decision", "Consequence"]);
    const [, title] = /^# \d{4} (.+)$/m.exec(text) ?? [];
    expect(list).toContain(`- [${number}](${page.slice("docs/decisions/".length)}) ${title}`);
  }
});

test("every dependency has a line in the decision about dependencies, in the version that is used", () => {
  const text = read("docs/decisions/0010-dependencies.md");
  const { dependencies, devDependencies, optionalDependencies } = z
    .object({
      dependencies: z.record(z.string(), z.string()),
      devDependencies: z.record(z.string(), z.string()),
      optionalDependencies: z.record(z.string(), z.string()),
    })
    .parse(JSON.parse(read("package.json")));
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
    expect(text).toContain(name);
    if (name === "@types/node") continue;
    const spelled = `${name}\`?,? (?:\\| )?${version.replaceAll(".", "\\.")}\\b`;
    expect(text, `${name} ${version}`).toMatch(new RegExp(spelled));
  }
});
