import { type Answer, BodyTooLarge, refused } from "./answers.ts";
import { type AppChannel, AppError, passedOn } from "./app.ts";
import type { Faults } from "./faults.ts";
import { appPath } from "./paths.ts";
import type { Call, Route } from "./server.ts";

const verbs = ["GET", "POST", "PUT", "DELETE"] as const;
/** Written anew on the way to the app. */
const ours = new Set(["host", "content-length", "expect"]);

/**
 * Service invocation, which exists under the fault `invokePastLock` alone: what an own sidecar's or another app's does to an app that no
 * Configuration guards. It knows neither turns nor marks.
 */
export class Invocation {
  readonly #app: AppChannel;
  readonly #appId: string;
  readonly #faults: () => Faults;

  constructor(options: { app: AppChannel; appId: string; faults: () => Faults }) {
    this.#app = options.app;
    this.#appId = options.appId;
    this.#faults = options.faults;
  }

  get routes(): readonly Route[] {
    const tooLarge = () => failed(new BodyTooLarge().message);
    const exists = () => this.#faults().invokePastLock;
    return [{ verbs, pattern: "/v1.0/invoke/{}/method/*", for: "callers", exists, tooLarge, handle: (call) => this.#invoke(call) }];
  }

  async #invoke(call: Call): Promise<Answer> {
    const [appId = "", method = ""] = call.params;
    if (appId !== this.#appId) return failed(`failed to invoke, id: ${appId}, err: couldn't find service: ${appId}`);
    const path = appPath(`/${method}`);
    const verb = verbs.find((one) => one === call.verb);
    if (path === undefined || verb === undefined) return failed("parse: invalid URL escape");
    try {
      const query = call.query === "" ? "" : `?${call.query}`;
      const reply = await this.#app.call({ verb, path: path + query, headers: passedOn(call.headers, ours), body: call.body });
      return { status: reply.status, headers: passedOn(reply.headers, ours), body: reply.body };
    } catch (reason) {
      if (reason instanceof AppError) return failed(reason.message);
      throw reason;
    }
  }
}

const failed = (message: string): Answer => refused(500, "ERR_DIRECT_INVOKE", message);
