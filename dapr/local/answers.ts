/** What a route answers. A string body is JSON unless its headers say otherwise. */
export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
};

export const nothing: Answer = { status: 204 };

export function json(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: text };
}

/** What Go's net/http writes for errors that no handler made. */
export function plain(status: number, text: string): Answer {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" }, body: `${text}\n` };
}

export const notFound = plain(404, "404 page not found");

/** A refusal in Dapr's older form: `{"errorCode": …, "message": …}`. */
export function refused(status: number, errorCode: string, message: string): Answer {
  return json(status, written({ errorCode, message }));
}

/** Names that are no UTF-8 are quoted as daprd quotes them: each byte as U+FFFD. */
const written = (refusal: object): string =>
  JSON.stringify(refusal, (_, value: unknown) => (typeof value === "string" ? value.toWellFormed() : value));

const rpc = "type.googleapis.com/google.rpc.";

/** A refusal in Dapr's newer form: the older one and its `details`. */
export function refusedWith(status: number, errorCode: string, message: string, details: readonly object[]): Answer {
  return json(status, written({ errorCode, message, details }));
}

export const errorInfo = (reason: string, metadata: Readonly<Record<string, string>> | null) => ({
  "@type": `${rpc}ErrorInfo`,
  domain: "dapr.io",
  metadata,
  reason,
});

export const resourceInfo = (type: string, name: string, description: string) => ({
  "@type": `${rpc}ResourceInfo`,
  description,
  owner: "",
  resource_name: name,
  resource_type: type,
});

export const fieldViolation = (field: string, description: string) => ({
  "@type": `${rpc}BadRequest`,
  field_violations: [field === "" ? { description } : { field, description }],
});

/** The body was longer than the cap. Each API of daprd says so in its own words, under its own status. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
  constructor() {
    super("stream too large");
  }
}

/** How APIs that take no body, but read one, say that it is too large. */
export const unaskedTooLarge = (): Answer => refused(400, "ERR_BODY_READ", `failed to read request body: ${new BodyTooLarge().message}`);

/** Thrown anywhere below a route, it is what the caller hears. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly answer: Answer;
  constructor(answer: Answer) {
    super(`answered ${answer.status}`);
    this.answer = answer;
  }
}
