import { expect, test } from "vitest";
import { fresh, type Sides } from "./client.ts";
import { firstWrite, refusals, statuses } from "./state.ts";

const upsert = (key: string, value: unknown, more: object = {}) => ({ operation: "upsert", request: { key, value, ...more } });
const drop = (key: string, more: object = {}) => ({ operation: "delete", request: { key, ...more } });

// Redis neither keeps first-write nor undoes anything in a transaction (C4): there commits take the other path.
const isAtomic = ({ env }: Sides): boolean => env().store !== "redis";

/** Several changes that stand or fall together. */
export function transactionSuite(sides: Sides): void {
  together(sides);
  racing(sides);
  malformed(sides);
}

function together(sides: Sides): void {
  const { on, value, env } = sides;
  const atomic = () => isAtomic(sides);

  test("transaction: upserts and deletes are applied, in their order", async () => {
    const [one, two] = [fresh("tx"), fresh("tx")];
    expect((await on().transact([upsert(one, 1), upsert(two, 2), drop(one)])).status).toBe(204);
    expect([await value(one), await value(two)]).toEqual([undefined, 2]);
  });

  test("transaction: first-write creates all of its keys or none", async () => {
    const [taken, free] = [fresh("tx-taken"), fresh("tx-free")];
    expect((await on().transact([upsert(taken, 1, { options: firstWrite })])).status).toBe(204);
    const answer = await on().transact([upsert(free, 2, { options: firstWrite }), upsert(taken, 2, { options: firstWrite })]);
    if (atomic()) {
      expect([answer.status, answer.code]).toEqual([refusals.transaction[env().store], "ERR_STATE_TRANSACTION"]);
      expect([await value(taken), await value(free)]).toEqual([1, undefined]);
    } else {
      expect([answer.status, await value(taken), await value(free)]).toEqual([204, 2, 2]);
    }
  });

  test("transaction: a stale etag fails it", async () => {
    const [key, other] = [fresh("tx-etag"), fresh("tx-other")];
    await on().save([{ key, value: 1, options: firstWrite }]);
    const { etag } = (await on().get(key)).headers;
    await on().save([{ key, value: 2, etag, options: firstWrite }]);
    const answer = await on().transact([upsert(other, 1), upsert(key, 3, { etag })]);
    expect([answer.status, answer.code, await value(key)]).toEqual([refusals.transaction[env().store], "ERR_STATE_TRANSACTION", 2]);
    expect(await value(other)).toBe(atomic() ? undefined : 1);
  });
}

function racing(sides: Sides): void {
  const { on, value } = sides;
  const atomic = () => isAtomic(sides);

  test("transaction: of twenty racing ones with the same two keys exactly one wins both", async () => {
    const [one, two] = [fresh("tx-race"), fresh("tx-race")];
    const writers = Array.from({ length: 20 }, (_, index) =>
      on().transact([upsert(one, index, { options: firstWrite }), upsert(two, index, { options: firstWrite })]),
    );
    const found = statuses(await Promise.all(writers));
    expect(found.filter((status) => status === 204)).toHaveLength(atomic() ? 1 : 20);
    expect(await value(one)).toBe(await value(two));
    if (atomic()) expect(await value(one)).toBe(found.indexOf(204));
  });

  test("transaction: one that fails leaves the others of the same moment as they are", async () => {
    const taken = fresh("tx-mixed");
    await on().transact([upsert(taken, 0, { options: firstWrite })]);
    const keys = Array.from({ length: 30 }, () => fresh("tx-own"));
    const answers = await Promise.all(
      keys.map((key, index) =>
        on().transact([upsert(key, index), upsert(index % 3 === 0 ? taken : `${key}-2`, 1, { options: firstWrite })]),
      ),
    );
    if (!atomic()) return expect(new Set(statuses(answers))).toEqual(new Set([204]));
    expect(statuses(answers)).toEqual(keys.map((_, index) => (index % 3 === 0 ? 500 : 204)));
    expect(await Promise.all(keys.map(value))).toEqual(keys.map((_, index) => (index % 3 === 0 ? undefined : index)));
  });
}

function malformed({ on }: Sides): void {
  const bodies = ["{", "[]", '{"operations":5}', '{"operations":[{"operation":"upsert","request":{"key":5}}]}'];
  for (const body of bodies)
    test(`transaction: ${body.slice(0, 60)} is malformed`, async () => {
      const answer = await on().host("/v1.0/state/store/transaction", { body });
      expect([answer.status, answer.code]).toEqual([400, "ERR_MALFORMED_REQUEST"]);
    });

  test("transaction: an unknown operation is refused, none at all is nothing to do", async () => {
    const answer = await on().transact([{ operation: "increment", request: { key: "k" } }]);
    expect([answer.status, answer.code]).toEqual([400, "ERR_NOT_SUPPORTED_STATE_OPERATION"]);
    expect(statuses([await on().transact([]), await on().host("/v1.0/state/store/transaction", { body: "{}" })])).toEqual([204, 204]);
  });
}
