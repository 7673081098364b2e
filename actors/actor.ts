import { type Code, ContextError, type Refusal } from "../protocol/errors.ts";
import { grantable } from "../protocol/grant.ts";
import { millis } from "../protocol/units.ts";
import type { Call, Ports } from "./ports.ts";

/** An actor type, as the host serves it. Another one is a file that implements this, and a line where the host is started. */
export interface ActorType {
  /** As in the URL: `/v1.0/actors/<name>/<id>/method/<method>`. */
  readonly name: string;
  /** The answer as JSON text. Never throws: whatever goes wrong is an answer. */
  invoke(id: string, method: string, body: Uint8Array, call: Call): Promise<string>;
  /** A reminder fired. Throws where it should fire again. */
  remind(id: string, reminder: string, call: Call): Promise<void>;
  /** The runtime takes the actor away, perhaps to another host. Unknown ids are fine. */
  deactivate(id: string): Promise<void>;
  /** Resolves when nothing runs any more and what waited outside of turns is done, or `signal` aborts. */
  drain(signal: AbortSignal): Promise<void>;
}

/** Resolves when `signal` aborts, and at once where it has: it does not fire again. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

type Reporting = Pick<Ports, "clock" | "events" | "tracing">;

const known: ReadonlySet<string> = new Set(grantable);

/** A method as grants name it. One that does not exist may be anything that a caller writes, a token for one, and is not repeated. */
export function reportedMethod(ofTenant: boolean, method: string): string {
  const name = ofTenant ? `tenant.${method}` : method;
  return known.has(name) && name !== "*" ? name : "(other)";
}

/** Runs a call and reports it. Whatever was thrown becomes a refusal that says nothing of the cause; the cause goes to the log. */
export async function answer(
  ports: Reporting,
  type: string,
  id: string,
  method: string,
  call: Call,
  work: (call: Call) => Promise<string | Refusal>,
): Promise<string> {
  const attributes = { "strata.method": reportedMethod(type === "Tenant", method) };
  const told = async (call: Call): Promise<string | Refusal> => {
    const began = ports.clock.elapsed();
    const reply = await work(call).catch((reason: unknown): Refusal => {
      ports.events.failed(id, method, reason);
      return ContextError.refusal(reason);
    });
    ports.events.turn(id, method, outcomeOf(reply), millis(ports.clock.elapsed() - began));
    return reply;
  };
  const reply = await ports.tracing.span(`${type} turn`, call, told, { attributes, outcome: outcomeOf });
  return typeof reply === "string" ? reply : JSON.stringify(reply);
}

const outcomeOf = (reply: string | Refusal): Code | "ok" => (typeof reply === "string" ? "ok" : reply.code);
