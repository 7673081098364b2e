import { existsSync, globSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { metadataNames } from "../../tools/run/metadata-names.ts";
import { Component, Configuration, copyResources, Resiliency, readResource } from "../../tools/run/resources.ts";
import { temporaryFolder } from "./folders.ts";

const root = join(import.meta.dirname, "../..");
const at = (path: string): string => join(root, "components", path);
const component = (path: string): Component => Component.parse(readResource(at(path)));
const configuration = (path: string): Configuration => Configuration.parse(readResource(at(path)));

function written(text: string): string {
  const path = join(temporaryFolder(), "one.yaml");
  writeFileSync(path, text);
  return path;
}

const values = ({ spec }: Component): Record<string, unknown> =>
  Object.fromEntries(spec.metadata.map((entry) => [entry.name, "value" in entry ? entry.value : entry]));

test("every file under components/ is known to its last key", () => {
  const files = globSync(join(root, "components/**/*.yaml"));
  expect(files.map((file) => relative(root, file)).sort()).toEqual([
    "components/compose/bus.yaml",
    "components/config/callers.yaml",
    "components/config/host.yaml",
    "components/postgres/store.yaml",
    "components/redis/store.yaml",
    "components/shared/bus.yaml",
    "components/shared/resiliency.yaml",
    "components/shared/secrets.yaml",
    "components/sqlite/store.yaml",
  ]);
  for (const file of files) expect(() => readResource(file)).not.toThrow();
});

const head = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: store}\n";

test.each([
  ["a misspelt scope", `${head}scope: [strata-host]\nspec: {type: state.redis, version: v1, metadata: []}`, /scope/],
  [
    "metadata that the component does not know",
    `${head}spec: {type: state.redis, version: v1, metadata: [{name: redishost, value: x}]}`,
    /redishost/,
  ],
  [
    "metadata that stands twice",
    `${head}spec: {type: state.redis, version: v1, metadata: [{name: redisHost, value: x}, {name: redisHost, value: y}]}`,
    /twice/,
  ],
  ["an unknown type", `${head}spec: {type: state.etcd, version: v1, metadata: []}`, /state\.etcd/],
  [
    "a value and a reference",
    `${head}spec: {type: state.redis, version: v1, metadata: [{name: redisHost, value: x, envRef: Y}]}`,
    /metadata/,
  ],
  [
    "a variable that daprd does not hand out",
    `${head}spec: {type: state.redis, version: v1, metadata: [{name: redisHost, envRef: DAPR_X}]}`,
    /metadata/,
  ],
  ["an unknown kind", "apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: x}\nspec: {}", /kind/],
  [
    "a policy that is not there",
    "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: x}\nspec: {policies: {}, targets: {components: {bus: {inbound: {retry: none}}}}}",
    /no retry policy "none"/,
  ],
  [
    "a policy for actors",
    "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: x}\nspec: {policies: {}, targets: {actors: {Context: {}}}}",
    /actors/,
  ],
  [
    "an API that does not exist",
    "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: x}\nspec: {api: {allowed: [{name: actor, version: v1.0, protocol: http}]}}",
    /api/,
  ],
])("a resource with %s is refused, and the place is named", (_, text, place) => {
  expect(() => readResource(written(text))).toThrow(place);
});

describe("what the components promise", () => {
  test("only the host loads a store and the secrets", () => {
    for (const path of ["sqlite/store.yaml", "redis/store.yaml", "postgres/store.yaml", "shared/secrets.yaml"])
      expect(component(path).scopes, path).toEqual(["strata-host"]);
  });

  test("every store is called store, and the bus is Redis whatever the store", () => {
    for (const path of ["sqlite/store.yaml", "redis/store.yaml", "postgres/store.yaml"])
      expect(component(path).metadata.name).toBe("store");
    expect(component("shared/bus.yaml")).toMatchObject({ metadata: { name: "bus" }, spec: { type: "pubsub.redis" } });
  });

  test("SQLite waits for the disk on every commit", () => {
    expect(values(component("sqlite/store.yaml")).connectionString).toMatch(/_pragma=synchronous\(FULL\)/);
  });

  test("no topic is open: each is allowed, protected, and has its publishers and its readers by name", () => {
    const { allowedTopics, protectedTopics, publishingScopes, subscriptionScopes } = values(component("shared/bus.yaml"));
    expect(allowedTopics).toBe("untrusted,admitted,events,dead-letter");
    expect(protectedTopics).toBe(allowedTopics);
    const scopes = (text: unknown): Record<string, string[]> =>
      Object.fromEntries(
        String(text)
          .split(";")
          .map((one) => one.split("="))
          .map(([app = "", topics = ""]) => [app, topics.split(",").filter(Boolean)]),
      );
    expect(scopes(publishingScopes)["strata-callers"]).toEqual(["untrusted"]);
    expect(scopes(subscriptionScopes)["strata-callers"]).toEqual([]);
    // What nobody trusts reaches the reader alone, and what the privileged side reads comes from the reader alone.
    expect(
      Object.entries(scopes(subscriptionScopes))
        .filter(([, topics]) => topics.includes("untrusted"))
        .map(([app]) => app),
    ).toEqual(["strata-reader"]);
    expect(
      Object.entries(scopes(publishingScopes))
        .filter(([, topics]) => topics.includes("admitted"))
        .map(([app]) => app),
    ).toEqual(["strata-reader"]);
    for (const app of Object.entries(scopes(subscriptionScopes))
      .filter(([, topics]) => topics.length > 0)
      .map(([name]) => name))
      expect(scopes(publishingScopes)[app], `${app} must be able to dead-letter what it can't handle`).toContain("dead-letter");
  });

  test("the bus waits longer for a delivery than all its repetitions take, twice over", () => {
    const seconds = (text: unknown): number => Number(/^(\d+)s$/.exec(String(text))?.[1]);
    const { policies, targets } = Resiliency.parse(readResource(at("shared/resiliency.yaml"))).spec;
    const { timeout = "", retry = "" } = targets.components?.bus?.inbound ?? {};
    const policy = policies.retries?.[retry];
    if (policy?.policy !== "constant") throw new Error("expected a constant policy");
    const longest = (policy.maxRetries + 1) * seconds(policies.timeouts?.[timeout]) + policy.maxRetries * seconds(policy.duration);
    const { processingTimeout, queueDepth, concurrency } = values(component("shared/bus.yaml"));
    expect(seconds(processingTimeout)).toBeGreaterThanOrEqual(2 * longest);
    expect(queueDepth).toBe(concurrency);
  });
});

describe("what the configurations promise", () => {
  test.each(["host", "callers"])(
    "the %s' configuration is closed to invocation from both sides, on both protocols, and cannot change while it runs",
    (name) => {
      const { api, accessControl, features } = configuration(`config/${name}.yaml`).spec;
      expect(api?.allowed?.map((rule) => rule.name)).not.toContain("invoke");
      // A protocol without an entry is open.
      expect(new Set(api?.allowed?.map((rule) => rule.protocol))).toEqual(new Set(["http", "grpc"]));
      expect(accessControl).toEqual({ defaultAction: "deny", trustDomain: "public" });
      expect(features).toContainEqual({ name: "HotReload", enabled: false });
    },
  );

  test("callers may call actors, publish, and ask for metadata and health, and nothing else", () => {
    const allowed = configuration("config/callers.yaml").spec.api?.allowed ?? [];
    const names = (protocol: string): string[] =>
      [...new Set(allowed.filter((rule) => rule.protocol === protocol).map((rule) => rule.name))].sort();
    expect(names("http")).toEqual(["actors/{actorType}/{actorId}/method", "healthz", "metadata", "publish"]);
    expect(names("grpc")).toEqual(["metadata", "publish"]);
  });
});

describe("copies", () => {
  test("a copy has the values of its run, and every other value and comment of the file", () => {
    const to = temporaryFolder();
    copyResources(at("shared"), to, { metadata: { bus: { redisHost: "127.0.0.1:1", redisPassword: "p", consumerID: "x" } } });
    const { redisHost, redisPassword, consumerID, ...rest } = values(Component.parse(readResource(join(to, "bus.yaml"))));
    const { redisHost: _, redisPassword: __, ...shipped } = values(component("shared/bus.yaml"));
    expect({ redisHost, redisPassword, consumerID }).toEqual({ redisHost: "127.0.0.1:1", redisPassword: "p", consumerID: "x" });
    expect(rest).toEqual(shipped);
    expect(readFileSync(join(to, "bus.yaml"), "utf8")).toContain("# Only these topics exist");
    expect(readResource(join(to, "resiliency.yaml"))).toEqual(readResource(at("shared/resiliency.yaml")));
  });

  test("a copy can hold a password, so only its owner can read it", () => {
    const to = temporaryFolder();
    copyResources(at("redis"), to, { metadata: { store: { redisPassword: "p" } } });
    expect(statSync(join(to, "store.yaml")).mode & 0o077).toBe(0);
  });

  test("what an earlier run left in the folder is gone", () => {
    const to = join(temporaryFolder(), "shared");
    copyResources(at("redis"), to, { metadata: {} });
    copyResources(at("shared"), to, { metadata: {} });
    expect(readdirSync(to).sort()).toEqual(["bus.yaml", "resiliency.yaml", "secrets.yaml"]);
  });

  test("a change to something that the component does not know is refused", () => {
    const to = temporaryFolder();
    expect(() => copyResources(at("redis"), to, { metadata: { store: { redishost: "x" } } })).toThrow(/redishost/);
  });

  test("where spans are sent, the copy of a configuration records all", () => {
    const to = temporaryFolder();
    const copy = copyResources(at("config/host.yaml"), to, { metadata: {}, samplingRate: "1" });
    expect(Configuration.parse(readResource(copy)).spec.tracing).toEqual({ samplingRate: "1" });
    expect(configuration("config/host.yaml").spec.tracing).toEqual({ samplingRate: "0" });
  });
});

const contrib = join(process.env.GOMODCACHE ?? join(homedir(), "go/pkg/mod"), "github.com/dapr/components-contrib@v1.18.3");
if (!existsSync(contrib)) console.warn(`SKIPPED the comparison with Dapr's own lists of metadata: ${contrib} is not there`);

test.skipIf(!existsSync(contrib))("the names of metadata are those of components-contrib", () => {
  const Entries = z.array(z.object({ name: z.string() })).optional();
  const Described = z.object({ metadata: Entries, authenticationProfiles: z.array(z.object({ metadata: Entries })).optional() });
  const folders: Record<string, string> = {
    "state.postgresql/v2": "state/postgresql/v2",
    "secretstores.local.env/v1": "secretstores/local/env",
    "secretstores.local.file/v1": "secretstores/local/file",
  };
  for (const [type, names] of Object.entries(metadataNames)) {
    const folder = folders[type] ?? type.replace(/\/v\d$/, "").replace(".", "/");
    const { metadata = [], authenticationProfiles = [] } = Described.parse(
      parse(readFileSync(join(contrib, folder, "metadata.yaml"), "utf8")),
    );
    const theirs = [...metadata, ...authenticationProfiles.flatMap((profile) => profile.metadata ?? [])].map((entry) => entry.name);
    expect([...names].sort(), type).toEqual([...new Set(theirs)].sort());
  }
});
