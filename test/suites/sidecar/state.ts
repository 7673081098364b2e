import { expect, test } from "vitest";
import { configured, fresh, type Heeded, type Sides } from "./client.ts";

/** How each store answers a write that finds another value than it asked for. C2 is why nobody may rely on more than "not 204". */
export const refusals = {
  /** first-write without an etag, and the key is there */
  create: { sqlite: 409, redis: 500, postgres: 500 },
  /** an etag that is not the stored one, in the store's own form */
  etag: { sqlite: 409, redis: 409, postgres: 409 },
  transaction: { sqlite: 500, redis: 500, postgres: 500 },
} as const;

export const firstWrite = { concurrency: "first-write" };
export const statuses = (answers: readonly Heeded[]) => answers.map(({ status }) => status);

/** State of single keys and of several at once. */
export function stateSuite(sides: Sides): void {
  saving(sides);
  refusing(sides);
  creating(sides);
  replacing(sides);
  readingMany(sides);
  keeping(sides);
}

function saving({ on, value }: Sides): void {
  test("state: what is saved is read back, with an etag that changes with every write", async () => {
    const key = fresh("saved");
    expect((await on().save([{ key, value: { a: [1, "two", null] } }])).status).toBe(204);
    const first = await on().get(key);
    expect([first.status, JSON.parse(first.body), first.headers["content-type"]]).toEqual([
      200,
      { a: [1, "two", null] },
      "application/json",
    ]);
    await on().save([{ key, value: 2 }]);
    const second = await on().get(key);
    expect(second.body).toBe("2");
    expect(first.headers.etag).toBeTruthy();
    expect(second.headers.etag).not.toBe(first.headers.etag);
  });

  test("state: a string comes back byte for byte", async () => {
    const key = fresh("text");
    const text = `${Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("base64")} é \u{1f600}`;
    await on().save([{ key, value: text }]);
    expect(await value(key)).toBe(text);
  });

  test("state: an absent key is 204 without a body", async () => {
    const answer = await on().get(fresh("absent"));
    expect([answer.status, answer.body, answer.headers.etag]).toEqual([204, "", undefined]);
  });

  test("state: null and a missing value are kept as null, which is not absent", async () => {
    const [one, two] = [fresh("null"), fresh("missing")];
    await on().save([{ key: one, value: null }, { key: two }]);
    expect([(await on().get(one)).body, (await on().get(two)).body]).toEqual(["null", "null"]);
  });

  test("state: keys with slashes, spaces and pluses are escaped in paths, and a plus there is a space", async () => {
    const stem = fresh("odd");
    await on().save([{ key: `${stem}/a b+c`, value: 1 }]);
    expect(await value(`${stem}/a b+c`)).toBe(1);
    expect((await on().host(`/v1.0/state/store/${stem}%2Fa+b%2Bc`)).body).toBe("1");
    expect((await on().host(`/v1.0/state/store/${stem}/a`)).status).toBe(404);
  });

  test("state: no entries, null, unknown fields, other cases of names and text after the end are all taken", async () => {
    const key = fresh("lax");
    expect(statuses([await on().save("[]"), await on().save("null"), await on().save(`[{"key":"${key}","value":1,"more":2}]`)])).toEqual([
      204, 204, 204,
    ]);
    expect((await on().save(`[{"KEY":"${key}","Value":"twice"}] and more`)).status).toBe(204);
    expect(await value(key)).toBe("twice");
  });
}

const malformed = [
  "{",
  "",
  "{}",
  "7",
  '[{"value":1}]',
  '[{"key":"","value":1}]',
  '[{"key":5,"value":1}]',
  '[{"key":"k","value":1e999}]',
  '[{"key":"k","value":1,"metadata":{"a":5}}]',
  '[{"key":"k","value":1,"etag":5}]',
  '[{"key":"k","value":1,"options":5}]',
  '["k"]',
  `[{"key":"k","value":${"[".repeat(10_001)}${"]".repeat(10_001)}}]`,
];

function refusing({ on, value }: Sides): void {
  test("state: a key with || is refused everywhere", async () => {
    const refusal = [400, "ERR_MALFORMED_REQUEST"];
    const upsert = [{ operation: "upsert", request: { key: "a||b", value: 1 } }];
    const asked = [
      on().save([{ key: "a||b", value: 1 }]),
      on().get("a||b"),
      on().delete("a||b"),
      on().bulk(["a||b"]),
      on().transact(upsert),
    ];
    for (const answer of await Promise.all(asked)) {
      expect([answer.status, answer.code]).toEqual(refusal);
      expect(JSON.parse(answer.body).details).toContainEqual(expect.objectContaining({ reason: "DAPR_STATE_ILLEGAL_KEY" }));
    }
  });

  test("state: an unknown store is refused everywhere", async () => {
    const { host } = on();
    const paths = ["zz", "zz/bulk", "zz/transaction"].map((path) => host(`/v1.0/state/${path}`, { body: "[]" }));
    for (const answer of await Promise.all([...paths, host("/v1.0/state/zz/key"), host("/v1.0/state/zz/key", { verb: "DELETE" })]))
      expect([answer.status, answer.code]).toEqual([400, "ERR_STATE_STORE_NOT_FOUND"]);
  });

  for (const body of malformed)
    test(`state: POST ${body.slice(0, 50)} is malformed`, async () => {
      const answer = await on().save(body);
      expect([answer.status, answer.code]).toEqual([400, "ERR_MALFORMED_REQUEST"]);
    });

  for (const options of [{ concurrency: "sometimes" }, { consistency: "maybe" }])
    test(`state: ${JSON.stringify(options)} is refused and writes nothing`, async () => {
      const key = fresh("option");
      const answer = await on().save([{ key, value: 1, options }]);
      expect([answer.status, answer.code, await value(key)]).toEqual([500, "ERR_STATE_SAVE", undefined]);
    });
}

function creating({ on, value, env }: Sides): void {
  test("first-write: without an etag it creates and never overwrites what a first-write created", async () => {
    const key = fresh("create");
    expect((await on().save([{ key, value: 1, options: firstWrite }])).status).toBe(204);
    const again = await on().save([{ key, value: 2, options: firstWrite }]);
    expect([again.status, again.code]).toEqual([refusals.create[env().store], "ERR_STATE_SAVE"]);
    const empty = await on().save([{ key, value: 3, etag: "", options: firstWrite }]);
    expect([empty.status, await value(key)]).toEqual([refusals.create[env().store], 1]);
  });

  test("first-write: of twenty racing writers of one key exactly one wins, and its value stands", async () => {
    const key = fresh("race");
    const writers = Array.from({ length: 20 }, (_, index) => on().save([{ key, value: index, options: firstWrite }]));
    const found = statuses(await Promise.all(writers));
    expect(found.filter((status) => status === 204)).toHaveLength(1);
    expect(found.filter((status) => status !== 204)).toEqual(Array(19).fill(refusals.create[env().store]));
    expect(await value(key)).toBe(found.indexOf(204));
  });

  test("first-write: of several keys each stands for itself", async () => {
    const [taken, free] = [fresh("taken"), fresh("free")];
    await on().save([{ key: taken, value: 1, options: firstWrite }]);
    const answer = await on().save([taken, free].map((key) => ({ key, value: 2, options: firstWrite })));
    expect([answer.status, await value(taken), await value(free)]).toEqual([refusals.create[env().store], 1, 2]);
  });

  test("first-write: of racing calls with the same twenty keys each key is won once", async () => {
    const keys = Array.from({ length: 20 }, () => fresh("keys"));
    await Promise.all([1, 2, 3].map((writer) => on().save(keys.map((key) => ({ key, value: writer, options: firstWrite })))));
    const winners = await Promise.all(keys.map(value));
    expect(winners.every((winner) => [1, 2, 3].includes(Number(winner)))).toBe(true);
    await on().save(keys.map((key) => ({ key, value: 9, options: firstWrite })));
    expect(await Promise.all(keys.map(value))).toEqual(winners);
  });
}

function replacing({ on, value, env }: Sides): void {
  for (const options of [firstWrite, undefined])
    test(`etag: only the stored one is replaced (${JSON.stringify(options)})`, async () => {
      const key = fresh("etag");
      await on().save([{ key, value: 1, options: firstWrite }]);
      const { etag } = (await on().get(key)).headers;
      expect((await on().save([{ key, value: 2, etag, options }])).status).toBe(204);
      const stale = await on().save([{ key, value: 3, etag, options }]);
      expect([stale.status, stale.code, await value(key)]).toEqual([refusals.etag[env().store], "ERR_STATE_SAVE", 2]);
    });

  test("etag: of twenty racing replacements one wins", async () => {
    const key = fresh("swap");
    await on().save([{ key, value: "first", options: firstWrite }]);
    const { etag } = (await on().get(key)).headers;
    const writers = Array.from({ length: 20 }, (_, index) => on().save([{ key, value: index, etag, options: firstWrite }]));
    const found = statuses(await Promise.all(writers));
    expect(found.filter((status) => status === 204)).toHaveLength(1);
    expect(await value(key)).toBe(found.indexOf(204));
  });

  test("delete: it takes the key away, and one that is absent is no failure", async () => {
    const key = fresh("delete");
    await on().save([{ key, value: 1 }]);
    expect(statuses([await on().delete(key), await on().delete(key)])).toEqual([204, 204]);
    expect(await value(key)).toBeUndefined();
  });

  test("delete: with an etag only what was seen is taken away", async () => {
    const key = fresh("delete-etag");
    await on().save([{ key, value: 1, options: firstWrite }]);
    const { etag = "" } = (await on().get(key)).headers;
    await on().save([{ key, value: 2, etag, options: firstWrite }]);
    const stale = await on().delete(key, { "if-match": etag });
    expect([stale.status, stale.code, await value(key)]).toEqual([refusals.etag[env().store], "ERR_STATE_DELETE", 2]);
    const { etag: current = "" } = (await on().get(key)).headers;
    expect((await on().delete(key, { "if-match": current })).status).toBe(204);
    expect(await value(key)).toBeUndefined();
  });
}

function readingMany({ on }: Sides): void {
  test("bulk: every key asked for is answered, absent ones without data and etag", async () => {
    const [one, two, absent] = [fresh("bulk"), fresh("bulk"), fresh("bulk")];
    await on().save([
      { key: one, value: { a: 1 } },
      { key: two, value: "two" },
    ]);
    const answer = await on().bulk([absent, two, one]);
    const entries = new Map(JSON.parse(answer.body).map((entry: { key: string }) => [entry.key, entry]));
    expect(answer.status).toBe(200);
    expect(entries.get(one)).toEqual({ key: one, data: { a: 1 }, etag: (await on().get(one)).headers.etag });
    expect(entries.get(two)).toMatchObject({ data: "two" });
    expect(entries.get(absent)).toEqual({ key: absent });
    expect(entries.size).toBe(3);
  });

  test("bulk: no keys are no entries, and what is no JSON is malformed", async () => {
    const { host } = on();
    expect([(await on().bulk([])).body, (await host("/v1.0/state/store/bulk", { body: "{}" })).body]).toEqual(["[]\n", "[]\n"]);
    const answer = await host("/v1.0/state/store/bulk", { body: "[" });
    expect([answer.status, answer.code]).toEqual([400, "ERR_MALFORMED_REQUEST"]);
  });
}

function keeping({ on, value, env }: Sides): void {
  for (const path of ["", "/bulk", "/transaction"])
    test(`limits: a body above the cap is refused by POST state${path}`, async () => {
      const answer = await on().host(`/v1.0/state/store${path}`, { body: JSON.stringify([{ key: "x".repeat(configured.maxBodyBytes) }]) });
      expect([answer.status, answer.code]).toEqual([400, "ERR_MALFORMED_REQUEST"]);
      expect(JSON.parse(answer.body).message).toContain("stream too large");
    });

  test("state: what was acknowledged is there after a crash of the sidecar", async () => {
    const keys = Array.from({ length: 50 }, () => fresh("kept"));
    const saved = await Promise.all(keys.map((key) => on().save([{ key, value: key, options: firstWrite }])));
    expect(new Set(statuses(saved))).toEqual(new Set([204]));
    await env().restart();
    expect(await Promise.all(keys.map(value))).toEqual(keys);
  });
}
