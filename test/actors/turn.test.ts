import { test } from "vitest";
import { ContextActor } from "../../actors/context.ts";
import { turnClaims } from "./turn-claims.ts";

for (const [claim, holds] of turnClaims) test(claim, () => holds({ ContextActor }));
