import { expect, test } from "vitest";
import { configured, fresh, type Sides, send } from "./client.ts";

/** A call on its way to an actor, and its answer on the way back. */
export function actorSuite(sides: Sides): void {
  passing(sides);
  failing(sides);
  naming(sides);
  marking(sides);
  letting(sides);
  limiting(sides);
  losing(sides);
}

function passing({ on, app, env }: Sides): void {
  for (const verb of ["PUT", "POST", "GET", "DELETE"])
    test(`actors: ${verb} reaches the app as PUT, with query, body and headers`, async () => {
      const id = fresh("verb");
      app().on(`/actors/Actor/${id}/method/m?q=1&r=%2F`, () => ({ body: '{"a":1}', headers: { "x-of-app": "yes" } }));
      const sent = { verb, body: '{"b":2}', headers: { "content-type": "application/json", "x-of-caller": "yes" } };
      const answer = await on().callers(`/v1.0/actors/Actor/${id}/method/m?q=1&r=%2F`, sent);
      expect([answer.status, answer.body, answer.headers["x-of-app"], answer.headers["content-type"]]).toEqual([
        200,
        '{"a":1}',
        "yes",
        "application/json",
      ]);
      const [heard] = app().at(`/actors/Actor/${id}/`);
      expect([heard?.verb, heard?.body, heard?.headers["x-of-caller"], heard?.headers["content-type"]]).toEqual([
        "PUT",
        sent.body,
        "yes",
        "application/json",
      ]);
    });

  test("actors: an answer keeps its content type, and without one it is JSON", async () => {
    const id = fresh("type");
    app().on(`/actors/Actor/${id}/method/text`, () => ({ body: "text", headers: { "content-type": "text/plain" } }));
    app().on(`/actors/Actor/${id}/method/none`, () => ({ body: "x", headers: { "content-type": "" } }));
    expect((await on().call(`Actor/${id}`, "text")).headers["content-type"]).toBe("text/plain");
    expect((await on().call(`Actor/${id}`, "none")).headers["content-type"]).toBe("application/json");
  });

  test("actors: bytes and an empty body pass unchanged", async () => {
    const id = fresh("bytes");
    app().on(`/actors/Actor/${id}/method/echo`, ({ body }) => ({ body }));
    const text = "é\u0000\u2028 \u{1f600}";
    expect((await on().call(`Actor/${id}`, "echo", text)).body).toBe(text);
    expect((await on().call(`Actor/${id}`, "echo", "")).body).toBe("");
  });

  test("actors: many calls of many actors at once all come back, each with its own answer", async () => {
    const group = fresh("many");
    const calls = Array.from({ length: 200 }, async (_, index) => {
      app().on(`/actors/Actor/${group}-${index}/method/m`, ({ body }) => ({ body }));
      return (await send(env().callers, `/v1.0/actors/Actor/${group}-${index}/method/m`, { body: String(index) })).body;
    });
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 200 }, (_, index) => String(index)));
  });
}

function failing({ on, app }: Sides): void {
  for (const status of [201, 204, 301, 400, 409, 500, 503])
    test(`actors: the app's ${status} is the runtime's failure, its text inside`, async () => {
      const id = fresh("status");
      const body = status === 204 ? "" : "what the app said";
      app().on(`/actors/Actor/${id}/method/m`, () => ({ status, body, headers: { location: "/elsewhere" } }));
      const answer = await on().call(`Actor/${id}`, "m");
      expect([answer.status, answer.code]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
      expect(JSON.parse(answer.body).message).toContain(`error from actor service: (${status}) ${body}`);
      expect(app().at(`/actors/Actor/${id}/`)).toHaveLength(1);
    });

  test("actors: the app's 404 is a method that does not exist, and is not tried again", async () => {
    const id = fresh("404");
    app().on(`/actors/Actor/${id}/method/m`, () => ({ status: 404, body: "no" }));
    const answer = await on().call(`Actor/${id}`, "m");
    expect([answer.status, answer.code]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
    expect(JSON.parse(answer.body).message).toContain(`actor method not found: actors/Actor/${id}/method/m`);
    expect(app().at(`/actors/Actor/${id}/`)).toHaveLength(1);
  });

  test("actors: a type that nobody hosts is refused", async () => {
    const answer = await on().call(`Nobody/${fresh("x")}`, "m");
    expect([answer.status, answer.code]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
    expect(JSON.parse(answer.body).message).toContain("did not find address for actor 'Nobody/");
  });
}

const methods = [
  ["remind%2Fx", "remind/x"],
  ["timer%2Fx", "timer/x"],
  ["a%20b", "a%20b"],
  ["a+b", "a%20b"],
  ["%C3%A9", "%C3%A9"],
  ["a%7C%7Cb", "a%7C%7Cb"],
  ["a%5Cb", "a%5Cb"],
  ["a;b", "a;b"],
  ["a..b", "a..b"],
  ["x%2F..%2Fy", "y"],
  ["..%2F..%2Fy", "y"],
  ["y%2F", "y"],
] as const;

function naming({ on, app }: Sides): void {
  for (const [asked, heard] of methods)
    test(`actors: method ${asked} arrives as ${heard}, under the actor's own path`, async () => {
      const id = fresh("method");
      expect((await on().call(`Actor/${id}`, asked)).status).toBe(200);
      expect(
        app()
          .at(`/actors/Actor/${id}/`)
          .map(({ path }) => path),
      ).toEqual([`/actors/Actor/${id}/method/${heard}`]);
    });

  for (const bad of ["a%23b", "a%3Fb", "a%00b", "a%0Ab", "a%7Fb"])
    test(`actors: method ${bad} is a bad request`, async () => {
      const answer = await on().call(`Actor/${fresh("bad")}`, bad);
      expect([answer.status, answer.code]).toEqual([400, "ERR_BAD_REQUEST"]);
    });

  for (const bad of ["a%2Fb", "a%23b", "a%3Fb", "a%5Cb", "a%01b", "%2e%2e", "%2e"])
    test(`actors: id ${bad} is a bad request`, async () => {
      const answer = await on().call(`Actor/${bad}`, "m");
      expect([answer.status, answer.code]).toEqual([400, "ERR_BAD_REQUEST"]);
    });

  test("actors: a lone percent sign makes no URL for the app", async () => {
    const answer = await on().call(`Actor/${fresh("percent")}`, "a%25b");
    expect([answer.status, answer.code]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
  });
}

function marking({ on, app }: Sides): void {
  test("actors: a caller's call is marked, and the mark cannot be taken off", async () => {
    const id = fresh("forged");
    await on().call(`Actor/${id}`, "m");
    await on().call(`Actor/${id}`, "remind%2Fx", "", { headers: { "dapr-api-call": "false" } });
    expect(
      app()
        .at(`/actors/Actor/${id}/`)
        .map(({ headers }) => headers["dapr-api-call"]),
    ).toEqual(["true", "false, true"]);
  });

  test("actors: the trace is handed on", async () => {
    const id = fresh("trace");
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await on().call(`Actor/${id}`, "m", "", { headers: { traceparent, tracestate: "a=b", baggage: "k=v" } });
    const [heard] = app().at(`/actors/Actor/${id}/`);
    expect(String(heard?.headers.traceparent).slice(0, 36)).toBe(traceparent.slice(0, 36));
    expect([heard?.headers.tracestate, heard?.headers.baggage]).toEqual(["a=b", "k=v"]);
  });
}

function letting({ on, app }: Sides): void {
  test("actors: an idle actor is let go, and the next call finds another", async () => {
    const id = fresh("idle");
    const gone = () =>
      app()
        .at(`/actors/Brief/${id}`)
        .filter(({ verb }) => verb === "DELETE");
    await on().call(`Brief/${id}`, "m");
    await app().until(() => gone().length === 1, "DELETE of the idle actor");
    expect(gone()[0]?.path).toBe(`/actors/Brief/${id}`);
    expect((await on().call(`Brief/${id}`, "m")).status).toBe(200);
    await app().until(() => gone().length === 2, "DELETE after the second use");
  });

  test("actors: a call that comes while its actor is let go waits until the app has answered that", async () => {
    const id = fresh("leaving");
    await on().call(`Brief/${id}`, "before");
    const gate = app().hold(`/actors/Brief/${id}`);
    const leaving = await gate.next();
    expect(leaving.heard.verb).toBe("DELETE");
    const call = on().call(`Brief/${id}`, "after");
    const other = fresh("other");
    for (let round = 0; round < 20; round++) await on().call(`Actor/${other}`, "m");
    expect(app().at(`/actors/Brief/${id}/method/after`)).toEqual([]);
    leaving.reply();
    expect((await call).status).toBe(200);
    app().on(`/actors/Brief/${id}`, () => ({}));
  });
}

function limiting({ on, app, env }: Sides): void {
  test("limits: a body above the cap is refused before the app is asked", async () => {
    const id = fresh("large");
    const answer = await on().call(`Actor/${id}`, "m", "x".repeat(configured.maxBodyBytes + 1_024));
    expect([answer.status, answer.code]).toEqual([400, "ERR_BAD_REQUEST"]);
    expect(JSON.parse(answer.body).message).toContain("stream too large");
    expect(app().at(`/actors/Actor/${id}/`)).toEqual([]);
  });

  test("limits: a body above the cap is refused without a content-length too", async () => {
    const id = fresh("chunked");
    const chunks = new ReadableStream({
      start(controller) {
        for (let sent = 0; sent <= configured.maxBodyBytes; sent += 65_536) controller.enqueue(new Uint8Array(65_536));
        controller.close();
      },
    });
    const url = `${env().callers}/v1.0/actors/Actor/${id}/method/m`;
    const answer = await fetch(url, { method: "POST", body: chunks, duplex: "half" } as RequestInit);
    expect([answer.status, JSON.parse(await answer.text()).errorCode]).toEqual([400, "ERR_BAD_REQUEST"]);
    expect(app().at(`/actors/Actor/${id}/`)).toEqual([]);
  });

  test("limits: a body just below the cap passes, an answer above it does not, its length announced or not", async () => {
    const id = fresh("near");
    const body = "y".repeat(configured.maxBodyBytes + 1);
    app().on(`/actors/Actor/${id}/method/chunked`, () => ({ body }));
    app().on(`/actors/Actor/${id}/method/announced`, () => ({ body, headers: { "content-length": String(body.length) } }));
    expect((await on().call(`Actor/${id}`, "m", "x".repeat(configured.maxBodyBytes - 2_048))).status).toBe(200);
    for (const method of ["chunked", "announced"]) {
      const answer = await on().call(`Actor/${id}`, method);
      expect([answer.status, answer.code]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
    }
  });

  test("limits: an answer with 5 KiB of headers is the app's failure", async () => {
    const id = fresh("wide");
    app().on(`/actors/Actor/${id}/method/m`, () => ({ headers: { "x-large": "y".repeat(5_000) } }));
    const answer = await on().call(`Actor/${id}`, "m");
    expect([answer.status, answer.code]).toEqual([500, "ERR_ACTOR_INVOKE_METHOD"]);
  });
}

function losing({ on, app }: Sides): void {
  test("actors: an app that cannot be reached is the runtime's failure, and is found again", async () => {
    const { port, reopen } = await app().vanish();
    const answer = await on().call(`Actor/${fresh("gone")}`, "m");
    await reopen();
    expect([port > 0, answer.status, answer.code]).toEqual([true, 500, "ERR_ACTOR_INVOKE_METHOD"]);
    await expect.poll(async () => (await on().call(`Actor/${fresh("back")}`, "m")).status, { timeout: 20_000 }).toBe(200);
  });
}
