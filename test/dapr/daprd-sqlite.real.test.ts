import { sidecarSuite } from "../suites/sidecar.suite.ts";
import { binaries, isLive } from "../tools/live.ts";
import { openDaprd } from "./daprd.ts";

// Where there is no daprd, live.ts has said so and why.
if (isLive) sidecarSuite("daprd on sqlite", () => openDaprd(binaries(), "sqlite"));
