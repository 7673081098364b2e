import { afterAll } from "vitest";
import { badInputSuite } from "../suites/bad-input.suite.ts";
import { contractSuite } from "../suites/contract.suite.ts";
import { openEmbedded } from "./embedded-installation.ts";

const opening = openEmbedded();
afterAll(async () => (await opening)[Symbol.asyncDispose]());

contractSuite("on the embedded sidecar", () => opening, { together: true });
badInputSuite("on the embedded sidecar", () => opening, { queued: 1_000 });
