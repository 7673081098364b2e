// The tenant actor: which contexts there are, and what holds for new ones.

import { z } from "zod";
import { isExpired } from "../core/context.ts";
import { FORMAT, knownState } from "../core/directory.ts";
import type { State } from "../core/state.ts";
import type { DirectoryState, Report, TenantCommand } from "../protocol/contract.ts";
import { ContextError, isUnavailable, type Refusal, refuse } from "../protocol/errors.ts";
import { type ContextId, contextId, TenantId } from "../protocol/ids.ts";
import { type Limits, limits } from "../protocol/limits.ts";
import { Policy } from "../protocol/policy.ts";
import { instant, iso } from "../protocol/units.ts";
import { Activation, keyOf } from "./activation.ts";
import { type ActorType, aborted, answer } from "./actor.ts";
import { Leaves } from "./directory.ts";
import { decodeDocument, encodeDocument } from "./documents.ts";
import { Hot } from "./hot.ts";
import { judgeTenant } from "./judge.ts";
import { Live } from "./live.ts";
import { load } from "./load.ts";
import { checkPatience, forOneTurn, isLate } from "./patience.ts";
import type { Call, Ports } from "./ports.ts";
import { Queue } from "./queue.ts";

export const TENANT = "Tenant";

const Stored = z.strictObject({ f: z.literal(FORMAT), created: z.int(), policy: Policy });
type Stored = z.infer<typeof Stored>;
type Activated = { readonly id: TenantId; readonly queue: Queue; readonly leaves: Leaves };
type Known = { readonly stored: Stored; readonly etag: string };

export class TenantActor implements ActorType {
  static readonly type = TENANT;
  readonly name = TenantActor.type;
  readonly #ports: Ports;
  readonly #live: Live<Activated>;

  constructor(ports: Ports, { live_tenants: most }: Pick<Limits, "live_tenants"> = limits) {
    this.#ports = ports;
    // What one holds is bounded by its leaves.
    this.#live = new Live<Activated>({ most, bytes: Number.POSITIVE_INFINITY, weigh: () => 0, left: () => {} });
  }

  invoke(id: string, method: string, body: Uint8Array, call: Call): Promise<string> {
    return answer(this.#ports, this.name, id, method, call, async (call) => {
      const judged = judgeTenant(id, method, body, this.#ports);
      if (!judged.ok) return judged;
      const tenant = TenantId.parse(id);
      const live = this.#activate(tenant);
      const run = () => this.#run(tenant, live, judged.command, forOneTurn(call, this.#ports.clock));
      const reply = await live.queue.run(run, call.signal);
      this.#live.used(live);
      return reply.ok ? JSON.stringify(reply) : reply;
    });
  }

  async remind(): Promise<void> {} // A tenant sets no reminders.

  async deactivate(id: string): Promise<void> {
    this.#live.delete(id);
  }

  async drain(signal: AbortSignal): Promise<void> {
    const all = Promise.all(this.#live.members().map(({ queue }) => queue.run(async () => {})));
    await Promise.race([all, aborted(signal)]);
  }

  #activate(tenant: TenantId): Activated {
    const known = this.#live.get(tenant);
    if (known !== undefined) return known;
    const one = { id: tenant, queue: new Queue(limits, "tenant"), leaves: new Leaves(tenant, this.#ports) };
    this.#live.add(one);
    return one;
  }

  #run(tenant: TenantId, live: Activated, command: TenantCommand, call: Call): Promise<{ readonly ok: true } | Refusal> {
    switch (command.method) {
      case "create":
        return this.#create(tenant, call);
      case "configure":
        return this.#configure(tenant, command.policy, call);
      case "register":
        return this.#register(tenant, live, command.contexts, call);
      case "list":
        return this.#list(tenant, live, command, call);
    }
  }

  /** Has one effect however often it is repeated. */
  async #create(tenant: TenantId, call: Call) {
    const stored: Stored = { f: FORMAT, created: this.#ports.clock.now(), policy: {} };
    if ((await this.#read(tenant, call)) !== undefined) return { ok: true, tenant, created: false } as const;
    const outcome = await this.#ports.store.create([{ key: key(tenant), value: encodeDocument(stored) }], call);
    if (outcome === "created") return { ok: true, tenant, created: true } as const;
    if ((await this.#read(tenant, call)) !== undefined) return { ok: true, tenant, created: false } as const;
    throw unknownOutcome();
  }

  async #configure(tenant: TenantId, policy: Policy, call: Call) {
    for (let attempt = 0; attempt < limits.tenant_attempts && !isLate(call, this.#ports.clock); attempt++) {
      const known = await this.#read(tenant, call);
      if (known === undefined) return noTenant(tenant);
      const stored = { ...known.stored, policy: { ...known.stored.policy, ...policy } };
      if (JSON.stringify(stored) === JSON.stringify(known.stored)) return { ok: true, tenant } as const;
      if ((await this.#ports.store.replace(key(tenant), encodeDocument(stored), known.etag, call)) === "written")
        return { ok: true, tenant } as const;
      await this.#ports.clock.sleep(limits.settle_pause_ms);
    }
    throw unknownOutcome();
  }

  async #register(tenant: TenantId, live: Activated, reports: readonly Report[], call: Call) {
    const known = await this.#read(tenant, call);
    if (known === undefined) return noTenant(tenant);
    await live.leaves.enter(reports, call);
    return { ok: true, policy: known.stored.policy } as const;
  }

  async #list(tenant: TenantId, live: Activated, query: Extract<TenantCommand, { method: "list" }>, call: Call) {
    if ((await this.#read(tenant, call)) === undefined) return noTenant(tenant);
    const { prefix = "", after = "", limit = limits.list_default } = query;
    const { clock } = this.#ports;
    const until = clock.elapsed() + limits.list_ms;
    const contexts: { name: string; state: DirectoryState; version: number; at: string | null }[] = [];
    let seen = 0;
    let last = after;
    // A prefix itself may be a name, and `from` begins after what it is given: begin just before the prefix.
    for await (const entry of live.leaves.from(after >= prefix ? after : before(prefix), call)) {
      checkPatience(call, clock);
      if (!entry.name.startsWith(prefix)) {
        if (entry.name > prefix) break;
        continue;
      }
      const full = contexts.length >= limit || seen >= limits.contexts_per_list;
      if (full || (seen > 0 && clock.elapsed() >= until)) return { ok: true, contexts, next: last } as const;
      seen++;
      last = entry.name;
      const row = await this.#row(tenant, entry, call);
      if (query.state === undefined || query.state === row.state) contexts.push(row);
    }
    return { ok: true, contexts } as const;
  }

  /** The context is asked itself where the directory cannot know: in the store, since its actor may just be waiting for this one. */
  async #row(tenant: TenantId, entry: Report, call: Call) {
    const now = this.#ports.clock.now();
    const state = knownState(entry, now);
    const at = entry.version === 0 ? null : iso(instant(entry.at));
    if (state !== undefined) return { name: entry.name, state, version: entry.version, at };
    const id = contextId(tenant, entry.name);
    const loaded = await this.#look(id, call);
    if (loaded === undefined) return { name: entry.name, state: await this.#damaged(id, call), version: entry.version, at };
    const { version } = loaded;
    const expired = loaded.ended || isExpired(loaded, now);
    const found: DirectoryState = expired ? "expired" : version === 0 ? "empty" : "live";
    return { name: entry.name, state: found, version: Math.max(version, entry.version), at: version === 0 ? at : iso(loaded.at) };
  }

  /** The context's state, undefined where what stands of it cannot be read: that is one line's trouble, not the list's. */
  async #look(id: ContextId, call: Call): Promise<State | undefined> {
    try {
      return (await load(new Activation(id), this.#ports, new Hot({ bytes_hot: 0 }), call)).state;
    } catch (reason) {
      // A store that does not answer says nothing of any context, so nothing true can be listed.
      if (isUnavailable(reason)) throw reason;
      this.#ports.events.failed(id, "list", reason);
      return undefined;
    }
  }

  /** What is true of a context that cannot be read: there is one, and unless its tombstone stands its name has not ended. */
  async #damaged(id: ContextId, call: Call): Promise<DirectoryState> {
    const [tombstone] = await this.#ports.store.read([keyOf.tombstone(id)], call);
    return tombstone === undefined ? "live" : "expired";
  }

  async #read(tenant: TenantId, call: Call): Promise<Known | undefined> {
    const [row] = await this.#ports.store.read([key(tenant)], call);
    if (row === undefined) return undefined;
    return { stored: decodeDocument("the tenant's document", row.value, Stored), etag: row.etag };
  }
}

const key = (tenant: TenantId): string => `${tenant}/tenant`;
/** A text that sorts before `prefix` and after all that sort before it. */
const before = (prefix: string): string =>
  prefix === "" ? "" : `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) - 1)}\uffff`;

const noTenant = (tenant: TenantId): Refusal =>
  refuse("not_found", `there is no tenant ${tenant}; an operator creates it with: npm run grant -- create ${tenant}`);
const unknownOutcome = (): ContextError =>
  new ContextError("unavailable", "the store did not say in time whether it was written; repeat it", { details: { outcome: "unknown" } });
