// Judges a history against the invariants V1-V7 (docs/invariants.md) while it happens: each change of the store when it is made, each answer
// when it is given. It knows the store's truth and what was asked; of the code that is judged it uses nothing.

import type { ContextEvent } from "../../core/record.ts";
import { ContextError } from "../../protocol/errors.ts";
import { ContextId } from "../../protocol/ids.ts";
import type { RecordCodec } from "../../stores/codec.ts";
import { Chronicle } from "./chronicle.ts";
import { judgeReply } from "./replies.ts";
import type { Delivery, Request } from "./request.ts";
import type { Change } from "./store.ts";

export type Violation = { readonly rule: string; readonly what: string; readonly step: number };

type Around = {
  readonly codec: RecordCodec;
  readonly schedule: { readonly now: number; readonly steps: number };
  readonly dropDelayMs: number;
  readonly hotMs: number;
};

export class Oracle {
  readonly violations: Violation[] = [];
  readonly contexts = new Map<ContextId, Chronicle>();
  readonly codec: RecordCodec;
  readonly dropDelayMs: number;
  readonly hotMs: number;
  /** How many answers of each kind were judged. */
  readonly judged: Record<string, number> = {};
  /** No host's wall clock has jumped. */
  clocksAgree = true;
  readonly #schedule: Around["schedule"];

  constructor({ codec, schedule, dropDelayMs, hotMs }: Around) {
    this.codec = codec;
    this.#schedule = schedule;
    this.dropDelayMs = dropDelayMs;
    this.hotMs = hotMs;
  }

  get now(): number {
    return this.#schedule.now;
  }

  violate(rule: string, what: string): void {
    this.violations.push({ rule, what, step: this.#schedule.steps });
  }

  of(id: ContextId): Chronicle {
    const known = this.contexts.get(id);
    if (known !== undefined) return known;
    const chronicle = new Chronicle(id, this);
    this.contexts.set(id, chronicle);
    return chronicle;
  }

  asked(request: Request): void {
    this.of(request.context).requests.push(request);
  }

  changed(change: Change, before: Uint8Array | undefined): void {
    const [id = "", kind = "", number] = change.key.split("/");
    const parsed = ContextId.safeParse(id);
    if (parsed.success) this.of(parsed.data).changed(change, kind, Number(number), before);
  }

  answered(request: Request, text: string, delivery: Delivery): void {
    judgeReply(this.of(request.context), request, text, delivery, this);
  }

  published(event: ContextEvent): void {
    const chronicle = this.of(event.context);
    const entry = chronicle.entry(event.version);
    if (entry?.digest !== event.digest)
      this.violate("V4", `an event tells of ${event.context}/${event.version}, which does not stand like that`);
    chronicle.published.add(event.version);
  }

  /** What a host could not do. That the store or the runtime did not answer is no fault of the code; everything else is. */
  failed(doing: string, reason: unknown): void {
    if (reason instanceof ContextError && reason.code === "unavailable") return;
    this.violate("internal", `${doing}: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`);
  }
}
