import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { limitsPage } from "./limits.ts";
import { openApi } from "./openapi.ts";
import { jsonSchema } from "./schemas.ts";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, "utf8");

/** What stands in docs/generated, by path from the root. */
export function generatedPages(): ReadonlyMap<string, string> {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(read("package.json")));
  return new Map([
    ["docs/generated/schema.json", `${JSON.stringify(jsonSchema(), null, 2)}\n`],
    ["docs/generated/openapi.json", `${JSON.stringify(openApi(version), null, 2)}\n`],
    ["docs/generated/limits.md", limitsPage(read("protocol/limits.ts"))],
  ]);
}

/** Those that are not there, or say something else. */
export function stalePages(pages: ReadonlyMap<string, string> = generatedPages()): string[] {
  return [...pages].filter(([path, text]) => textAt(path) !== text).map(([path]) => path);
}

function textAt(path: string): string | undefined {
  try {
    return read(path);
  } catch {
    return undefined;
  }
}
