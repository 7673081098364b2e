// What keeps Strata's promises under faults, and how each is switched off to see that the faults would break them without it. A cure in the code is
// taken out by changing the text of one module while the host loads it (without.ts), one in a configuration by starting with another file or
// environment. Nothing of this is in what ships.

export interface Cure {
  readonly name: string;
  /** What it does, as a clause. */
  readonly about: string;
  /** Its text in our modules, and what stands there instead. Each must occur exactly once. */
  readonly patches?: readonly Patch[];
  /** Environment of the hosts; an empty value takes the variable away. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is set on a running Redis, where that is the store. */
  readonly redis?: Readonly<Record<string, string>>;
  /** What is taken out of the configuration of the host's sidecar. */
  readonly hostConfig?: readonly string[];
}

export type Patch = { readonly module: string; readonly replace: string; readonly by: string };

const CREATE = `if ((await by.group.create(key, bytes, call, attempt > 0)) === "created") return true;`;

export const cures: readonly Cure[] = [
  {
    name: "queue",
    about: "turns of a context wait for each other in the host, whatever the runtime's lock does",
    patches: [{ module: "actors/queue.ts", replace: "if (this.#busy) {", by: "if (this.#busy && this.#waiting.length < 0) {" }],
  },
  {
    name: "abort",
    about: "a call whose caller has gone leaves the host's queue",
    patches: [{ module: "dapr/host.ts", replace: "if (!response.writableFinished) gone.abort();", by: "" }],
  },
  {
    name: "fence",
    about: "a record is created or not at all, it never replaces another; and the host examines that the store does so (V6, C9)",
    patches: [
      {
        module: "dapr/state.ts",
        replace: `"value":"\${encode(value)}",\${this.#fence}}`,
        by: `"value":"\${encode(value)}"}`,
      },
      { module: "dapr/examine.ts", replace: `again.includes("created") || !kept`, by: "again.length === 0" },
    ],
  },
  {
    name: "handover",
    about: "a host gives a context away only when the turn that runs has ended",
    patches: [
      {
        module: "actors/context.ts",
        replace: "await a.queue.run(() => this.#leave(a));\n    if",
        by: "void a.queue.run(() => this.#leave(a));\n    if",
      },
    ],
  },
  {
    name: "tail-proof",
    about: "a write that was sent too long after the tail was proven counts only if the name has not ended (C5)",
    patches: [
      {
        module: "actors/commit.ts",
        replace: "if (isYoung(loaded.proven, ports)) return true;",
        by: "if (entry.version > 0) return true;",
      },
    ],
  },
  {
    name: "keys",
    about: "a key that was used before is answered as before (C10)",
    patches: [
      {
        module: "core/context.ts",
        replace: "const seen = state.keys.versionOf(asked.key);",
        by: "const seen = undefined as number | undefined;",
      },
    ],
  },
  {
    name: "read-back",
    about: "a write that the store did not confirm is unknown and looked at, not taken for done (C2)",
    patches: [{ module: "actors/commit.ts", replace: CREATE, by: CREATE.replace(/if \(\((.*)\) === "created"\)/, "$1;") }],
  },
  {
    name: "attempt-id",
    about: "what stands after a write that was not confirmed is this turn's only if it bears its attempt's id (C2)",
    patches: [
      {
        module: "actors/commit.ts",
        replace: `if (settled !== "absent") return settled === "mine";`,
        by: `if (settled !== "absent") return true;`,
      },
    ],
  },
  {
    name: "told-again",
    about: "events that a crash kept from going out are found again, by the next turn or by the context's reminder (C7)",
    patches: [
      {
        module: "actors/tending.ts",
        replace: "if (!outbox.add(a, eventOf(a.id, entry))) return;",
        by: "if (entry.version > 0) return;",
      },
    ],
  },
  {
    name: "mark",
    about: "a fire that came over the sidecar's API is refused on the presence of its mark, whatever the mark says",
    patches: [
      {
        module: "dapr/host.ts",
        replace: `request.headers["dapr-api-call"] !== undefined`,
        by: `request.headers["dapr-api-call"] === "true"`,
      },
    ],
  },
  {
    name: "durable",
    about: "the store keeps what it acknowledged, and the host looks whether it does (C9); Redis only",
    env: { STRATA_ACCEPT_LOSS: "yes" },
    redis: { appendonly: "no" },
  },
  { name: "app-token", about: "the host serves only who sends APP_API_TOKEN", env: { APP_API_TOKEN: "" } },
  { name: "api-allowed", about: "the host's own sidecar does not offer service invocation", hostConfig: ["spec", "api"] },
  { name: "access-control", about: "other applications' sidecars may not invoke the host", hostConfig: ["spec", "accessControl"] },
];

/**
 * Not a cure: a setting that has no variable. The runtime gives turns 7 s to end before it starts them again elsewhere; that it does so is what the
 * fault is about, and no test waits so long.
 */
export const briefDrain: Cure = {
  name: "brief-drain",
  about: "turns are started elsewhere after half a second",
  patches: [{ module: "services/host/host.ts", replace: `drainOngoingCallTimeout: "7s"`, by: `drainOngoingCallTimeout: "500ms"` }],
};

/** Throws a RangeError that names what there is. */
export function cureOf(name: string): Cure {
  const found = [...cures, briefDrain].find((cure) => cure.name === name);
  if (found === undefined) throw new RangeError(`there is no cure "${name}"; there are ${cures.map((cure) => cure.name).join(", ")}`);
  return found;
}

/** Throws where the text is not there, or more than once: then the module has changed, and the cure must be described anew. */
export function patched(source: string, { module, replace, by }: Patch): string {
  const parts = source.split(replace);
  if (parts.length !== 2) throw new Error(`${module}: "${replace}" occurs ${parts.length - 1} times, not once; see test/faults/cures.ts`);
  return parts.join(by);
}
