import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { generatedPages, root, stalePages } from "./pages.ts";

const help = `npm run docs [-- options]

Makes docs/generated from the sources: schema.json (JSON Schema 2020-12 of every method's arguments and replies), openapi.json (OpenAPI 3.1) and
limits.md. A test fails while they are not current.

  --check   write nothing; exit code 1 where a page is not current
  --json    print one line {"stale":[…],"written":[…]}
  --help    print this`;

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) console.log(help);
else makePages();

function makePages(): void {
  const pages = generatedPages();
  const stale = stalePages(pages);
  const written = values.check ? [] : stale;
  for (const path of written) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), pages.get(path) ?? "");
  }
  if (values.json) console.log(JSON.stringify({ stale, written }));
  else if (stale.length === 0) console.log("all pages are current");
  else for (const path of stale) console.log(values.check ? `${path} is not current; run npm run docs` : `${path} written`);
  if (values.check && stale.length > 0) process.exitCode = 1;
}
