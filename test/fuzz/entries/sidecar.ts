// Answers of a sidecar that is broken, of another version, or not ours at all.

import { randomFillSync } from "node:crypto";
import fc from "fast-check";
import { SidecarBus } from "../../../dapr/bus.ts";
import { systemClock } from "../../../dapr/clock.ts";
import { SidecarDirectory } from "../../../dapr/directory.ts";
import { examineStore } from "../../../dapr/examine.ts";
import { SidecarReminders } from "../../../dapr/reminders.ts";
import { Sidecar, type SidecarAnswer } from "../../../dapr/sidecar.ts";
import { StateStore } from "../../../dapr/state.ts";
import { ContextError } from "../../../protocol/errors.ts";
import type { ContextId, TenantId } from "../../../protocol/ids.ts";
import { instant, millis } from "../../../protocol/units.ts";
import { entry, must } from "../entry.ts";
import { mustBeRefusal } from "../envelope.ts";
import { type Change, type Cut, changes, cut, cuts, mutate } from "../mutations.ts";
import { MARK, oddJson, oddText } from "../texts.ts";

type Said = {
  readonly status: number;
  readonly base: number;
  readonly changes: Change[];
  readonly cuts: Cut[];
  readonly text: string | null;
  readonly etag: string | null;
};

const value = Buffer.from("value").toString("base64");
/** What a sidecar answers to one or the other of our calls. */
const answers: readonly unknown[] = [
  [{ key: "a", data: value, etag: "1" }, { key: "b", data: value, etag: "2" }, { key: "c" }],
  [{ key: "a", error: MARK }],
  value,
  { ok: true, policy: { ttl: { ms: 5_000, from: "creation" } } },
  { ok: false, code: "not_found", message: "there is no tenant" },
  { components: [{ name: "store", type: "state.sqlite" }] },
  { components: [{ name: "store", type: "state.redis" }] },
  { errorCode: "ERR_STATE_SAVE", message: MARK },
];

const said: fc.Arbitrary<Said> = fc.record({
  status: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(200, 204) },
    { weight: 1, arbitrary: fc.constantFrom(0, 201, 400, 401, 403, 404, 409, 500, 503) },
  ),
  base: fc.nat(answers.length - 1),
  changes: changes(2),
  cuts,
  text: fc.option(fc.oneof(oddJson, oddText), { nil: null, freq: 3 }),
  etag: fc.option(oddText, { nil: null }),
});

/** Says what it was told to, one after the other, and then the last for ever. */
class ScriptedSidecar extends Sidecar {
  readonly #script: readonly Said[];
  calls = 0;

  constructor(script: readonly Said[]) {
    super({ url: "http://127.0.0.1:9", token: undefined, timeoutMs: 1 });
    this.#script = script;
  }

  override async call(): Promise<SidecarAnswer> {
    const next = this.#script[Math.min(this.calls++, this.#script.length - 1)];
    if (next === undefined) return { status: 0, body: Buffer.alloc(0), etag: undefined };
    const body = cut(Buffer.from(next.text ?? mutate(answers[next.base], next.changes)), next.cuts);
    return { status: next.status, body, etag: next.etag ?? undefined };
  }
}

const doings = [
  "read one",
  "read many",
  "create one",
  "create many",
  "put",
  "replace",
  "drop",
  "enter",
  "report",
  "publish",
  "register",
  "cancel",
  "examine",
] as const;
type Doing = (typeof doings)[number];

const id = "main.context" as ContextId;
const tenant = "main" as TenantId;
/** It goes on at once: no pause finds anything. */
const clock = { ...systemClock, sleep: async () => {} };
const die = { bytes: (count: number) => randomFillSync(new Uint8Array(count)) };
const event = { type: "strata.context.appended", context: id, version: 1, digest: "d", at: instant(1), author: "a" } as const;

export const answering = entry<{ readonly doing: Doing; readonly transaction: boolean; readonly script: Said[] }>({
  name: "sidecar-answers",
  what: "any answers of the sidecar: taken for what they are, or for none; nothing else is thrown",
  cases: 10_000,
  arbitrary: fc.record({
    doing: fc.constantFrom(...doings),
    transaction: fc.boolean(),
    script: fc.array(said, { minLength: 1, maxLength: 6 }),
  }),
  check: async ({ doing, transaction, script }) => {
    const sidecar = new ScriptedSidecar(script);
    try {
      await act(doing, sidecar, transaction ? "transaction" : "post", script[0]?.status ?? 0);
    } catch (reason) {
      if (!(reason instanceof ContextError)) throw reason;
      must(reason.code === "unavailable" || reason.code === "internal", `[${reason.code}] ${reason.message}`);
      must(!reason.message.includes(MARK), `it shows what it was sent: ${reason.message}`);
      must(doing === "examine" || doing.startsWith("read") || doing === "register", `${doing} throws`);
    }
    must(sidecar.calls <= MOST_CALLS, `${doing} asked ${sidecar.calls} times`);
  },
});

const MOST_CALLS = 64;

async function act(doing: Doing, sidecar: Sidecar, group: "transaction" | "post", status: number): Promise<void> {
  const store = new StateStore(sidecar, "store", { several: group, fence: "first-write" });
  const bytes = Buffer.from("x");
  const many = ["a", "b"].map((key) => ({ key, value: bytes }));
  const directory = new SidecarDirectory(sidecar, () => "grant");
  if (doing.startsWith("read")) {
    const keys = doing === "read one" ? ["a"] : ["a", "b", "c"];
    const found = await store.read(keys);
    must(found.length === keys.length, `${found.length} values for ${keys.length} keys`);
    for (const stored of found)
      must(stored === undefined || (stored.value instanceof Uint8Array && typeof stored.etag === "string"), "a value that is none");
  } else if (doing === "create one")
    must((await store.create(many.slice(0, 1))) === (status === 204 ? "created" : "unknown"), "created means 204");
  else if (doing === "create many") must((await store.create(many)) === (status === 204 ? "created" : "unknown"), "created means 204");
  else if (doing === "put") must(["written", "unknown"].includes(await store.put("a", bytes)), "put");
  else if (doing === "replace")
    must((await store.replace("a", bytes, "1")) === (status === 204 ? "written" : "unknown"), "written means 204");
  else if (doing === "drop") must(["dropped", "unknown"].includes(await store.drop("a")), "drop");
  else if (doing === "enter") {
    const entered = await directory.enter(id);
    if (!entered.ok) mustBeRefusal(entered);
  } else if (doing === "report")
    await directory.report(tenant, { name: "context" as never, version: 1, at: 1, expires: null, ended: false });
  else if (doing === "publish") await new SidecarBus(sidecar, "bus").publish([event]);
  else if (doing === "register") await new SidecarReminders(sidecar).register("Context", id, "tend", millis(1), millis(1));
  else if (doing === "cancel") await new SidecarReminders(sidecar).cancel("Context", id, "tend");
  else await examineStore(sidecar, "store", { die, clock });
}
