// The YAML that Dapr loads: strict schemas of it, and the copies of it that a run is started from.
//
// daprd ignores what it does not know, so a misspelt `scopes` would open the store to everyone. Hence the schemas: every key is known or refused.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Document, isMap, isSeq, parseDocument } from "yaml";
import { z } from "zod";
import { RunError } from "./errors.ts";
import { metadataNames, runtimeNames } from "./metadata-names.ts";

const Name = z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
const Scopes = z.array(Name).min(1);
const Duration = z.string().regex(/^(\d+(\.\d+)?(ms|s|m|h))+$/);

const head = <Kind extends string>(kind: Kind) => ({
  apiVersion: z.literal("dapr.io/v1alpha1"),
  kind: z.literal(kind),
  metadata: z.strictObject({ name: Name, namespace: Name.optional() }),
});

const MetadataEntry = z.union([
  z.strictObject({ name: z.string(), value: z.union([z.string(), z.number(), z.boolean()]) }),
  z.strictObject({
    name: z.string(),
    envRef: z.string().regex(/^(?!DAPR_|APP_API_TOKEN$)[A-Z][A-Z0-9_]*$/, "daprd does not hand out DAPR_* and APP_API_TOKEN"),
  }),
  z.strictObject({ name: z.string(), secretKeyRef: z.strictObject({ name: z.string(), key: z.string() }) }),
]);

export const Component = z
  .strictObject({
    ...head("Component"),
    spec: z.strictObject({
      type: z.string(),
      version: z.string(),
      initTimeout: Duration.optional(),
      ignoreErrors: z.boolean().optional(),
      metadata: z.array(MetadataEntry),
    }),
    auth: z.strictObject({ secretStore: Name }).optional(),
    scopes: Scopes.optional(),
  })
  .superRefine(({ spec }, context) => {
    const { type, version, metadata } = spec;
    const known = metadataNames[`${type}/${version}`];
    if (known === undefined) {
      context.addIssue({
        code: "custom",
        path: ["spec", "type"],
        message: `${type}/${version} is none of ${Object.keys(metadataNames).join(", ")}`,
      });
      return;
    }
    const all = new Set([...known, ...(runtimeNames[type.split(".")[0] ?? ""] ?? [])]);
    for (const [i, { name }] of metadata.entries()) {
      const path = ["spec", "metadata", i, "name"];
      if (!all.has(name)) context.addIssue({ code: "custom", path, message: `${type} knows no "${name}"` });
      if (metadata.findIndex((other) => other.name === name) !== i)
        context.addIssue({ code: "custom", path, message: `"${name}" stands twice` });
    }
  });
export type Component = z.infer<typeof Component>;

const groups = [
  "actors",
  "bindings",
  "configuration",
  "conversation",
  "crypto",
  "healthz",
  "invoke",
  "jobs",
  "lock",
  "metadata",
  "publish",
];
const moreGroups = ["secrets", "shutdown", "state", "subtlecrypto", "unlock", "workflows"];
const HttpGroup = z.union([
  z.enum([...groups, ...moreGroups]),
  // The other form that daprd takes: the beginning of a route as it is written in its code.
  z.enum([
    "actors/{actorType}/{actorId}/method",
    "actors/{actorType}/{actorId}/reminders",
    "actors/{actorType}/{actorId}/timers",
    "actors/{actorType}/{actorId}/state",
  ]),
]);

const ApiRule = z.discriminatedUnion("protocol", [
  z.strictObject({ name: HttpGroup, version: z.enum(["v1.0", "v1.0-alpha1", "v1.0-beta1", "v1.0-alpha2"]), protocol: z.literal("http") }),
  z.strictObject({
    name: z.enum([...groups, ...moreGroups, "subscribe"]),
    version: z.enum(["v1", "v1alpha1", "v1beta1", "v1alpha2"]),
    protocol: z.literal("grpc"),
  }),
]);

const Otel = z.strictObject({ endpointAddress: z.string(), isSecure: z.boolean().optional(), protocol: z.enum(["grpc", "http"]) });

export const Configuration = z.strictObject({
  ...head("Configuration"),
  spec: z.strictObject({
    features: z.array(z.strictObject({ name: z.enum(["HotReload", "ActorStateTTL"]), enabled: z.boolean() })).optional(),
    tracing: z.strictObject({ samplingRate: z.string().regex(/^(0|1|0?\.\d+)$/), otel: Otel.optional() }).optional(),
    metrics: z.strictObject({ enabled: z.boolean(), http: z.strictObject({ increasedCardinality: z.boolean() }).optional() }).optional(),
    accessControl: z
      .strictObject({ defaultAction: z.enum(["allow", "deny"]), trustDomain: z.string().min(1), policies: z.array(z.never()).optional() })
      .optional(),
    secrets: z
      .strictObject({
        scopes: z.array(
          z.strictObject({
            storeName: Name,
            defaultAccess: z.enum(["allow", "deny"]),
            allowedSecrets: z.array(z.string()).optional(),
            deniedSecrets: z.array(z.string()).optional(),
          }),
        ),
      })
      .optional(),
    nameResolution: z
      .strictObject({ component: Name, version: z.string().optional(), configuration: z.record(z.string(), z.string()).optional() })
      .optional(),
    api: z.strictObject({ allowed: z.array(ApiRule).min(1).optional(), denied: z.array(ApiRule).min(1).optional() }).optional(),
  }),
});
export type Configuration = z.infer<typeof Configuration>;

const Policy = z.strictObject({ timeout: z.string().optional(), retry: z.string().optional(), circuitBreaker: z.string().optional() });

export const Resiliency = z
  .strictObject({
    ...head("Resiliency"),
    spec: z.strictObject({
      policies: z.strictObject({
        timeouts: z.record(z.string(), Duration).optional(),
        retries: z
          .record(
            z.string(),
            z.discriminatedUnion("policy", [
              z.strictObject({ policy: z.literal("constant"), duration: Duration, maxRetries: z.int().min(-1) }),
              // daprd ignores a `duration` here; it begins with 500 ms.
              z.strictObject({ policy: z.literal("exponential"), maxInterval: Duration, maxRetries: z.int().min(-1) }),
            ]),
          )
          .optional(),
      }),
      // No `actors`: see resiliency.yaml.
      targets: z.strictObject({
        components: z.record(Name, z.strictObject({ inbound: Policy.optional(), outbound: Policy.optional() })).optional(),
      }),
    }),
    scopes: Scopes.optional(),
  })
  .superRefine(({ spec: { policies, targets } }, context) => {
    for (const [component, { inbound, outbound }] of Object.entries(targets.components ?? {}))
      for (const policy of [inbound, outbound])
        for (const [kind, defined] of [
          ["timeout", policies.timeouts],
          ["retry", policies.retries],
        ] as const) {
          const name = policy?.[kind];
          if (name !== undefined && defined?.[name] === undefined)
            context.addIssue({ code: "custom", path: ["spec", "targets", component], message: `there is no ${kind} policy "${name}"` });
        }
  });
export type Resiliency = z.infer<typeof Resiliency>;

export const Resource = z.discriminatedUnion("kind", [Component, Configuration, Resiliency]);
export type Resource = z.infer<typeof Resource>;

/** One YAML file that Dapr loads, checked. Throws RunError. */
export function readResource(path: string): Resource {
  return check(path, readDocument(path));
}

function readDocument(path: string): Document {
  const document = parseDocument(readFileSync(path, "utf8"), { strict: true, uniqueKeys: true });
  if (document.errors[0] !== undefined) throw new RunError(`${path}: ${document.errors[0].message}`);
  return document;
}

function check(path: string, document: Document): Resource {
  const checked = Resource.safeParse(document.toJS());
  if (!checked.success) throw new RunError(`${path}:\n${z.prettifyError(checked.error)}`);
  return checked.data;
}

/**
 * What a run has otherwise than the shipped files. Where a component has the metadata name, its value (or envRef) is replaced, else it is added;
 * the tracing rate replaces that of Configurations. Nothing else of a file is touched.
 */
export interface Changes {
  /** By component, then by metadata name. */
  readonly metadata: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly samplingRate?: "0" | "1";
}

/**
 * Copies a folder's YAML files, or one file, with the changes made and checked once more. A folder has nothing else afterwards: daprd would load
 * what an earlier run left there. Only the owner can read the copies. Returns where they lie.
 */
export function copyResources(from: string, to: string, changes: Changes): string {
  const single = from.endsWith(".yaml");
  if (!single) rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const inFolder = (): string[] => readdirSync(from).flatMap((name) => (name.endsWith(".yaml") ? [join(from, name)] : []));
  for (const file of single ? [from] : inFolder()) {
    const document = readDocument(file);
    change(document, check(file, document), changes);
    check(file, document);
    writeFileSync(join(to, basename(file)), document.toString({ lineWidth: 0 }), { mode: 0o600 });
  }
  return single ? join(to, basename(from)) : to;
}

function change(document: Document, resource: Resource, { metadata, samplingRate }: Changes): void {
  if (resource.kind === "Configuration" && samplingRate !== undefined) document.setIn(["spec", "tracing", "samplingRate"], samplingRate);
  if (resource.kind !== "Component") return;
  const entries = document.getIn(["spec", "metadata"]);
  if (!isSeq(entries)) return;
  for (const [name, value] of Object.entries(metadata[resource.metadata.name] ?? {})) {
    const replaced = document.createNode({ name, value });
    const at = entries.items.findIndex((item) => isMap(item) && item.get("name") === name);
    if (at === -1) entries.add(replaced);
    else entries.items[at] = replaced;
  }
}
