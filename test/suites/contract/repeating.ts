import { expect, test } from "vitest";
import { type Setting, text } from "../caller.ts";

/** C10: keys make turns repeatable. */
export function repeating(the: () => Setting): void {
  test("V5: a repeated key answers the same version, digest and time, and says duplicate; the turn happened once", async () => {
    const { caller, name } = the();
    const id = name("repeat");
    const args = { key: "k", items: [text("once")], set: { a: 1 }, expect: 0 };
    const { created, ...first } = await caller.call(id, "append", args);
    await caller.call(id, "append", { key: "other", items: [text("later")] });
    // Its `expect` is old by now: what was decided then is answered now.
    expect(await caller.call(id, "append", args)).toEqual({ ...first, created: true, duplicate: true });
    expect(created).toBe(true);
    expect((await caller.call(id, "read")).items).toEqual([text("once"), text("later")]);
  });

  test("V5: eight that send one turn at once have one version between them", async () => {
    const { caller, name } = the();
    const id = name("eight");
    const replies = await Promise.all(Array.from({ length: 8 }, () => caller.call(id, "append", { key: "k", items: [text("once")] })));
    expect(new Set(replies.map(({ version, digest, at }) => `${version} ${digest} ${at}`)).size).toBe(1);
    expect(replies.filter(({ duplicate }) => duplicate !== true).length).toBe(1);
    expect((await caller.call(id, "history")).versions.length).toBe(1);
  });

  test("a key that was used for something else is a conflict that says so, and changes nothing", async () => {
    const { caller, name } = the();
    const id = name("reuse");
    const args = { key: "k", items: [text("first")], set: { a: 1 } };
    await caller.call(id, "append", args);
    const { digest } = await caller.call(id, "append", { key: "k2", items: [text("later")] });
    const others = [
      { ...args, items: [text("second")] },
      { ...args, items: [text("first"), text("first")] },
      { ...args, set: { a: 2 } },
      { ...args, set: { b: 1 } },
      { key: "k", items: args.items },
      { ...args, expect: 1 },
    ];
    for (const other of others)
      expect(await caller.refused(id, "append", other)).toMatchObject({
        code: "conflict",
        message: expect.stringContaining("key: it was used for version 1"),
        details: { head: 2, keyUsedFor: 1 },
      });
    expect(await caller.refused(id, "configure", { key: "k", policy: {} })).toMatchObject({
      code: "conflict",
      details: { head: 2, keyUsedFor: 1 },
    });
    expect(await caller.call(id, "read")).toMatchObject({ version: 2, digest });
  });

  test("a key belongs to its context: another context may use the same", async () => {
    const { caller, name } = the();
    const [one, two] = [name("own"), name("own")];
    expect(await caller.call(one, "append", { key: "k", items: [text("one")] })).toMatchObject({ version: 1, created: true });
    expect(await caller.call(two, "append", { key: "k", items: [text("two")] })).toMatchObject({ version: 1, created: true });
  });

  test("a turn without a key, with an empty one, or with too long a one is invalid", async () => {
    const { caller, name } = the();
    const id = name("keyless");
    for (const key of [undefined, "", "k".repeat(257), 7, null])
      expect(await caller.refused(id, "append", { key, items: [text("x")] }), String(key)).toMatchObject({ code: "invalid" });
    expect(await caller.call(id, "append", { key: "ключ 🔑".padEnd(256, "."), items: [text("x")] })).toMatchObject({ version: 1 });
  });
}
