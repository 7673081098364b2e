import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { baseEnvironment, callersSidecarEnvironment, hostEnvironment, hostSidecarEnvironment } from "../../tools/run/environment.ts";
import { redisAt } from "../../tools/run/redis.ts";
import { loadSecrets } from "../../tools/run/secrets.ts";
import { temporaryFolder } from "./folders.ts";

test("secrets are made once, in files that only their owner can read, and are the same the next time", () => {
  const folder = join(temporaryFolder(), "data");
  const first = loadSecrets(folder, {});
  expect(loadSecrets(folder, {})).toEqual(first);
  expect(new Set(Object.values(first)).size).toBe(5);
  expect(Buffer.from(first.rootKey, "base64")).toHaveLength(32);
  for (const file of ["root.key", "secrets.json"]) expect(statSync(join(folder, file)).mode & 0o777, file).toBe(0o600);
});

test("what the environment gives is taken, and is not written down", () => {
  const folder = temporaryFolder();
  const given = { STRATA_ROOT_KEY: "given-root-key", DAPR_API_TOKEN: "given-dapr-token", APP_API_TOKEN: "given-app-token" };
  expect(loadSecrets(folder, given)).toMatchObject({
    rootKey: "given-root-key",
    daprApiToken: "given-dapr-token",
    appApiToken: "given-app-token",
  });
  expect(readFileSync(join(folder, "secrets.json"), "utf8")).not.toMatch(/given/);
  expect(() => statSync(join(folder, "root.key"))).toThrow(/ENOENT/);
});

test("another root key than the kept one is told: what is there could not be read with it", () => {
  const folder = temporaryFolder();
  loadSecrets(folder, {});
  const said: string[] = [];
  loadSecrets(folder, { STRATA_ROOT_KEY: "another" }, (line) => said.push(line));
  expect(said.join()).toMatch(/root\.key, which is another/);
});

test("a damaged file is refused, without a word of what is in it", () => {
  const folder = temporaryFolder();
  loadSecrets(folder, {});
  writeFileSync(join(folder, "secrets.json"), '{"daprApiToken": "do-not-tell-anyone');
  expect(() => loadSecrets(folder, {})).toThrow(/secrets\.json is damaged \(it is not JSON\)/);
  writeFileSync(join(folder, "secrets.json"), '{"daprApiToken": "do-not-tell-anyone"}');
  expect(() => loadSecrets(folder, {})).toThrow(/is damaged/);
  expect(() => loadSecrets(folder, {})).not.toThrow(/do-not-tell/);
  writeFileSync(join(folder, "secrets.json"), "");
  expect(() => loadSecrets(folder, {})).toThrow(/is damaged/);
});

test("a root key that is gone is missed before anything is written under another; one that is given, or was, is no loss", () => {
  const folder = temporaryFolder();
  const { rootKey } = loadSecrets(folder, { DAPR_API_TOKEN: "", APP_API_TOKEN: "", STRATA_ROOT_KEY: "" });
  rmSync(join(folder, "root.key"));
  expect(() => loadSecrets(folder, {})).toThrow(
    /root\.key is gone; put the key back from a copy.* given as STRATA_ROOT_KEY, give it again/,
  );
  expect(loadSecrets(folder, { STRATA_ROOT_KEY: rootKey }).rootKey).toBe(rootKey);
  expect(() => statSync(join(folder, "root.key"))).toThrow(/ENOENT/);
});

test("a root key that is none is refused at once, not once the store is asked", () => {
  const folder = temporaryFolder();
  loadSecrets(folder, {});
  writeFileSync(join(folder, "root.key"), "c2hvcnQ=\n");
  expect(() => loadSecrets(folder, {})).toThrow(/root\.key holds no root key .*saw 8 characters/);
});

test("an empty token in the shell is none", () => {
  const folder = temporaryFolder();
  const kept = loadSecrets(folder, {});
  expect(loadSecrets(folder, { DAPR_API_TOKEN: "", APP_API_TOKEN: "" })).toEqual(kept);
});

const secrets = {
  daprApiToken: "dapr-token",
  appApiToken: "app-token",
  rootKey: "root-key",
  redisPassword: "redis",
  postgresPassword: "postgres",
};
const bus = redisAt("redis://:redis@127.0.0.1:6379");
const stores = { bus, postgres: { url: "postgres://postgres:postgres@127.0.0.1/postgres", host: "127.0.0.1", port: 5432 } };

test("the callers' sidecar is told no token, no root key and no store, whatever the shell has", () => {
  const shell = {
    PATH: "/bin",
    DAPR_API_TOKEN: "dapr-token",
    APP_API_TOKEN: "app-token",
    STRATA_ROOT_KEY: "root-key",
    STRATA_POSTGRES_URL: "postgres://…",
  };
  const env = callersSidecarEnvironment(baseEnvironment(shell), stores);
  expect(Object.keys(env).sort()).toEqual(["PATH", "STRATA_REDIS_PASSWORD"]);
});

test("the root key is in the environment of the host's sidecar and of nothing else", () => {
  const base = baseEnvironment({});
  expect(hostSidecarEnvironment(base, stores, secrets).STRATA_ROOT_KEY).toBe("root-key");
  const app = hostEnvironment(base, { appID: "strata-host", appDirPath: "." }, secrets, bus);
  expect(Object.values(app)).not.toContain("root-key");
  expect(app).toMatchObject({ DAPR_API_TOKEN: "dapr-token", APP_API_TOKEN: "app-token", STRATA_REDIS_URL: bus.url });
  expect(Object.values(callersSidecarEnvironment(base, stores))).not.toContain("root-key");
});

test("`node` in a command is the Node that runs this", () => {
  expect(baseEnvironment({ PATH: "/bin" }).PATH?.split(":")).toEqual([join(process.execPath, ".."), "/bin"]);
});
