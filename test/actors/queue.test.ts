import { test } from "vitest";
import { Queue } from "../../actors/queue.ts";
import { queueClaims } from "./queue-claims.ts";

for (const [claim, holds] of queueClaims) test(claim, () => holds({ Queue }));
