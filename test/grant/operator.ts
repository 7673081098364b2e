// A morning of an operator: a tenant is made, configured and listed by `npm run grant`, at whatever answers at the URL.

import { expect } from "vitest";
import { z } from "zod";
import { Client } from "../../dapr/client.ts";
import { until } from "../../tools/run/polling.ts";
import { run } from "../docs/serving.ts";

const WAIT_MS = 60_000;
const Minted = z.object({ grant: z.string() });
const Row = z.strictObject({ name: z.string(), state: z.string(), version: z.int(), at: z.string().nullable() });

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };
/** STRATA_URL and STRATA_ROOT_KEY, and DAPR_API_TOKEN where the sidecar asks for it. */
export type Surroundings = { readonly STRATA_URL: string; readonly STRATA_ROOT_KEY: string; readonly DAPR_API_TOKEN?: string };

/** `npm run grant -- …` to its end. */
export const grantIn =
  (env: Readonly<Record<string, string>>) =>
  (...args: string[]): Promise<Ran> =>
    run(process.execPath, ["services/grant/main.ts", ...args], env);

const said = (line: string): Ran => ({ code: 0, stdout: line === "" ? "" : `${line}\n`, stderr: "" });
const rowsOf = ({ stdout }: Ran) =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Row.parse(JSON.parse(line)));
/** One line on standard error, and nothing else. */
export const refusedWith = (what: RegExp) => ({
  code: 1,
  stdout: "",
  stderr: expect.stringMatching(new RegExp(`^${what.source}[^\\n]*\\n$`)),
});

export async function tryOffice(surroundings: Surroundings): Promise<void> {
  const grant = grantIn(surroundings);
  expect(await grant("list", "acme")).toMatchObject(refusedWith(/\[not_found\] /));
  expect(await grant("configure", "acme", "--no-ttl")).toMatchObject(refusedWith(/\[not_found\] /));
  // Who holds another root key is nobody here.
  const foreign = grantIn({ ...surroundings, STRATA_ROOT_KEY: Buffer.alloc(32, 9).toString("base64") });
  expect(await foreign("create", "acme")).toMatchObject(refusedWith(/\[denied\] grant: /));

  expect(await grant("create", "acme")).toEqual(said("tenant acme created"));
  expect(await grant("create", "acme")).toEqual(said("tenant acme was there"));
  expect(await grant("create", "acme", "--json")).toEqual(said('{"ok":true,"tenant":"acme","created":false}'));
  expect(await grant("list", "acme")).toEqual(said(""));
  await fill(surroundings);

  const rows = rowsOf(await grant("list", "acme", "--json"));
  expect(rows.map(({ name }) => name)).toEqual(["desk-1", "desk-2", "other"]);
  expect(rows.find(({ name }) => name === "other")).toMatchObject({ state: "live" });
  const desks = (await grant("list", "acme", "--prefix", "desk-")).stdout.trim().split("\n");
  expect(desks.map((line) => line.split("\t")[0])).toEqual(["desk-1", "desk-2"]);
  // Who was born while the tenant said so has ended; who was born before and after has not.
  await until("the list tells that desk-2 has ended", WAIT_MS, async () => {
    const ended = rowsOf(await grant("list", "acme", "--state", "expired", "--json")).map(({ name }) => name);
    expect(["", "desk-2"]).toContain(ended.join());
    return ended.length > 0 ? true : undefined;
  });
  expect(rowsOf(await grant("list", "acme", "--state", "live", "--json")).map(({ name }) => name)).toEqual(["desk-1", "other"]);
}

/** Three contexts: one before the tenant has a time to live, one while it has one of a second, one after. */
async function fill(surroundings: Surroundings): Promise<void> {
  const { STRATA_URL: url, DAPR_API_TOKEN: token } = surroundings;
  const grant = grantIn(surroundings);
  const minted = await grant("mint", "--tenant", "acme", "--contexts", "desk-*,other", "--methods", "append", "--ttl", "5m", "--json");
  const client = new Client({ url, token, grant: Minted.parse(JSON.parse(minted.stdout)).grant });
  const append = (name: string) => client.call(`acme.${name}`, "append", { key: "k", items: [{ role: "user", content: "hello" }] });
  await append("desk-1");
  expect(await grant("configure", "acme", "--ttl-ms", "1000", "--ttl-from", "creation")).toEqual(said("tenant acme configured"));
  await append("desk-2");
  expect(await grant("configure", "acme", "--no-ttl", "--json")).toEqual(said('{"ok":true,"tenant":"acme"}'));
  await append("other");
}
