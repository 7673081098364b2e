import { readFileSync } from "node:fs";
import { test } from "vitest";
import { serve } from "../docs/serving.ts";
import { tryOffice } from "./operator.ts";

test("on npm start: a tenant is created, configured and listed, and every command says what it did in a line", async () => {
  await using serving = await serve();
  await tryOffice({ STRATA_URL: serving.url, STRATA_ROOT_KEY: readFileSync(serving.keyFile, "utf8").trim() });
});
