// The tenant actor, as contexts reach it: through the sidecar, gathered so that many entries are one call and one call is under way for each tenant.

import type { Call, Directory } from "../actors/ports.ts";
import { TENANT } from "../actors/tenant.ts";
import { registered } from "../core/directory.ts";
import type { Report } from "../protocol/contract.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import { type ContextId, nameOf, type TenantId, tenantOf } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { Policy } from "../protocol/policy.ts";
import { jsonOf, type Sidecar } from "./sidecar.ts";

type Answer = { readonly ok: true; readonly policy: Policy } | Refusal;
type Waiting = { readonly report: Report; readonly call: Call; readonly settle: (answer: Answer) => void };

export class SidecarDirectory implements Directory {
  readonly #sidecar: Sidecar;
  /** A grant for `tenant.register`, short-lived, minted by this host. */
  readonly #grant: (tenant: TenantId) => string;
  readonly #waiting = new Map<TenantId, Waiting[]>();

  constructor(sidecar: Sidecar, grant: (tenant: TenantId) => string) {
    this.#sidecar = sidecar;
    this.#grant = grant;
  }

  enter(id: ContextId, call: Call = {}): Promise<Answer> {
    return this.#tell(tenantOf(id), { name: nameOf(id), version: 0, at: 0, expires: null, ended: false }, call);
  }

  async report(tenant: TenantId, report: Report): Promise<boolean> {
    return (await this.#tell(tenant, report)).ok;
  }

  #tell(tenant: TenantId, report: Report, call: Call = {}): Promise<Answer> {
    return new Promise((settle) => {
      const waiting = this.#waiting.get(tenant);
      if (waiting !== undefined) {
        waiting.push({ report, call, settle });
        return;
      }
      this.#waiting.set(tenant, [{ report, call, settle }]);
      void this.#fly(tenant);
    });
  }

  async #fly(tenant: TenantId): Promise<void> {
    for (let batch = this.#take(tenant); batch.length > 0; batch = this.#take(tenant)) {
      const answer = await this.#send(
        tenant,
        batch.map(({ report }) => report),
        // One call for many turns has a place in the trace of one of them.
        batch.find(({ call }) => call.traceparent !== undefined)?.call.traceparent,
      );
      for (const { settle } of batch) settle(answer);
    }
    this.#waiting.delete(tenant);
  }

  #take(tenant: TenantId): Waiting[] {
    return this.#waiting.get(tenant)?.splice(0, limits.reports_per_call) ?? [];
  }

  async #send(tenant: TenantId, contexts: readonly Report[], traceparent: string | undefined): Promise<Answer> {
    const body = JSON.stringify({ grant: this.#grant(tenant), contexts });
    const call: Call = traceparent === undefined ? {} : { traceparent };
    const answer = await this.#sidecar.call("POST", `/v1.0/actors/${TENANT}/${tenant}/method/register`, body, call);
    const reply = answer.status === 200 ? registered(jsonOf(answer)) : undefined;
    return reply ?? refuse("unavailable", "the tenant's directory does not answer; try again", { details: { outcome: "none" } });
  }
}
