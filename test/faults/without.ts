// Loaded before the host (node --import): takes out what STRATA_WITHOUT names, by changing the text of our modules as they are loaded.

import { registerHooks } from "node:module";
import { cureOf, patched } from "./cures.ts";

const root = new URL("../../", import.meta.url).href;
const named = (process.env.STRATA_WITHOUT ?? "").split(",").filter((name) => name !== "");
const wanted = named.flatMap((name) => cureOf(name).patches ?? []);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const mine = wanted.filter(({ module }) => url === root + module);
    if (mine.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
    const text = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
    return { ...loaded, source: mine.reduce(patched, text) };
  },
});
