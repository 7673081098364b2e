// docker-compose.yml and the Dockerfile can't be run here, so they are read: every key against a strict schema, and what they share with the files
// that are run against those.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { daprVersions } from "../../dapr/runtime.ts";
import { readResource } from "../../tools/run/resources.ts";
import { daprdArguments, readRunFile } from "../../tools/run/run-file.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** A tag that names one version, not a line of versions: x.y.z, and of PostgreSQL x.y, since its versions have no third number. */
const Image = z
  .string()
  .regex(/^(postgres:\d+\.\d+|(?!postgres:)[a-z0-9./-]+:\d+\.\d+\.\d+)(-[a-z]+)?$/, "an image is pinned to a version");
const Duration = z.string().regex(/^\d+(ms|s|m)$/);
const Condition = z.strictObject({ condition: z.enum(["service_started", "service_healthy"]) });

const Service = z
  .strictObject({
    image: Image.optional(),
    build: z.literal(".").optional(),
    command: z.array(z.string()).min(1).optional(),
    environment: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string()).optional(),
    volumes: z.array(z.string().regex(/^(\.\/[\w./-]+:\/[\w./-]+:ro|[a-z]+:\/[\w./-]+)$/)).optional(),
    ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/, "published on loopback only")).optional(),
    networks: z.array(z.string()).min(1).optional(),
    network_mode: z.string().startsWith("service:").optional(),
    depends_on: z.record(z.string(), Condition).optional(),
    restart: z.literal("unless-stopped"),
    user: z.string().optional(),
    init: z.literal(true).optional(),
    stop_grace_period: Duration.optional(),
    healthcheck: z
      .strictObject({
        test: z.tuple([z.literal("CMD"), z.string()], z.string()),
        interval: Duration,
        timeout: Duration,
        retries: z.int().min(1),
      })
      .optional(),
  })
  .refine((service) => (service.image === undefined) !== (service.build === undefined), "an image or a build, one of them")
  .refine(
    (service) => (service.networks === undefined) !== (service.network_mode === undefined),
    "networks or a network_mode, one of them",
  );

const Compose = z.strictObject({
  name: z.string(),
  services: z.record(z.string(), Service),
  networks: z.record(z.string(), z.strictObject({ internal: z.literal(true).optional() })),
  volumes: z.record(z.string(), z.strictObject({})),
});

const compose = () => Compose.parse(parse(read("docker-compose.yml"), { uniqueKeys: true }));

function service(name: string): z.infer<typeof Service> {
  const found = compose().services[name];
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
}

test("an image is pinned to a version, not to a line of them", () => {
  for (const image of ["redis:7.4.2-bookworm", "postgres:17.2-bookworm", "daprio/daprd:1.18.2"])
    expect(Image.safeParse(image).success).toBe(true);
  for (const image of [
    "redis:7.4",
    "redis:7-bookworm",
    "redis",
    "redis:latest",
    "postgres:17",
    "postgres:17-bookworm",
    "daprio/daprd:1.18",
  ])
    expect(Image.safeParse(image).success).toBe(false);
});

test("docker-compose.yml has no key that Compose does not know, and every image is pinned", () => {
  const { services } = compose();
  expect(Object.keys(services).sort()).toEqual([
    "callers-dapr",
    "host",
    "host-dapr",
    "host-net",
    "placement",
    "postgres",
    "redis",
    "scheduler",
  ]);
});

test("whatever a service refers to is there: networks, volumes, services and files", () => {
  const { services, networks, volumes } = compose();
  for (const [name, { depends_on = {}, network_mode, networks: joined = [], volumes: mounted = [] }] of Object.entries(services)) {
    const others = [...Object.keys(depends_on), ...(network_mode === undefined ? [] : [network_mode.slice("service:".length)])];
    expect(Object.keys(services), name).toEqual(expect.arrayContaining(others));
    expect(Object.keys(networks), name).toEqual(expect.arrayContaining(joined));
    for (const [from = ""] of mounted.map((one) => one.split(":"))) {
      if (from.startsWith("./")) expect(() => readResource(join(root, from)), `${name} mounts ${from}`).not.toThrow();
      else expect(Object.keys(volumes), name).toContain(from);
    }
  }
});

test("a service that others wait for to be healthy has a health check", () => {
  const { services } = compose();
  const awaited = Object.values(services).flatMap(({ depends_on = {} }) =>
    Object.entries(depends_on).flatMap(([name, { condition }]) => (condition === "service_healthy" ? [name] : [])),
  );
  expect(awaited.length).toBeGreaterThan(0);
  for (const name of awaited) expect(services[name]?.healthcheck, name).toBeDefined();
});

test("what stops first is what waits for the others: the callers' sidecar, then the host, then the host's sidecar", () => {
  expect(Object.keys(service("callers-dapr").depends_on ?? {})).toEqual(expect.arrayContaining(["host", "host-dapr"]));
  expect(Object.keys(service("host").depends_on ?? {})).toContain("host-dapr");
  expect(Object.keys(service("host-dapr").depends_on ?? {})).not.toContain("host");
});

test("Dapr is the version that Strata is tested with, everywhere", () => {
  const tags = Object.values(compose().services).flatMap(({ image }) => (image?.startsWith("daprio/") ? [image.split(":")[1]] : []));
  expect(tags).toHaveLength(4);
  expect(new Set(tags)).toEqual(new Set([daprVersions.tested]));
});

test("only the callers' sidecar is published, and only it can be reached from outside", () => {
  const { services, networks } = compose();
  const published = Object.entries(services).filter(([, one]) => one.ports !== undefined);
  expect(published.map(([name]) => name)).toEqual(["callers-dapr"]);
  expect(networks.inside).toEqual({ internal: true });
  for (const [name, { networks: joined = [] }] of Object.entries(services))
    if (name !== "callers-dapr") expect(joined, name).not.toContain("callers");
});

test("the host's sidecar listens where the host alone is, and holds what the callers' must not have", () => {
  const { command = [], network_mode, environment = {} } = service("host-dapr");
  expect(network_mode).toBe(service("host").network_mode);
  expect(command[command.indexOf("--dapr-listen-addresses") + 1]).toBe("127.0.0.1");
  expect(Object.keys(environment)).toEqual(expect.arrayContaining(["DAPR_API_TOKEN", "APP_API_TOKEN", "STRATA_ROOT_KEY"]));
  expect(Object.keys(service("callers-dapr").environment ?? {})).toEqual(["STRATA_REDIS_PASSWORD"]);
  expect(service("callers-dapr").volumes?.join()).not.toMatch(/store|secrets/);
});

test("no secret is written down: each comes from the environment, and Compose stops where one is missing", () => {
  for (const [name, { environment = {} }] of Object.entries(compose().services))
    for (const [variable, value] of Object.entries(environment))
      if (/TOKEN|KEY|PASSWORD|AUTH$|_URL/.test(variable)) expect(value, `${name} ${variable}`).toMatch(/\$\{[A-Z_]+:\?[^}]+\}$/);
});

/** Both sidecars' flags as Compose has them and as dapr.yaml gives them, but for addresses and places of files. */
test.each([
  ["host-dapr", 0],
  ["callers-dapr", 1],
] as const)("%s is started with what dapr.yaml says", (name, at) => {
  const app = readRunFile(join(root, "dapr.yaml"))[at];
  if (app === undefined) throw new Error(`dapr.yaml has no app ${at}`);
  const elsewhere = /^--(dapr-listen-addresses|placement-host-address|scheduler-host-address|config|resources-path|app-protocol)$/;
  const pairs = (flags: readonly string[]): string[] =>
    flags.flatMap((flag, i) =>
      flag.startsWith("--") && !elsewhere.test(flag)
        ? [`${flag} ${flags[i + 1]?.startsWith("--") === false ? flags[i + 1] : ""}`.trim()]
        : [],
    );
  expect(pairs(service(name).command ?? []).sort()).toEqual(pairs(daprdArguments(app)).sort());
});

test("the host gets the environment that dapr.yaml gives it, and its tokens", () => {
  const env = readRunFile(join(root, "dapr.yaml"))[0]?.env;
  const { DAPR_API_TOKEN, APP_API_TOKEN, DAPR_HTTP_PORT, ...rest } = service("host").environment ?? {};
  expect(rest).toEqual(env);
  expect(DAPR_HTTP_PORT).toBe("3501");
  expect([DAPR_API_TOKEN, APP_API_TOKEN]).not.toContain(undefined);
});

test("the bus of Compose is the shipped one at another address", () => {
  const [ours, theirs] = ["shared", "compose"].map((folder) => JSON.stringify(readResource(join(root, `components/${folder}/bus.yaml`))));
  expect(theirs).toBe(ours?.replace("127.0.0.1:6379", "redis:6379"));
});

test("the Dockerfile pins Node 24, installs without scripts and development packages, and does not run as root", () => {
  const lines = read("Dockerfile").split("\n");
  expect(lines.find((line) => line.startsWith("FROM "))).toMatch(/^FROM node:24\.\d+\.\d+-[a-z]+-slim$/);
  expect(lines.filter((line) => line.includes("npm ")).join()).toMatch(/npm ci --ignore-scripts --omit=dev/);
  expect(lines.indexOf("USER node")).toBeGreaterThan(lines.findIndex((line) => line.startsWith("RUN ")));
  expect(lines.some((line) => line.startsWith("HEALTHCHECK "))).toBe(true);
  expect(lines.at(-2)).toBe(`CMD ${JSON.stringify(readRunFile(join(root, "dapr.yaml"))[0]?.command).replaceAll(",", ", ")}`);
});

test("the Dockerfile copies every folder that the host imports from, and .dockerignore lets it", () => {
  const copied = [...read("Dockerfile").matchAll(/^COPY (\w+) \1\/$/gm)].map(([, folder = ""]) => folder);
  expect(copied.sort()).toEqual(["actors", "core", "dapr", "protocol", "services", "stores"]);
  for (const folder of copied) expect(read(".dockerignore")).toContain(`!${folder}\n`);
});
