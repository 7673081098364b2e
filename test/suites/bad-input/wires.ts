// What happens below JSON: large bodies, half bodies, slow bodies, and headers that are none.

import { expect, test } from "vitest";
import { limits } from "../../../protocol/limits.ts";
import { pathOf, type Setting, send } from "../caller.ts";
import { doorsOf, expectClean, expectRefused, headOf, MARK, speak, unchanged } from "./doors.ts";

const MiB = 1024 * 1024;
const ITEM = '{"role":"user","content":""}';

export function wires(the: () => Setting): void {
  test("a body of 64 MiB is refused before it is read, and one of a byte too many as well", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "huge");
    const filled = (bytes: number): string => {
      const frame = `{"grant":${JSON.stringify(setting.caller.grant)},"key":"k","items":[{"role":"user","content":""}]}`;
      return frame.replace('"content":""', () => `"content":"${MARK}${"x".repeat(bytes - frame.length - Buffer.byteLength(MARK))}"`);
    };
    for (const [name, door] of doorsOf(setting)) {
      const expected = {
        code: "too_large",
        says: /the body has (more than )?\d+ bytes; at most \d+/,
      } as const;
      // So many the sidecar refuses itself; so few it hands on, and what the host says of them comes back.
      const huge = await send(door, pathOf(id, "append"), filled(64 * MiB));
      expectRefused(setting, name, "64 MiB", { ...expected, sidecarStatus: [400, 413, 500] }, huge);
      expectRefused(setting, name, "a byte too many", expected, await send(door, pathOf(id, "append"), filled(limits.bytes_per_body + 1)));
    }
    await check();
  });

  test("a body in chunks that do not end is cut off at the host's limit", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "chunks");
    const door = setting.installation.host;
    const head = headOf(door, "PUT", pathOf(id, "append"), ["content-type: application/json", "transfer-encoding: chunked"]);
    const chunk = `${MiB.toString(16)}\r\n${"x".repeat(MiB)}\r\n`;
    const { status, text } = await speak(door, [head, ...Array<string>(16).fill(chunk)]);
    expect(status).toBe(200);
    expect(text).toContain('"code":"too_large"');
    expect(text).toContain(String(limits.bytes_per_body));
    await check();
  });

  test("1,000,000 items are refused, as a body that is too large or as too many", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "million");
    const start = `{"grant":${JSON.stringify(setting.caller.grant)},"key":"k","items":[`;
    for (const [name, door] of doorsOf(setting)) {
      const zeros = await send(door, pathOf(id, "append"), `${start}${"0,".repeat(999_999)}0]}`);
      expectRefused(setting, name, "1,000,000 zeros", { code: "too_large", says: /body: more than 1024 members/ }, zeros);
      const items = await send(door, pathOf(id, "append"), `${start}${`${ITEM},`.repeat(999_999)}${ITEM}]}`);
      expectRefused(setting, name, "1,000,000 items", { code: "too_large", says: /./, sidecarStatus: [400, 413, 500] }, items);
    }
    await check();
  });

  test("a body that breaks off changes nothing, and its connection holds up nobody", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "half");
    const body = JSON.stringify({ grant: setting.caller.grant, key: "half", items: [{ role: "user", content: MARK }] });
    for (const [, door] of doorsOf(setting)) {
      const head = headOf(door, "PUT", pathOf(id, "append"), [
        "content-type: application/json",
        `content-length: ${Buffer.byteLength(body)}`,
      ]);
      const cuts = [head.slice(0, 20), head.slice(0, -2), head, head + body.slice(0, 10), head + body.slice(0, -1)];
      for (const cut of cuts) {
        const { status, closed } = await speak(door, [cut], true);
        // Whether it hangs up or says 400, it does not take half for the whole.
        expect(closed || status >= 400, `${cut.length} of ${head.length + body.length} characters: ${status}`).toBe(true);
      }
    }
    await check();
  });

  test("a body that is longer or shorter than it says, or says it twice: refused at the head, or of no effect", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "lengths");
    for (const [name, door] of doorsOf(setting)) {
      const ambiguous = [
        ["content-length: 4", "transfer-encoding: chunked"],
        ["content-length: 5", "content-length: 7"],
        ["transfer-encoding: chunked, identity"],
      ];
      for (const lines of ambiguous) {
        const { status, text } = await speak(door, [`${headOf(door, "PUT", pathOf(id, "append"), lines)}0\r\n\r\n`]);
        // Two lengths could be read in two ways; daprd takes the one that HTTP prefers, and so sees an empty body.
        if (name === "host") expect(status, lines.join()).toBe(400);
        else expect([200, 400, 413, 500, 501], `${lines.join()}: ${text.slice(0, 200)}`).toContain(status);
      }
      for (const length of ["-1", "1e3", "0x10", "+5", "99999999999999999999", "", "abc"]) {
        const head = headOf(door, "PUT", pathOf(id, "append"), [`content-length: ${length}`]);
        const { status, closed, text } = await speak(door, [`${head}{}`]);
        expect(closed || status >= 400 || status === 200, `${name} content-length ${length}: ${status}`).toBe(true);
        expectClean(setting, text, `content-length ${length}`);
      }
    }
    await check();
  });

  headers(the);
}

function headers(the: () => Setting): void {
  test("headers in bad taste: refused by the runtime, or of no effect", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "headers");
    const body = JSON.stringify({ grant: setting.caller.grant, at: 3 });
    const harmless: readonly Readonly<Record<string, string>>[] = [
      { "content-type": "text/plain" },
      { "content-type": "" },
      { "content-encoding": "gzip" },
      { accept: "text/html" },
      { expect: "100-continue" },
      { "dapr-api-call": "false" },
      { "dapr-caller-app-id": "strata-host" },
      { "x-forwarded-for": MARK.replaceAll("¤", "") },
      { cookie: "a=b;".repeat(200) },
      { traceparent: "00-zzzz" },
      { traceparent: "x".repeat(3_000) },
      { traceparent: "\xff\xfe" },
      { tracestate: "x=".repeat(1_000) },
      { baggage: "k=v,".repeat(500) },
      { "grpc-timeout": "1n" },
      { upgrade: "websocket", connection: "upgrade" },
    ];
    for (const [name, door] of doorsOf(setting))
      for (const sent of harmless) {
        const { status, text } = await send(door, pathOf(id, "read"), body, { headers: sent });
        const label = `${name} ${JSON.stringify(sent).slice(0, 80)}: ${status} ${text.slice(0, 200)}`;
        if (status === 200) expect(text, label).toContain('"ok":true,"version":3');
        else expect([400, 415, 417, 431, 500], label).toContain(status);
        if (name === "host") expect(status, label).toBe(200);
        expectClean(setting, text, label);
      }
    await check();
  });

  test("a caller's odd trace reaches nobody else's turn", async () => {
    const { caller, installation, name } = the();
    const ids = [name("traced"), name("traced"), name("traced")];
    const append = (id: string, traceparent: string) => {
      const body = JSON.stringify({ grant: caller.grant, key: traceparent.slice(0, 100), items: [{ role: "user", content: "x" }] });
      return send(installation.host, pathOf(id, "append"), body, { headers: { traceparent } });
    };
    for (const traceparent of ["x".repeat(10_000), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "\xff", "00-"]) {
      const answers = await Promise.all(ids.map((id) => append(id, traceparent)));
      for (const { text } of answers) expect(text, traceparent.slice(0, 40)).toMatch(/"ok":true/);
    }
  });

  test("heads that are none, or too large: 400, 431 or a closed connection", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "heads");
    const path = pathOf(id, "read");
    for (const [name, door] of doorsOf(setting)) {
      const own = Object.entries(door.headers).map(([header, value]) => `${header}: ${value}\r\n`);
      const at = new URL(door.url).pathname + path;
      const heads = [
        "\r\n\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        `PUT ${at}\r\n\r\n`,
        `PUT ${at} HTTP/9.9\r\nhost: x\r\n\r\n`,
        `BREW ${at} HTTP/1.1\r\nhost: x\r\n\r\n`,
        `PUT ${at} HTTP/1.1\r\nhost: x\r\n${own}no colon here\r\n\r\n`,
        `PUT ${at} HTTP/1.1\r\nhost: x\r\n${own}a b: c\r\n\r\n`,
        `PUT ${at} HTTP/1.1\r\nhost: x\r\n${own}x: a\0b\r\n\r\n`,
        `PUT ${at} HTTP/1.1\r\nhost: x\r\n${own}x: ${"y".repeat(2 * MiB)}\r\n\r\n`,
        `PUT ${at} HTTP/1.1\r\nhost: x\r\n${own}${"x: y\r\n".repeat(200_000)}\r\n`,
        `PUT /${"x".repeat(2 * MiB)} HTTP/1.1\r\nhost: x\r\n\r\n`,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      ];
      for (const head of heads) {
        const { status, closed, text } = await speak(door, [head], true);
        expect(closed || (status >= 400 && status < 600), `${name} ${JSON.stringify(head.slice(0, 60))}: ${status}`).toBe(true);
        expectClean(setting, text, head.slice(0, 60));
      }
    }
    await check();
  });
}
