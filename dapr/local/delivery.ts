import type { Clock, Die } from "../../actors/ports.ts";
import { limits } from "../../protocol/limits.ts";
import { type AppChannel, AppError, type AppReply, type AppRequest, passedOn } from "./app.ts";
import { aroundRaw, hasExpired, isRaw } from "./events.ts";
import { drawn, type Faults } from "./faults.ts";
import { GoJsonError, isObject, member, parseGoJson, parsePrecisely } from "./go-json.ts";
import type { Hosting, Subscription } from "./hosting.ts";
import { MatchError, readRule } from "./match.ts";
import { appPath } from "./paths.ts";
import type { Message, Queue } from "./queue.ts";

/**
 * How a subscriber's failures are met: `retries` more deliveries, `everyMs` apart, and then the dead-letter topic or nothing. One that is not answered
 * within `withinMs` has failed.
 */
export type Inbound = { readonly retries: number; readonly everyMs: number; readonly withinMs: number; readonly concurrency: number };

type Reader = {
  readonly subscription: Subscription;
  readonly policy: Inbound;
  readonly routes: readonly { readonly matches: (event: unknown) => boolean; readonly path: string }[];
  /** The last message that was taken up. */
  cursor: number;
};

type Outcome = "done" | "again" | "drop";

/** Headers that a message's metadata may not bring along. */
const ours = new Set(["host", "content-type", "content-length", "expect", "dapr-api-token", "traceparent", "tracestate"]);
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Brings what waits in the queue to the app's subscriptions, at least once and in no promised order. */
export class Delivery {
  readonly #queue: Queue;
  readonly #app: AppChannel;
  readonly #hosting: Hosting;
  readonly #clock: Clock;
  readonly #die: Die;
  readonly #faults: () => Faults;
  readonly #inbound: ReadonlyMap<string, Inbound>;
  readonly #onProblem: (what: string, cause?: unknown) => void;
  #readers: Reader[] = [];
  readonly #underWay = new Map<number, Promise<void>>();
  readonly #busy = new Map<string, number>();
  #looking = false;
  #closed = false;

  constructor(options: {
    queue: Queue;
    app: AppChannel;
    hosting: Hosting;
    clock: Clock;
    die: Die;
    faults: () => Faults;
    /** By pub/sub component. */
    inbound: ReadonlyMap<string, Inbound>;
    onProblem: (what: string, cause?: unknown) => void;
  }) {
    this.#queue = options.queue;
    this.#app = options.app;
    this.#hosting = options.hosting;
    this.#clock = options.clock;
    this.#die = options.die;
    this.#faults = options.faults;
    this.#inbound = options.inbound;
    this.#onProblem = options.onProblem;
  }

  /** The app is gone: what waits, waits. */
  pause(): void {
    this.#readers = [];
  }

  /** Takes over what the app (again) subscribes to: all that is still in the queue is delivered from its beginning. */
  subscribe(subscriptions: readonly Subscription[]): void {
    this.#readers = [];
    this.#queue
      .subscribe(subscriptions)
      .catch((cause) => this.#onProblem("what the app subscribes to could not be written down; it holds until a restart", cause));
    for (const subscription of subscriptions) {
      const policy = this.#inbound.get(subscription.pubsub);
      if (policy === undefined) {
        this.#onProblem(`the app subscribes to ${subscription.topic} on ${subscription.pubsub}, which is no pub/sub component`);
        continue;
      }
      try {
        const routes = subscription.routes.map(({ match, path }) => ({
          matches: match === undefined ? () => true : readRule(match),
          path,
        }));
        this.#readers.push({ subscription, policy, routes, cursor: 0 });
      } catch (cause) {
        this.#onProblem(`a rule of the subscription to ${subscription.topic} cannot be read; it gets no messages`, cause);
      }
    }
    this.lookSoon();
  }

  /** To be called after a publish. One look serves all that happens in the same turn of the event loop. */
  lookSoon(): void {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      try {
        this.#look();
      } catch (cause) {
        this.#onProblem("messages that wait could not be read; they are looked for again", cause);
        this.#lookLater();
      }
    });
  }

  /** Takes up nothing more, and waits for what is under way, at most so long. What is not finished then will be delivered again. */
  async close(withinMs: number): Promise<void> {
    this.#closed = true;
    const late = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref());
    await Promise.race([Promise.all(this.#underWay.values()), late]);
  }

  #look(): void {
    if (this.#closed || !this.#hosting.healthy) return;
    // Another one begins each time, so that a busy topic does not keep the others waiting.
    const [first, ...others] = this.#readers;
    if (first !== undefined) this.#readers = [...others, first];
    for (const reader of this.#readers) {
      const { pubsub, topic } = reader.subscription;
      const free = reader.policy.concurrency - (this.#busy.get(pubsub) ?? 0);
      if (free <= 0) continue;
      for (const message of this.#queue.after(pubsub, topic, reader.cursor, free)) {
        reader.cursor = message.seq;
        if (!this.#underWay.has(message.seq)) this.#take(message, reader);
      }
    }
  }

  #lookLater(): void {
    setTimeout(() => this.lookSoon(), limits.sidecar_delivery_look_ms).unref();
  }

  #take(message: Message, reader: Reader): void {
    this.#busy.set(message.pubsub, (this.#busy.get(message.pubsub) ?? 0) + 1);
    const delivered = this.#deliver(message, reader)
      .catch(async (cause) => {
        this.#onProblem("a message could not be finished; it will be delivered again", cause);
        await new Promise((resolve) => setTimeout(resolve, limits.sidecar_delivery_look_ms));
        // Only now: until it is no longer under way, whoever looks passes it over. The app may have subscribed anew meanwhile.
        const { pubsub, topic } = reader.subscription;
        for (const one of this.#readers)
          if (one.subscription.pubsub === pubsub && one.subscription.topic === topic) one.cursor = Math.min(one.cursor, message.seq - 1);
      })
      .finally(() => {
        this.#underWay.delete(message.seq);
        this.#busy.set(message.pubsub, (this.#busy.get(message.pubsub) ?? 1) - 1);
        this.lookSoon();
      });
    this.#underWay.set(message.seq, delivered);
  }

  async #deliver(message: Message, reader: Reader): Promise<void> {
    const { subscription } = reader;
    const read = this.#read(message, reader);
    if (read === "unreadable") return await this.#end(message, subscription, "is no CloudEvent, or no rule could be applied to it");
    if (read === "nobody's") return await this.#end(message, subscription, undefined);
    const post = () =>
      this.#post({ verb: "POST", path: read.path, headers: read.headers, body: read.text, within: reader.policy.withinMs });
    const twice = drawn(this.#faults().deliverTwice, this.#die);
    // Nobody hears what comes of the second one.
    const [outcome] = await Promise.all([this.#attempt(post, reader.policy), twice ? post() : undefined]);
    if (outcome === "done") return await this.#queue.finish(message);
    // An app that is gone did not refuse anything: it gets its messages when it is back.
    if (outcome === "again" && (!this.#hosting.healthy || this.#closed)) return;
    await this.#end(message, subscription, outcome === "drop" ? undefined : "was refused as often as it may be delivered");
  }

  async #attempt(post: () => Promise<Outcome>, { retries, everyMs }: Inbound): Promise<Outcome> {
    let outcome: Outcome = "again";
    for (let attempt = 0; outcome === "again" && attempt <= retries && !this.#closed; attempt++) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
      if (!this.#closed) outcome = await post();
    }
    return outcome;
  }

  /** A message that will not be delivered: to the dead-letter topic, or nowhere, as daprd does it. */
  async #end(message: Message, subscription: Subscription, why: string | undefined): Promise<void> {
    const topic = subscription.deadLetterTopic;
    if (why !== undefined)
      this.#onProblem(`a message of ${message.topic} ${why}; it ${topic === undefined ? "is lost" : `goes to ${topic}`}`);
    await this.#queue.finish(message, topic === undefined ? undefined : { ...message, topic });
  }

  /** What to post where; or why not. */
  #read(message: Message, reader: Reader): { path: string; text: string; headers: Record<string, string> } | "unreadable" | "nobody's" {
    const { pubsub, topic, metadata } = reader.subscription;
    try {
      const text = isRaw(metadata) ? aroundRaw(message.data, pubsub, topic, this.#die) : Buffer.from(message.data).toString("utf8");
      const event = parsePrecisely(text);
      if (!isObject(event)) return "unreadable";
      if (hasExpired(event, this.#clock.now())) return "nobody's";
      const route = reader.routes.find(({ matches }) => matches(event));
      if (route === undefined) return "nobody's";
      const path = appPath(route.path.startsWith("/") ? route.path : `/${route.path}`);
      return path === undefined ? "unreadable" : { path, text, headers: headersOf(message, event) };
    } catch (reason) {
      if (reason instanceof GoJsonError || reason instanceof MatchError) return "unreadable";
      throw reason;
    }
  }

  async #post(request: AppRequest): Promise<Outcome> {
    try {
      return outcomeOf(await this.#app.call(request));
    } catch (reason) {
      if (reason instanceof AppError) return "again";
      throw reason;
    }
  }
}

function headersOf(message: Message, event: Readonly<Record<string, unknown>>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(passedOn(lowered(message.metadata), ours)))
    if (typeof value === "string" && headerName.test(name) && headerValue.test(value)) headers[name] = value;
  const trace = event.traceparent ?? event.traceid;
  if (typeof trace === "string" && trace !== "" && headerValue.test(trace)) headers.traceparent = trace;
  headers.pubsubname = message.pubsub;
  headers["content-type"] = "application/cloudevents+json";
  return headers;
}

const lowered = (metadata: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]));

function outcomeOf(reply: AppReply): Outcome {
  if (reply.status === 404) return "drop";
  if (reply.status < 200 || reply.status > 299) return "again";
  const status = statusOf(reply.body);
  // What is no answer at all counts as taken; what is one but not known does not.
  if (status === "" || status === "SUCCESS") return "done";
  return status === "DROP" ? "drop" : "again";
}

function statusOf(body: Buffer): string {
  try {
    const answer = parseGoJson(body.toString("utf8"));
    const status = isObject(answer) ? member(answer, "status") : "";
    return typeof status === "string" ? status : "";
  } catch {
    return "";
  }
}
