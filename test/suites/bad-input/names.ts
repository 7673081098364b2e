// Names in the path: of contexts, tenants, methods, actor types; verbs; and paths that lead nowhere.

import { expect, test } from "vitest";
import { pathOf, type Setting, send } from "../caller.ts";
import { doorsOf, expectClean, expectRefused, MARK, unchanged } from "./doors.ts";

const LONG = "a".repeat(64);
/** As they are to arrive: percent-encoded once on the way. */
const badContexts = (tenant: string): string[] => [
  ...[
    "/",
    "\\",
    "#",
    "?",
    "|",
    "||",
    "%",
    "%2F",
    "..",
    "../..",
    "\0",
    "\n",
    " ",
    "+",
    "&",
    ";",
    ":",
    "@",
    "*",
    "_",
    "'",
    '"',
    "<",
    "é",
  ].map((odd) => `${tenant}.a${odd}b`),
  `${tenant}.`,
  `${tenant}..a`,
  `.${tenant}`,
  ".a",
  tenant,
  `${tenant}.a.b`,
  `${tenant}.-a`,
  `-${tenant}.a`,
  `${tenant}.A`,
  `${tenant.toUpperCase()}.a`,
  ` ${tenant}.a`,
  `${tenant}.a `,
  `${tenant}.${LONG}`,
  `${LONG}.a`,
  `${tenant}.${"a".repeat(2_000)}`,
  // Look-alikes: Cyrillic, full width, a zero-width space, a fraction of a dot, a combining accent, digits of another script.
  `${tenant}.\u0430`,
  `${tenant}\uff0ea`,
  `${tenant}.a\u200b`,
  `${tenant}\u2024a`,
  `${tenant}.a\u0301`,
  `${tenant}.\u0661`,
  `${tenant}.\u{1f989}`,
  `${tenant}.constructor__proto__`,
  `${tenant}.${MARK}`,
];

/** As they stand in the path. */
const rawContexts = (tenant: string): string[] => [
  `${tenant}.%`,
  `${tenant}.%2`,
  `${tenant}.%zz`,
  `${tenant}.%ff`,
  `${tenant}.%c0%af`,
  `${tenant}.%00`,
  "%2e%2e",
  "..",
  ".",
  "",
];

const badMethods = [
  "nope",
  "Append",
  "append ",
  "reads",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "tenant.create",
  "register",
  "create",
  "append\0",
  "añadir",
  "%61ppend!",
  MARK,
  "m".repeat(1_000),
];

/** The verbs that daprd has on the route of an actor's method beside PUT and POST; the host is asked by PUT and cannot tell. */
const asPut = ["GET", "DELETE"];
const otherVerbs = ["PATCH", "OPTIONS", "TRACE", "PROPFIND"];

export function names(the: () => Setting): void {
  test("ids that are none: refused, with how an id is spelled; no context comes of them", async () => {
    const setting = the();
    const { check } = await unchanged(setting, "ids");
    const body = JSON.stringify({ grant: setting.caller.grant, key: "k", items: [{ role: "user", content: "x" }] });
    const expected = {
      code: "invalid",
      says: /^id: a context's id is <tenant>\.<name>/,
      hostStatus: [404],
      sidecarStatus: [400, 404, 500],
    } as const;
    const ids = [...badContexts(setting.tenant).map(encodeURIComponent), ...rawContexts(setting.tenant)];
    for (const [name, door] of doorsOf(setting))
      for (const id of ids) {
        const answer = await send(door, `/Context/${id}/method/append`, body);
        // Another tenant's id, well-formed or not, is none of this grant's business: also an answer.
        if (answer.text.includes('"denied"'))
          expectRefused(setting, name, `the id ${id}`, { code: "denied", says: /^the? ?grant/ }, answer);
        else expectRefused(setting, name, `the id ${id}`, expected, answer);
      }
    await check();
  });

  test("methods that are none: refused, with those there are", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "methods");
    const body = JSON.stringify({ grant: setting.caller.grant });
    for (const [name, door] of doorsOf(setting)) {
      for (const method of badMethods) {
        const answer = await send(door, `/Context/${id}/method/${encodeURIComponent(method)}`, body);
        const expected = {
          code: "invalid",
          says: /^there is no such method; there are append, read, history/,
          sidecarStatus: [400],
        } as const;
        expectRefused(setting, name, `the method ${method}`, expected, answer);
      }
      const ofTenant = await send(door, `/Tenant/${setting.tenant}/method/append`, body);
      expectRefused(
        setting,
        name,
        "append of a tenant",
        { code: "invalid", says: /^there is no such method; there are create, configure, list/ },
        ofTenant,
      );
    }
    await check();
  });

  test("methods that would be another route: no reminder, timer or deactivation comes of them", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "routes");
    const body = JSON.stringify({ grant: setting.caller.grant });
    const expected = {
      code: "denied",
      says: /only the runtime fires reminders and timers/,
      hostStatus: [403, 404, 405],
      sidecarStatus: [400, 404, 405, 500],
    } as const;
    for (const [name, door] of doorsOf(setting))
      for (const method of [
        "remind/expire",
        "remind%2Fexpire",
        "timer/expire",
        "timer%2Fexpire",
        "remind",
        "append/x",
        "../append",
        "..%2F..%2Fmethod%2Fappend",
        "",
        "/",
      ]) {
        // The host believes who holds its token; what a caller sends through a sidecar is marked.
        const marked = name === "host" ? { "dapr-api-call": "true" } : {};
        const answer = await send(door, `/Context/${id}/method/${method}`, body, { headers: marked });
        const unknown = answer.text.includes("there is no such method") || answer.text.includes("items: ");
        if (!unknown) expectRefused(setting, name, `the method ${method}`, expected, answer);
      }
    await check();
  });

  test("other verbs: the host refuses them, whatever they bring; a runtime hands on GET and DELETE as PUT and refuses the rest", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "verbs");
    const { grant } = setting.caller;
    const turn = JSON.stringify({ grant, key: "by-verb", items: [{ role: "user", content: "x" }] });
    const expected = { code: "invalid", says: /^none$/, hostStatus: [400, 404, 405], sidecarStatus: [400, 404, 405, 500, 501] } as const;
    for (const [name, door] of doorsOf(setting)) {
      const [taken, refused] = name === "host" ? [[], [...asPut, ...otherVerbs]] : [asPut, otherVerbs];
      for (const verb of refused)
        for (const body of [turn, ""])
          expectRefused(setting, name, `${verb} append`, expected, await send(door, pathOf(id, "append"), body, { verb }));
      for (const verb of taken) {
        const { text } = await send(door, pathOf(id, "read"), JSON.stringify({ grant }), { verb });
        expect(JSON.parse(text), `${verb} read`).toMatchObject({ ok: true, version: 3 });
        const without = { code: "invalid", says: /body: not JSON/ } as const;
        expectRefused(setting, name, `${verb} append`, without, await send(door, pathOf(id, "append"), "", { verb }));
      }
      const { status } = await send(door, pathOf(id, "append"), turn, { verb: "HEAD" });
      expect([404, 405, 500], "HEAD append").toContain(status);
    }
    await check();
  });

  test("paths that lead nowhere: not found, and nothing told of what is inside", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "paths");
    const body = JSON.stringify({ grant: setting.caller.grant });
    const paths = [
      "",
      "/",
      "/Context",
      `/Context/${id}`,
      `/Context/${id}/`,
      `/Context/${id}/method`,
      `/context/${id}/method/read`,
      `/Context/${id}/methods/read`,
      `/Context/${id}/state`,
      `/Context//method/read`,
      `/../../etc/passwd`,
      `/%2e%2e/%2e%2e/etc/passwd`,
      `/Context/${id}/method/read/../../../../x`,
      `/${"x".repeat(5_000)}`,
      `/${MARK.replaceAll("¤", "%C2%A4")}`,
    ];
    for (const [name, door] of doorsOf(setting))
      for (const path of paths) {
        const { status, text } = await send(door, path, body);
        const label = `${name} ${path.slice(0, 60)}`;
        expect([400, 403, 404, 405, 414, 431, 500], `${label}: ${text.slice(0, 200)}`).toContain(status);
        expectClean(setting, text, label);
      }
    await check();
  });

  test("who is not the sidecar gets nothing from the host's port, whatever it asks and however it knocks", async () => {
    const setting = the();
    const { id, check } = await unchanged(setting, "token");
    const { url, headers } = setting.installation.host;
    const token = headers["dapr-api-token"] ?? "";
    const body = JSON.stringify({ grant: setting.caller.grant });
    for (const wrong of [undefined, "", "x", token.slice(1), `${token}x`, token.toUpperCase(), ` ${token}x`, MARK.replaceAll("¤", "")]) {
      const door = { url, headers: wrong === undefined ? {} : { "dapr-api-token": wrong } };
      for (const [verb, path] of [
        ["PUT", pathOf(id, "read")],
        ["DELETE", `/Context/${id}`],
        ["PUT", `/Context/${id}/method/remind/expire`],
        ["GET", "/../dapr/config"],
      ] as const) {
        const { status, text } = await send(door, path, body, { verb });
        expect(status, `${verb} ${path} with ${wrong}: ${text}`).toBe(401);
        expectClean(setting, text, path);
      }
    }
    await check();
  });
}
