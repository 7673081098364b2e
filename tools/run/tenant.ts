// What an operator would do by hand once everything runs: mint a root grant, and create the first tenant with it.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { CallError, Client } from "../../dapr/client.ts";
import type { Environment } from "./environment.ts";
import { RunError, textOf } from "./errors.ts";

const MINT_MS = 30_000;

const grantCommand = fileURLToPath(new URL("../../services/grant/main.ts", import.meta.url));
const Minted = z.object({ grant: z.string().min(1) });

/** A root grant for the tenant, by the operator's command and with the root key. Throws RunError. */
export async function mintGrant(tenant: string, rootKey: string, env: Environment, signal: AbortSignal): Promise<string> {
  const args = [grantCommand, "mint", "--tenant", tenant, "--subject", "operator", "--json"];
  try {
    const options = { env: { ...env, STRATA_ROOT_KEY: rootKey }, timeout: MINT_MS, signal };
    const { stdout } = await promisify(execFile)(process.execPath, args, options);
    return Minted.parse(JSON.parse(stdout)).grant;
  } catch (reason) {
    throw new RunError(`npm run grant -- mint failed: ${textOf(reason)}`);
  }
}

/** Creates the tenant, if it is not there yet. Throws RunError. */
export async function createTenant(url: string, tenant: string, grant: string, signal: AbortSignal): Promise<void> {
  try {
    await new Client({ url, grant, signal }).callTenant(tenant, "create", {});
  } catch (reason) {
    if (!(reason instanceof CallError)) throw reason;
    throw new RunError(`the tenant ${tenant} was not created: ${reason.message}`);
  }
}
