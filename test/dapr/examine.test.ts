// What the host finds out about its store before it trusts it (C9), on stores that behave as Dapr's do and on some that are worse.

import { expect, test } from "vitest";
import { systemClock, systemDie } from "../../dapr/clock.ts";
import { examineStore } from "../../dapr/examine.ts";
import { Sidecar, type SidecarAnswer } from "../../dapr/sidecar.ts";
import { limits } from "../../protocol/limits.ts";

type Row = { readonly value: string; readonly version: number; readonly marked: boolean };
type Write = { readonly key: string; readonly value: string; readonly etag?: string; readonly options?: { readonly concurrency?: string } };
/** Whether a write goes through, going by what stands. */
type Rule = (stands: Row | undefined, write: Write, together: boolean) => boolean;

const firstWrite = ({ options }: Write): boolean => options?.concurrency === "first-write";
const sameEtag = (stands: Row, { etag }: Write): boolean => etag === String(stands.version);
/** As the SQL components do it. */
const sql: Rule = (stands, write) => stands === undefined || (write.etag === undefined ? !firstWrite(write) : sameEtag(stands, write));
/** As the Redis component's script does it: in a transaction it neither heeds nor keeps the mark of a first write. */
const redis: Rule = (stands, write) => stands === undefined || sameEtag(stands, write) || (!stands.marked && (write.etag ?? "0") === "0");

class FakeSidecar extends Sidecar {
  readonly rows = new Map<string, Row>();
  readonly asked: string[] = [];
  readonly #type: string;
  readonly #rule: Rule;
  readonly #refuses: string | undefined;

  constructor(type: string, rule: Rule, refuses?: string) {
    super({ url: "http://127.0.0.1:9", token: undefined, timeoutMs: 1 });
    this.#type = type;
    this.#rule = rule;
    this.#refuses = refuses;
  }

  /** So many requests that are asked for by this are answered 500, and do nothing. */
  readonly trouble: { on: RegExp; times: number } = { on: /^$/, times: 0 };

  override async call(method: string, path: string, body = ""): Promise<SidecarAnswer> {
    const [what = "", key = ""] = decodeURIComponent(path)
      .replace("/v1.0/state/store", "")
      .split(/\/(?=strata-probe)/);
    this.asked.push(`${method} ${what}`);
    if (path === "/v1.0/metadata") return say(200, { components: [{ name: "store", type: this.#type }] });
    if (this.trouble.on.test(this.asked.at(-1) ?? "") && this.trouble.times-- > 0) return say(500);
    if (this.#refuses !== undefined && path.endsWith(this.#refuses)) return say(500);
    if (method === "DELETE") return say(this.rows.delete(key) ? 204 : 204);
    if (method === "GET") return this.rows.has(key) ? say(200, this.rows.get(key)?.value, this.rows.get(key)?.version) : say(204);
    const sent = JSON.parse(body) as Write[] | { readonly keys: string[] } | { readonly operations: { readonly request: Write }[] };
    if ("keys" in sent && !Array.isArray(sent))
      return say(
        200,
        sent.keys.map((key) => this.#told(key)),
      );
    const together = "operations" in sent;
    const writes = together ? sent.operations.map(({ request }) => request) : (sent as Write[]);
    return say(writes.map((write) => this.#write(write, together)).every(Boolean) ? 204 : 500);
  }

  #told(key: string) {
    const { value, version } = this.rows.get(key) ?? {};
    return { key, data: value, etag: String(version ?? "") };
  }

  #write(write: Write, together: boolean): boolean {
    const stands = this.rows.get(write.key);
    if (!this.#rule(stands, write, together)) return false;
    const marked = stands?.marked === true || (!together && firstWrite(write));
    this.rows.set(write.key, { value: write.value, version: (stands?.version ?? 0) + 1, marked });
    return true;
  }
}

const say = (status: number, json?: unknown, etag?: number): SidecarAnswer => ({
  status,
  body: Buffer.from(json === undefined ? "" : JSON.stringify(json)),
  etag: etag === undefined ? undefined : String(etag),
});

let waited = 0;
const around = {
  die: systemDie,
  clock: {
    ...systemClock,
    sleep: async () => {
      waited++;
    },
  },
};

test.each([
  ["state.sqlite", sql, { several: "transaction", fence: "first-write" }],
  ["state.postgresql", sql, { several: "transaction", fence: "first-write" }],
  ["state.redis", redis, { several: "transaction", fence: "etag" }],
] as const)("on %s several keys are created by transaction, and nothing is left behind", async (type, rule, creating) => {
  const sidecar = new FakeSidecar(type, rule);
  expect(await examineStore(sidecar, "store", around)).toMatchObject({ type, creating });
  expect(sidecar.rows.size).toBe(0);
});

test("where transactions are not to be had, several keys are created by one POST", async () => {
  const sidecar = new FakeSidecar("state.redis", redis, "/transaction");
  const { creating, store } = await examineStore(sidecar, "store", around);
  expect(creating).toEqual({ several: "post", fence: "etag" });
  sidecar.asked.length = 0;
  expect(await store.create(["a", "b"].map((key) => ({ key: `strata-probe/${key}`, value: Buffer.of(1) })))).toBe("created");
  expect(sidecar.asked).toEqual(["POST "]);
});

test("where a transaction replaces what stands, it is not used", async () => {
  const { creating } = await examineStore(new FakeSidecar("state.sqlite", redis), "store", around);
  expect(creating).toEqual({ several: "post", fence: "first-write" });
});

test.each([
  ["taking a key", /^POST $/, 1],
  ["taking several keys", /^POST \/transaction$/, 2],
  ["reading", /^POST \/bulk$/, 1],
  ["changing a key", /^GET $/, 2],
])("trouble of a moment with %s is waited for, and the store is trusted as any other", async (_, on, times) => {
  const sidecar = new FakeSidecar("state.postgresql", sql);
  Object.assign(sidecar.trouble, { on, times });
  waited = 0;
  expect(await examineStore(sidecar, "store", around)).toMatchObject({ creating: { several: "transaction", fence: "first-write" } });
  expect([sidecar.trouble.times < 0, waited, sidecar.rows.size]).toEqual([true, times, 0]);
});

test("trouble that does not pass is told after some attempts", async () => {
  const sidecar = new FakeSidecar("state.postgresql", sql);
  Object.assign(sidecar.trouble, { on: /^POST \/bulk$/, times: Infinity });
  waited = 0;
  await expect(examineStore(sidecar, "store", around)).rejects.toThrow(/state component "store" does not answer; /);
  expect(waited).toBe(2 * (limits.examine_attempts - 1));
});

const unfit: readonly [what: string, type: string, rule: Rule, why: RegExp][] = [
  ["whatever stands is replaced", "state.sqlite", () => true, /lets a key be created twice/],
  [
    "a single write replaces what a transaction wrote",
    "state.sqlite",
    (stands, write, together) => !together || sql(stands, write, together),
    /lets a key be created twice/,
  ],
  ["no key is taken", "state.sqlite", () => false, /does not take a new key/],
  [
    "etags are not compared",
    "state.sqlite",
    (stands, write, together) => (write.etag !== undefined && !together) || sql(stands, write, together),
    /does not compare etags/,
  ],
];
test.each(unfit)("a store where %s is refused, and told what is wrong with it", async (_, type, rule, why) => {
  const sidecar = new FakeSidecar(type, rule);
  waited = 0;
  await expect(examineStore(sidecar, "store", around)).rejects.toThrow(why);
  expect(sidecar.rows.size).toBe(0);
  // Only what it might do yet is asked of it again.
  expect(waited > 0).toBe(/not take/.test(why.source));
});

test("a component that is not there is told, with where components are", async () => {
  await expect(examineStore(new FakeSidecar("state.sqlite", sql), "other", around)).rejects.toThrow(
    /no state component "other".*components\//,
  );
});
