import { afterAll } from "vitest";
import { badInputSuite } from "../suites/bad-input.suite.ts";
import { contractSuite } from "../suites/contract.suite.ts";
import { openInMemory } from "./memory-installation.ts";

const opening = openInMemory();
afterAll(async () => (await opening)[Symbol.asyncDispose]());

contractSuite("in memory", () => opening, { together: false });
badInputSuite("in memory", () => opening);
