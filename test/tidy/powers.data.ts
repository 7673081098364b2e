// What a file can reach without being handed it, which of that is harmless, and who may reach for the rest.

/** Which rule holds it (rules.ts). A door is what leads to all others, or out of the process. */
export type Kind = "clock" | "die" | "timer" | "environment" | "printing" | "door";

export type Power = {
  readonly kind: Kind;
  /** Members that are something else than the whole. */
  readonly members?: Readonly<Record<string, Kind | "harmless">>;
  /** What those members are that stand nowhere here; where nothing is said, the same as the whole. */
  readonly others?: "harmless";
};

/** A date of something said, as in `new Date(at)`: the one use of a class that differs from that of its name. */
export const NEW_OF = "new (…)";

const clock: Power = { kind: "clock" };
const timer: Power = { kind: "timer" };

/** Globals by name, and modules of Node with their `node:`. What comes with Node and stands neither here nor below is a door. */
export const powers: Readonly<Record<string, Power>> = {
  Date: { kind: "clock", members: { parse: "harmless", UTC: "harmless", [NEW_OF]: "harmless" } },
  Temporal: clock,
  performance: clock,
  // It formats the present where it is given no date.
  Intl: clock,
  "node:perf_hooks": clock,

  Math: { kind: "die", members: { random: "die" }, others: "harmless" },
  crypto: { kind: "die" },
  webcrypto: { kind: "die" },
  "node:crypto": {
    kind: "die",
    members: {
      createCipheriv: "harmless",
      createDecipheriv: "harmless",
      createHash: "harmless",
      createHmac: "harmless",
      createSecretKey: "harmless",
      hash: "harmless",
      timingSafeEqual: "harmless",
    },
  },

  setTimeout: timer,
  setInterval: timer,
  setImmediate: timer,
  clearTimeout: timer,
  clearInterval: timer,
  clearImmediate: timer,
  AbortSignal: { kind: "timer", members: { timeout: "timer" }, others: "harmless" },
  Atomics: timer,
  "node:timers": timer,
  "node:timers/promises": timer,

  process: {
    kind: "door",
    members: {
      env: "environment",
      hrtime: "clock",
      uptime: "clock",
      cpuUsage: "clock",
      resourceUsage: "clock",
      stdout: "printing",
      stderr: "printing",
      emitWarning: "printing",
    },
  },
  console: { kind: "printing" },
  // Reads NODE_DEBUG, or prints.
  "node:util": { kind: "printing", members: { debug: "printing", debuglog: "printing", deprecate: "printing" }, others: "harmless" },
};

/** They compute from what they are given, and nothing else. */
export const harmless: ReadonlySet<string> = new Set([
  ...["Array", "ArrayBuffer", "BigInt", "Boolean", "Buffer", "DataView", "Iterator", "JSON", "Map", "Number", "Object", "Promise"],
  ...["Proxy", "Reflect", "RegExp", "Set", "String", "Symbol", "Uint8Array", "WeakMap", "WeakSet", "Infinity", "NaN", "undefined"],
  ...["AggregateError", "Error", "RangeError", "SyntaxError", "TypeError", "AbortController", "TextDecoder", "TextEncoder"],
  ...["URL", "URLSearchParams", "structuredClone", "queueMicrotask", "isFinite", "isNaN", "parseFloat", "parseInt", "atob", "btoa"],
  ...["decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent"],
  ...["node:buffer", "node:events", "node:path", "node:stream", "node:url", "node:zlib"],
]);

export type Allowance = {
  readonly files: RegExp;
  /** A whole, or one of its members. */
  readonly names: readonly string[];
  readonly why: string;
};

export const allowances: readonly Allowance[] = [
  {
    files: /^dapr\/clock\.ts$/,
    names: ["Date.now", "performance.now", "node:crypto.randomFillSync"],
    why: "it is the one clock and the one die",
  },
  {
    files: /^(?:dapr|services)\//,
    names: [
      "setTimeout",
      "setInterval",
      "setImmediate",
      "clearTimeout",
      "clearInterval",
      "AbortSignal.timeout",
      "node:timers/promises.setTimeout",
    ],
    why: "who speaks with a network or a terminal has patience of its own; the simulator stands in its place, and so needs none of it",
  },
  { files: /^dapr\/(?:host|local\/server)\.ts$/, names: ["node:http.createServer"], why: "they are the servers" },
  { files: /^dapr\/local\/disk\.ts$/, names: ["node:sqlite.DatabaseSync"], why: "it is what the embedded sidecar writes on" },
  { files: /^services\/[a-z-]+\/config\.ts$/, names: ["process.env"], why: "the environment is read here and nowhere else" },
  {
    files: /^services\/[a-z-]+\/main\.ts$/,
    names: ["console", "process.stdout", "process.stderr", "process.stdin", "process.argv", "process.exitCode", "process.once"],
    why: "a process speaks, listens and ends in its own main",
  },
  {
    files: /^services\/(?:grant\/config|import\/lines|start\/data|start\/main)\.ts$/,
    names: ["node:fs", "node:fs/promises.stat"],
    why: "they read files that the user named or that are shipped, and keep the folder of npm start",
  },
];
