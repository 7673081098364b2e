// Who may import whom: services -> dapr, stores -> actors -> core -> protocol (docs/architecture.md).

import { posix } from "node:path";
import { type Finding, find, importsOf, type Source } from "./source.ts";

type Layer = {
  /** Folders of the project, or single files of them. */
  readonly folders: readonly string[];
  /** Packages. `node:` stands for all that comes with Node. */
  readonly packages: readonly string[];
};

/** Packages that carry no authority of their own: schemas are values. */
const pure = ["zod"];
const anything = ["node:", "*"];

/** The longest prefix of a file's path decides. What stands nowhere here belongs to no layer, and that is a finding too. */
export const layers: Readonly<Record<string, Layer>> = {
  protocol: { folders: ["protocol"], packages: pure },
  core: { folders: ["core", "protocol"], packages: pure },
  actors: { folders: ["actors", "core", "protocol"], packages: pure },
  dapr: { folders: ["dapr", "actors", "core", "protocol"], packages: ["node:", "zod", "undici", "@opentelemetry/api"] },
  stores: { folders: ["stores", "actors", "core", "protocol"], packages: ["node:", "zod", "msgpackr", "ioredis"] },
  services: { folders: ["services", "dapr", "stores", "actors", "core", "protocol"], packages: anything },
  // The reader handles bytes that an attacker wrote: it can neither reach a store nor hold a secret, and its imports show it.
  "services/reader": { folders: ["services/reader", "protocol", "core/admit.ts", "dapr/subscriber.ts", "dapr/bus.ts"], packages: pure },
  // Examples are for readers who have nothing but Node and an address.
  examples: { folders: ["examples"], packages: ["node:"] },
  tools: { folders: ["tools", "services", "dapr", "stores", "actors", "core", "protocol"], packages: anything },
  bench: { folders: ["bench", "tools", "services", "dapr", "stores", "actors", "core", "protocol"], packages: anything },
  test: { folders: [""], packages: anything },
  "vitest.config.ts": { folders: [], packages: ["node:", "vitest"] },
};

export function checkImports(source: Source): Finding[] {
  const name = Object.keys(layers)
    .filter((prefix) => isIn(source.path, prefix))
    .sort((a, b) => b.length - a.length)[0];
  const layer = name === undefined ? undefined : layers[name];
  if (name === undefined || layer === undefined)
    return [`${source.path}:1: no layer is known for this folder; put the file where it belongs, or name its layer in test/tidy/layers.ts`];
  return importsOf(source).flatMap(({ node, from }) => {
    const wrong = from.startsWith(".") ? wrongFolder(source, name, layer, from) : wrongPackage(name, layer, from);
    return wrong === undefined ? [] : [find(source, node, wrong)];
  });
}

function wrongFolder({ path }: Source, name: string, layer: Layer, from: string): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(path), from));
  if (layer.folders.some((folder) => isIn(target, folder))) return undefined;
  const reachable = layer.folders.join(", ") || "nothing of the project";
  return `${name} may not import ${target}; it may import ${reachable}. Hand it in through a port, or move what is needed down`;
}

function wrongPackage(name: string, layer: Layer, from: string): string | undefined {
  const allowed = layer.packages.some(
    (known) => known === "*" || from === known || from.startsWith(known.endsWith(":") ? known : `${known}/`),
  );
  if (allowed) return undefined;
  return `${name} may not import ${from}; it may import ${layer.packages.join(", ")}. Ask for what it does through a port of actors/ports.ts`;
}

const isIn = (path: string, prefix: string): boolean => prefix === "" || path === prefix || path.startsWith(`${prefix}/`);

/** Value imports of test files, followed within test/: whoever reaches `target` starts what it starts. */
export function reaches(sources: readonly Source[], target: string): Set<string> {
  const importers = new Map<string, string[]>();
  for (const source of sources) {
    for (const { from, values } of importsOf(source)) {
      if (!values || !from.startsWith(".")) continue;
      const to = posix.normalize(posix.join(posix.dirname(source.path), from));
      importers.set(to, [...(importers.get(to) ?? []), source.path]);
    }
  }
  const found = new Set<string>();
  const waiting = [target];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const importer of importers.get(next) ?? []) {
      if (found.has(importer) || !importer.startsWith("test/")) continue;
      found.add(importer);
      waiting.push(importer);
    }
  }
  return found;
}

const CLUSTER = "tools/run/cluster.ts";

/** A test that starts an installation is named so that it runs alone (vitest.config.ts). */
export function checkRealTests(sources: readonly Source[]): Finding[] {
  const starters = [...reaches(sources, CLUSTER)].filter((path) => path.endsWith(".test.ts") && !path.endsWith(".real.test.ts"));
  return starters.map(
    (path) =>
      `${path}:1: it starts an installation (${CLUSTER}); name it ${path.replace(/\.test\.ts$/, ".real.test.ts")}, so that it runs alone`,
  );
}
