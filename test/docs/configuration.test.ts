import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readConfig, readConfigWith } from "../../services/host/config.ts";
import { filesUnder } from "../tidy/source.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const page = read("docs/configuration.md");

/** What a name looks like that an operator can set. What Dapr sets for its own children, and its error codes, are not ours to explain. */
const NAME = /\b(?:STRATA_[A-Z0-9_]+|OTEL_[A-Z0-9_]+|DAPR_HTTP_ENDPOINT|DAPR_HTTP_PORT|DAPR_API_TOKEN|APP_API_TOKEN|DAPR_BIN)\b/g;
const namesIn = (text: string): Set<string> => new Set(text.match(NAME) ?? []);

/** Name and default, of the host's table. */
const hostSection = page.slice(page.indexOf("## The host"), page.indexOf("## `npm start`"));
const rows = [...hostSection.matchAll(/^\| `([A-Z0-9_]+)` \| (none|`[^`]*`) \| .+ \|$/gm)].map(([, name = "", value = ""]) => ({
  name,
  value: value === "none" ? undefined : value.slice(1, -1),
}));

const hostNames = [...namesIn(read("services/host/config.ts"))];

test("every variable that a service, a tool or a component reads is explained", () => {
  const files = [
    ...[".ts", ".yaml", ".yml"]
      .flatMap((ending) => filesUnder(root, ending))
      .filter((path) => /^(services|tools|components|docker-compose|dapr\.yaml)/.test(path)),
    "test/run.ts",
  ];
  const explained = namesIn(page);
  const missing = files.flatMap((path) =>
    [...namesIn(read(path))].filter((name) => !explained.has(name)).map((name) => `${path}: ${name}`),
  );
  expect(missing).toEqual([]);
});

test("where the host is reached from elsewhere it does not start without the token that tells it its sidecar", () => {
  for (const host of ["0.0.0.0", "::", "10.1.2.3", "host.example", "127.0.0.1.example", "127.999.1.1", "::ffff:10.1.2.3"])
    expect(() => readConfig({ STRATA_HOST: host }), host).toThrow(/STRATA_HOST: .*without APP_API_TOKEN/);
  for (const host of ["127.0.0.1", "127.8.8.8", "localhost", "::1"]) expect(readConfig({ STRATA_HOST: host }).host).toBe(host);
  expect(readConfig({ STRATA_HOST: "0.0.0.0", APP_API_TOKEN: "t" }).host).toBe("0.0.0.0");
});

test("a variable that is empty is unset, but for a secret that somebody meant to give", () => {
  const empty = Object.fromEntries(hostNames.map((name) => [name, ""]));
  const secrets = ["APP_API_TOKEN", "DAPR_API_TOKEN", "STRATA_ROOT_KEY"];
  for (const name of secrets) {
    expect(() => readConfig(empty)).toThrow(`${name}: it is empty; give it, or unset it`);
    expect(readConfigWith({}, {})).toEqual(readConfig());
  }
  for (const name of secrets) delete empty[name];
  expect(readConfig(empty)).toEqual(readConfig({}));
});

test("a variable that cannot be used is told with what was seen, and a secret without", () => {
  expect(() => readConfig({ STRATA_PORT: "http", STRATA_EVENTS: "yes" })).toThrow(
    /STRATA_PORT: saw "http"; write a port, 0 to 65535; STRATA_EVENTS: saw "yes"; /,
  );
  expect(() => readConfig({ STRATA_HOT_MS: "2s" })).toThrow(/STRATA_HOT_MS: saw "2s"; write milliseconds/);
});

test("every variable of the host has a row with its default", () => {
  expect(hostNames.length).toBeGreaterThan(15);
  expect(hostNames.filter((name) => !rows.some((row) => row.name === name))).toEqual([]);
});

for (const { name, value } of rows) {
  test(`${name}: its default is ${value ?? "none"}`, () => {
    const unset = readConfig({});
    if (value !== undefined) expect(readConfig({ [name]: value })).toEqual(unset);
    // And it is read at all: something else makes a difference, or is refused.
    expect(differs(name, unset)).toBe(true);
  });
}

function differs(name: string, unset: unknown): boolean {
  return ["7", "700001", "45m", "http://other:1", "off", "yes", "debug", "127.0.0.2", "something"].some((other) => {
    try {
      return JSON.stringify(readConfig({ [name]: other })) !== JSON.stringify(unset);
    } catch {
      return false;
    }
  });
}

test("every variable that the page explains is one that something reads", () => {
  const everything = [".ts", ".yaml", ".yml"]
    .flatMap((ending) => filesUnder(root, ending))
    .filter((path) => !path.startsWith("test/docs/"))
    .map(read)
    .join("\n");
  const known = namesIn(everything);
  expect([...namesIn(page)].filter((name) => !known.has(name))).toEqual([]);
});

test("an idle timeout in which no reminder fires twice, or that is no duration, is refused", () => {
  expect(() => readConfig({ STRATA_IDLE_TIMEOUT: "2m29s" })).toThrow(/STRATA_IDLE_TIMEOUT: 2m29s is less than twice 75000 ms/);
  expect(readConfig({ STRATA_IDLE_TIMEOUT: "2m30s" }).actorIdleTimeout).toBe("2m30s");
  expect(() => readConfig({ STRATA_DROP_DELAY_MS: "7200008" })).toThrow(/STRATA_IDLE_TIMEOUT: 30m is less than twice 900001 ms/);
  expect(() => readConfig({ STRATA_IDLE_TIMEOUT: "half an hour" })).toThrow(/write a duration like 30m/);
});
