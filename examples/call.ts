// One call of a context, by plain fetch: all that a client of Strata needs.

const url = process.env.STRATA_URL ?? "http://127.0.0.1:3500";
const grant = process.env.STRATA_GRANT ?? "";
/** Where the sidecar asks for one. */
const token = process.env.DAPR_API_TOKEN ?? "";

/** What the examples look at in an answer. All of it: docs/generated/openapi.json. */
export type Answer = {
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly version: number;
  readonly digest: string;
  readonly at: string;
  readonly duplicate?: boolean;
  readonly items: readonly { readonly role: string; readonly content: unknown }[];
  readonly slots: Readonly<Record<string, unknown>>;
  readonly versions: readonly { readonly number: number; readonly author: string }[];
};

export async function call(context: string, method: string, args: object): Promise<Answer> {
  const response = await fetch(`${url}/v1.0/actors/Context/${context}/method/${method}`, {
    method: "PUT",
    headers: { "content-type": "application/json", ...(token === "" ? {} : { "dapr-api-token": token }) },
    body: JSON.stringify({ grant, ...args }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the runtime answered ${response.status}: ${text}`);
  return JSON.parse(text) as Answer;
}
