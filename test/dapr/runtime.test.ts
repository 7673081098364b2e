// Which Dapr a host serves on: asked of its sidecar at start.

import { expect, test } from "vitest";
import { daprVersions, examineRuntime, type Fit, fitOf } from "../../dapr/runtime.ts";
import { Sidecar, type SidecarAnswer } from "../../dapr/sidecar.ts";

class FakeSidecar extends Sidecar {
  readonly #status: number;
  readonly #body: string;

  constructor(status: number, body: string) {
    super({ url: "http://127.0.0.1:9", token: undefined, timeoutMs: 1 });
    this.#status = status;
    this.#body = body;
  }

  override async call(method: string, path: string): Promise<SidecarAnswer> {
    expect([method, path]).toEqual(["GET", "/v1.0/metadata"]);
    return { status: this.#status, body: Buffer.from(this.#body), etag: undefined };
  }
}

const saying = (runtimeVersion: unknown) => new FakeSidecar(200, JSON.stringify({ id: "host", runtimeVersion }));

const fits: readonly [version: string, fit: Fit][] = [
  [daprVersions.tested, "tested"],
  [`v${daprVersions.tested}`, "tested"],
  ["1.18.0", "supported"],
  ["1.18.20", "supported"],
  [`${daprVersions.tested}-rc.1`, "supported"],
  ["1.19.0", "newer"],
  ["2.0.0", "newer"],
  ["1.17.9", "older"],
  ["1.2.18", "older"],
  ["0.18.2", "older"],
  ["1.180.2", "newer"],
  ["edge", "unknown"],
  ["", "unknown"],
  ["1.18", "unknown"],
];
test.each(fits)("Dapr %s is %s", (version, fit) => {
  expect(fitOf(version)).toBe(fit);
});

test.each(fits.filter(([, fit]) => fit !== "older" && fit !== "unknown"))(
  "a host serves on Dapr %s, and says that it is %s",
  async (version, fit) => {
    expect(await examineRuntime(saying(version))).toEqual({ version, fit });
  },
);

test.each(["1.17.9", "0.18.2"])("a host does not serve on Dapr %s: what it saw, what it needs and what to do", async (version) => {
  await expect(examineRuntime(saying(version))).rejects.toThrow(
    `[unavailable] the sidecar is of Dapr ${version}, and Strata needs 1.18.x (tested: 1.18.2) or newer; upgrade it`,
  );
});

test.each([
  ["nothing", new FakeSidecar(0, "")],
  ["no JSON", new FakeSidecar(200, "<html>")],
  ["an error", new FakeSidecar(500, '{"runtimeVersion":"1.18.2"}')],
  ["no version", saying(undefined)],
  ["a number", saying(1.18)],
  ["a build of no version", saying("edge")],
  ["something that is too long to be one", saying(`1.18.2-${"x".repeat(100)}`)],
  ["what would break a line", saying("1.18.2\n1.0.0")],
])("a sidecar that tells %s is of an unknown version, and what it told is not repeated", async (_, sidecar) => {
  expect(await examineRuntime(sidecar)).toEqual({ version: "(unknown)", fit: "unknown" });
});
