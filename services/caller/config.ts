// Where the commands that call Strata find it: the callers' sidecar, by `--url` or the environment, and its token by the environment alone, since
// a command line is seen by everyone on the machine.

import { sidecarUrl } from "../../dapr/client.ts";

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
export const DEFAULT_URL = "http://127.0.0.1:3500";

export type CallersSidecar = { readonly url: string; readonly token: string | undefined; readonly traceparent: string | undefined };

/** What is wrong is said in one line, for the command to make an error of its own. */
export function readCallersSidecar(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): CallersSidecar | { readonly problem: string } {
  const [name, given] = flag === undefined ? ["STRATA_URL", env.STRATA_URL || DEFAULT_URL] : ["--url", flag];
  const url = sidecarUrl(given);
  if (url === undefined) return { problem: `${name} ${given}: allowed is an http or https URL like ${DEFAULT_URL}` };
  const token = env.DAPR_API_TOKEN || undefined;
  // A secret that was written into a file often ends in a line break, and no header may hold one.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    return {
      problem: "DAPR_API_TOKEN: it holds a space, a line break or another character that no header may hold; allowed is printable ASCII",
    };
  // Whoever runs a command as a step of something traced says so, and as of a caller's header, what is none is no reason to fail.
  const { TRACEPARENT: parent = "" } = env;
  return { url, token, traceparent: TRACEPARENT.test(parent) ? parent : undefined };
}
