// Bad input is sent as it stands, byte for byte, to every door that Strata has, and what comes of it is looked at from all sides.

import { connect } from "node:net";
import { expect } from "vitest";
import { Refused } from "../../../protocol/contract.ts";
import type { Code } from "../../../protocol/errors.ts";
import { type Answer, type Setting, send } from "../caller.ts";
import type { Door } from "../installation.ts";

/** Stands in what is sent wherever a caller's text can stand. Not like a name, so that it is not taken for one and shown. */
export const MARK = "¤leaked¤";

/** What is expected of one piece of bad input: Strata's code and a word of its message, or, where another answers before it is asked, its status. */
export type Expected = {
  readonly code: Code;
  readonly says: RegExp;
  /** Where the host's own HTTP server refuses before anything is read. */
  readonly hostStatus?: readonly number[];
  /** Where the sidecar refuses by itself, or tells of a host that did. */
  readonly sidecarStatus?: readonly number[];
};

/** The host first, which is asked directly, then the callers' sidecar, where there is one. */
export function doorsOf({ installation }: Setting): readonly (readonly [name: "host" | "sidecar", door: Door])[] {
  const host = ["host", installation.host] as const;
  return installation.sidecar === "none" ? [host] : [host, ["sidecar", installation.door]];
}

/** What no answer may hold, whoever gives it. */
const inner = /\bat .{0,200}\.ts:\d+|node:internal|node_modules|\/services\/|\/actors\/[a-z]+\.ts|ECONN/;

export function expectClean({ installation }: Setting, text: string, what: string): void {
  for (const secret of installation.secrets) expect(text.includes(secret), `${what}: a secret is shown`).toBe(false);
  expect(text, what).not.toContain(MARK);
  expect(text, what).not.toMatch(inner);
}

/** Holds one answer against what is expected of it. */
export function expectRefused(
  setting: Setting,
  door: "host" | "sidecar",
  what: string,
  expected: Expected,
  { status, text }: Answer,
): void {
  const label = `${what}, at the ${door}`;
  const statuses = door === "host" ? expected.hostStatus : expected.sidecarStatus;
  if (statuses?.includes(status) === true) {
    // The runtime names what it refuses; of what is ours to keep it may tell as little as we.
    if (door === "host") expectClean(setting, text, label);
    else for (const secret of setting.installation.secrets) expect(text.includes(secret), `${label}: a secret is shown`).toBe(false);
    return;
  }
  expect(`${status} ${text.slice(0, 500)}`, label).toMatch(/^200 /);
  expectClean(setting, text, label);
  const refusal = Refused.parse(JSON.parse(text));
  expect(refusal.code, `${label}: ${refusal.message}`).toBe(expected.code);
  expect(refusal.message, label).toMatch(expected.says);
  expect(refusal.message.length, label).toBeLessThan(1_000);
}

export type Sent = {
  readonly path: string;
  readonly body: string | Uint8Array;
  readonly verb?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Sends one piece of bad input to every door. */
export async function refusedEverywhere(setting: Setting, what: string, { path, body, ...more }: Sent, expected: Expected): Promise<void> {
  for (const [name, door] of doorsOf(setting)) expectRefused(setting, name, what, expected, await send(door, path, body, more));
}

/** Everything of the context and its tenant that a refused call might have changed. */
export async function fingerprint(setting: Setting, id: string): Promise<unknown> {
  const { caller, installation, tenant } = setting;
  const { version } = await caller.call(id, "read", { limit: 1 });
  const rows = [1, 2, 3].map((more) => `${id}/rec/${version + more}`);
  const keys = [`${id}/keys`, `${id}/tombstone`, `${id}/page/1`, `${tenant}/tenant`, `${id}/rec/1`, ...rows];
  return [
    await caller.call(id, "read", { fresh: true }),
    await caller.call(id, "history"),
    await caller.call(id, "verify"),
    await installation.state.read(keys),
    (await caller.call(tenant, "tenant.list", { prefix: id.slice(id.indexOf(".") + 1) })).contexts.map(({ name, state }) => [name, state]),
  ];
}

/** A context of three versions, and a check that it is as it was and still takes a turn. */
export async function unchanged(setting: Setting, about: string): Promise<{ readonly id: string; check(): Promise<void> }> {
  const { caller, name, installation } = setting;
  const id = name(about);
  for (const n of [1, 2, 3]) await caller.call(id, "append", { key: `k${n}`, items: [{ role: "user", content: `item ${n}` }], set: { n } });
  const before = await fingerprint(setting, id);
  const logged = (await installation.log()).length;
  return {
    id,
    check: async () => {
      expect(await fingerprint(setting, id)).toEqual(before);
      const log = (await installation.log()).slice(logged);
      expectClean(setting, log, "the host's log");
      // What a caller does wrong is not a failure of ours.
      expect(log.split("\n").filter((line) => line.includes('"level":"error"'))).toEqual([]);
      expect(await caller.call(id, "append", { key: "after", items: [{ role: "user", content: "still here" }], expect: 3 })).toMatchObject({
        version: 4,
      });
    },
  };
}

export type Wire = { readonly text: string; readonly status: number; readonly closed: boolean };

/** Speaks to a door's port in raw bytes. Resolves when the other side has answered in full or has hung up. */
export function speak(door: Door, chunks: readonly (string | Uint8Array)[], end = false): Promise<Wire> {
  const { hostname, port } = new URL(door.url);
  const socket = connect({ host: hostname, port: Number(port) });
  let heard = "";
  return new Promise((resolve) => {
    const done = (closed: boolean): void => {
      socket.destroy();
      resolve({ text: heard, status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(heard)?.[1] ?? 0), closed });
    };
    socket.on("data", (chunk) => {
      // "Go on" is no answer yet.
      heard = (heard + chunk.toString("latin1")).replace(/^HTTP\/1\.1 100 [\s\S]*?\r\n\r\n/, "");
      if (isWhole(heard)) done(false);
    });
    socket.on("error", () => done(true));
    socket.on("close", () => done(true));
    for (const chunk of chunks) socket.write(chunk);
    if (end) socket.end();
  });
}

function isWhole(heard: string): boolean {
  const head = heard.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(heard.slice(0, head));
  if (length !== null) return heard.length >= head + 4 + Number(length[1]);
  return heard.endsWith("\r\n0\r\n\r\n");
}

/** The head of a request in raw bytes, with what the door asks of who knocks. */
export function headOf(door: Door, verb: string, path: string, headers: readonly string[]): string {
  const own = Object.entries(door.headers).map(([name, value]) => `${name}: ${value}`);
  return [`${verb} ${new URL(door.url).pathname}${path} HTTP/1.1`, "host: strata", ...own, ...headers, "", ""].join("\r\n");
}
